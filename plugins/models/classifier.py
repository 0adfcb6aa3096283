"""A network taught to name the objects of the benchmark's pictures, and then read out by ridge like a frozen one.

Yamins, Hong, Cadieu, Solomon, Seibert & DiCarlo (2014), Performance-optimized hierarchical models predict neural
responses in higher visual cortex, PNAS 111, 8619-8624: what a network learns in order to name objects comes near to IT.
Here it learns from the training pictures of every split alone; no response enters but through the readout.

``classifier`` starts from the weights that the core has, ``classifier-scratch`` from random ones.
"""

from itbench import hookimpl


@hookimpl
def itbench_models(register):
    starts = {"classifier": ("pretrained", "random"), "classifier-scratch": ("random",)}
    for kind, weights in starts.items():
        about = f"taught the benchmark's objects from {weights[0]} weights"
        for name in (f"{kind}/*", f"resnet50-{kind}"):
            recipe = f"recipes/{name.removesuffix('/*')}.yaml"
            register(name, classifier, recipe=recipe, weights=weights, description=about, bibtex="yamins2014")


def classifier(core, layer="", pool="mean", dropout=0.0):
    from itbench import linear_head, with_heads

    def heads(shape, sites, classes):
        return {"classes": linear_head(shape, classes, pool=pool, dropout=dropout)}

    return with_heads(core, layer, heads)
