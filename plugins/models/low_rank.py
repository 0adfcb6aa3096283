"""Low-rank fine-tuning: a network follows the responses through small changes of its weights, which stay frozen.

Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang & Chen (2022), LoRA: Low-rank adaptation of large language models, ICLR. The
weights of every linear and convolutional layer, or of those that the option ``adapt`` names, change by a matrix of rank
``rank``; a linear readout of one layer learns with them.
"""

from itbench import hookimpl


@hookimpl
def itbench_models(register):
    about = "fine-tuned by changes of low rank"
    for name, core in (("low-rank/*", "any core"), ("resnet50-low-rank", "resnet50")):
        recipe = f"recipes/{name.removesuffix('/*')}.yaml"
        register(name, low_rank, recipe=recipe, metric="direct", description=f"{core}, {about}", bibtex="hu2022")


def low_rank(core, layer="", rank=8, adapt=("*",), pool="none", dropout=0.0):
    from itbench import Branches, TrainableNetwork, last_map, layers_up_to, linear_head, shape_of, with_low_rank

    layer = layer or last_map(core)
    shape = shape_of(core, layer)

    def build(sites, classes):
        network = Branches(core, layer, {"responses": linear_head(shape, sites, pool=pool, dropout=dropout)})
        network.core = with_low_rank(network.core, rank, adapt)
        return network

    layers, package = layers_up_to(core, layer), core.identity["package"]
    return TrainableNetwork(build, core.preprocess, layers=layers, package=package)
