"""DINOv2 ViT-B/14: Oquab et al. (2024), DINOv2: learning robust visual features without supervision, TMLR.

Trained without labels on 142 million pictures (LVD-142M). Here it sees 224 pixels, which are 256 patches, the size at
which the article classifies ImageNet; at timm's own default of 518 pixels, 1,369 patches, a picture costs six times as
much (``timm/vit_base_patch14_dinov2``). The class token comes first: ``--pool cls`` takes it, ``--pool mean`` the patches.
"""

from itbench import from_timm, hookimpl

LAYERS = (*(f"blocks.{block}" for block in range(12)), "norm")
NETWORK = "vit_base_patch14_dinov2.lvd142m"


@hookimpl
def itbench_models(register):
    about = "Oquab et al. 2024, LVD-142M without labels"
    register("dinov2_vitb14", dinov2, layers=LAYERS, source=f"timm {NETWORK}", description=about)


def dinov2(weights):
    return from_timm(NETWORK, weights, layers=LAYERS, img_size=224)
