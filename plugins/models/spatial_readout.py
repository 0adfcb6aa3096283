"""Spatial readouts of a frozen core: each site learns where it looks, and what it reads there.

``factorised-readout``: a mask over places times weights of features. Klindt, Ecker, Euler & Bethge (2017), Neural
system identification for large populations separating "what" and "where", NeurIPS 30.
``gaussian-readout``: one place a site, drawn from a Gaussian while learning. Lurz et al. (2021), Generalization in
data-driven models of primary visual cortex, ICLR.

Features are standardised per channel first, as Cadena et al. (2019), PLoS Comput. Biol. 15, e1006897, do with those of
VGG. The recipe freezes the core; ``--recipe 'freeze=[]'`` lets all of it learn.
"""

from functools import partial

from itbench import hookimpl

KINDS = ("factorised-readout", "gaussian-readout")


@hookimpl
def itbench_models(register):
    of_kind = ((factorised_readout, "klindt2017 cadena2019"), (gaussian_readout, "lurz2021 cadena2019"))
    for kind, (factory, keys) in zip(KINDS, of_kind, strict=True):
        about = f"frozen, with a {kind.replace('-', ' ')}"
        for name, core in ((f"{kind}/*", "any core"), (f"resnet50-{kind}", "resnet50")):
            recipe = f"recipes/{name.removesuffix('/*')}.yaml"
            register(name, factory, recipe=recipe, metric="direct", description=f"{core}, {about}", bibtex=keys)


def factorised_readout(core, layer="", rank=1, normalised=True, l1=0.0, l2=0.0):
    from itbench import FactorisedReadout

    return spatial(core, layer, partial(FactorisedReadout, rank=rank, normalised=normalised, l1=l1, l2=l2))


def gaussian_readout(core, layer="", spread=0.3, l1=0.0, l2=0.0):
    from itbench import GaussianReadout

    return spatial(core, layer, partial(GaussianReadout, spread=spread, l1=l1, l2=l2))


def spatial(core, layer, readout):
    from torch import nn

    from itbench import last_map, with_heads

    def heads(shape, sites, classes):
        read = readout(shape, sites)  # refuses a layer without places
        return {"responses": nn.Sequential(nn.BatchNorm2d(shape[0], affine=False), read)}

    return with_heads(core, layer or last_map(core), heads)
