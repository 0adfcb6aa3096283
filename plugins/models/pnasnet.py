"""PNASNet-5-Large: Liu, Zoph, Neumann, Shlens, Hua, Li, Fei-Fei, Yuille, Huang & Murphy (2018), Progressive neural
architecture search, ECCV.

It takes pictures of 331 pixels, so its cells 0 to 3 have 1.9 million features each and are no candidates; name
``cell_0`` to ``cell_3`` to score them.
"""

from itbench import from_timm, hookimpl

LAYERS = ("cell_stem_1", "cell_4", "cell_5", "cell_7", "cell_9", "cell_11", "global_pool")
TAG = "tf_in1k"


@hookimpl
def itbench_models(register):
    about = "Liu et al. 2018, ImageNet-1k, 331 px"
    register("pnasnet5large", pnasnet, layers=LAYERS, source=f"timm {TAG}", description=about, bibtex="liu2018")


def pnasnet(weights):
    return from_timm(f"pnasnet5large.{TAG}", weights, layers=LAYERS)
