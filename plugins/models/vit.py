"""ViT-B/16: Dosovitskiy et al. (2021), An image is worth 16x16 words: Transformers for image recognition at
scale, ICLR.

Trained on ImageNet-1k alone. Its layers are 197 tokens of 768 channels, the class token first: ``--pool cls`` takes it,
``--pool mean`` the patches.
"""

from itbench import from_torchvision, hookimpl

BLOCKS = tuple(f"encoder.layers.encoder_layer_{block}" for block in range(12))
LAYERS = ("conv_proj", *BLOCKS, "encoder.ln")
TAG = "IMAGENET1K_V1"


@hookimpl
def itbench_models(register):
    about = "Dosovitskiy et al. 2021, ImageNet-1k"
    register(
        "vit_b_16", vit_b_16, layers=LAYERS, source=f"torchvision {TAG}", description=about, bibtex="dosovitskiy2021"
    )


def vit_b_16(weights):
    return from_torchvision("vit_b_16", weights, layers=LAYERS, tag=TAG)
