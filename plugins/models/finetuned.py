"""Fine-tuning: a whole network goes on learning, now to predict the responses, from the weights that it has.

Yosinski, Clune, Bengio & Lipson (2014), How transferable are features in deep neural networks?, NeurIPS; Kornblith,
Shlens & Le (2019), Do better ImageNet models transfer better?, CVPR. A linear readout of one layer predicts every site,
and all weights up to that layer follow it.

``ensemble/*`` is the same, as the mean of several networks that differ in their seed: Lakshminarayanan, Pritzel &
Blundell (2017), Simple and scalable predictive uncertainty estimation using deep ensembles, NeurIPS.
"""

from itbench import hookimpl

CORES = ("alexnet", "densenet201", "efficientnet_b5", "pnasnet5large", "resnet50", "vgg16", "vit_b_16")


@hookimpl
def itbench_models(register):
    about = "fine-tuned on the responses"
    own = {"metric": "direct", "bibtex": "yosinski2014 kornblith2019transfer"}
    register("finetuned/*", finetuned, recipe="recipes/finetuned.yaml", description=f"any core, {about}", **own)
    for core in CORES:
        name = f"{core}-finetuned"
        register(name, finetuned, recipe=f"recipes/{name}.yaml", description=f"{core}, {about}", **own)
    about = "the mean of several networks fine-tuned on the responses"
    own["bibtex"] += " lakshminarayanan2017"
    register("ensemble/*", finetuned, recipe="recipes/ensemble.yaml", description=about, **own)


def finetuned(core, layer="", pool="mean", dropout=0.0):
    from itbench import linear_head, with_heads

    def heads(shape, sites, classes):
        return {"responses": linear_head(shape, sites, pool=pool, dropout=dropout)}

    return with_heads(core, layer, heads)
