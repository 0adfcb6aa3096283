"""DINOv2 ViT-B/14: Oquab et al. (2024), DINOv2: learning robust visual features without supervision, TMLR.

Trained without labels on 142 million pictures (LVD-142M). Here it sees 224 pixels, which are 256 patches, as in the
article's classification of ImageNet; ``timm/vit_base_patch14_dinov2`` sees 518 pixels, which are 1,369 patches. The
class token comes first: ``--pool cls`` takes it, ``--pool mean`` the patches.
"""

from itbench import from_timm, hookimpl

LAYERS = (*(f"blocks.{block}" for block in range(12)), "norm")
TAG = "lvd142m"


@hookimpl
def itbench_models(register):
    about = "Oquab et al. 2024, LVD-142M, no labels"
    register("dinov2_vitb14", dinov2, layers=LAYERS, source=f"timm {TAG}", description=about, bibtex="oquab2024")


def dinov2(weights):
    return from_timm(f"vit_base_patch14_dinov2.{TAG}", weights, layers=LAYERS, img_size=224)
