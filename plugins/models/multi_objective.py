"""Two objectives at once: a network that learns the responses and the names of the objects from the same layer.

Caruana (1997), Multitask learning, Machine Learning 28, 41-75. Dapello, Kar, Schrimpf, Geary, Ferguson, Cox & DiCarlo
(2023), Aligning model and macaque inferior temporal cortex representations improves model-to-human behavioral alignment
and adversarial robustness, ICLR: neural and object losses weighed against each other. The ratio is the recipe's:
``--recipe losses.classes=0.1``.
"""

from itbench import hookimpl


@hookimpl
def itbench_models(register):
    about = {
        "multi-objective": "resnet50, 1 : 1",
        "multi-objective-0.3": "resnet50, 1 : 0.3",
        "multi-objective/*": "any core, 1 : 1",
    }
    for name, what in about.items():
        recipe = f"recipes/{name.replace('/*', '-core')}.yaml"
        said = f"taught responses and objects: {what}"
        register(
            name, multi_objective, recipe=recipe, metric="direct", description=said, bibtex="caruana1997 dapello2023"
        )


def multi_objective(core, layer="", pool="mean", dropout=0.0):
    from itbench import linear_head, with_heads

    def heads(shape, sites, classes):
        sizes = {"responses": sites, "classes": classes}
        return {name: linear_head(shape, size, pool=pool, dropout=dropout) for name, size in sizes.items()}

    return with_heads(core, layer, heads)
