"""MobileNetV2: Sandler, Howard, Zhu, Zhmoginov & Chen (2018), Inverted residuals and linear bottlenecks, CVPR.

``mobilenetv2_100`` is timm's own. ``mobilenetv2_100_same`` is the network as TensorFlow defined it, for weights that
were converted from there: it pads like TensorFlow ("same") and takes bytes x as x / 127.5 - 1.
"""

from itbench import from_timm, hookimpl

TAG = "ra_in1k"
NETWORK = f"mobilenetv2_100.{TAG}"
LAYERS = ("bn1", *(f"blocks.{stage}" for stage in range(7)), "bn2", "global_pool")
TENSORFLOW = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "interpolation": "bilinear", "crop_pct": 1.0}


@hookimpl
def itbench_models(register):
    about = "Sandler et al. 2018, ImageNet-1k"
    register("mobilenetv2_100", mobilenet, layers=LAYERS, source=f"timm {TAG}", description=about, bibtex="sandler2018")
    register(
        "mobilenetv2_100_same",
        mobilenet_same,
        layers=LAYERS,
        source="timm",
        weights=("random",),
        bibtex="sandler2018",
        description="the same with TensorFlow's padding and preprocessing, for --weights FILE",
    )


def mobilenet(weights):
    return from_timm(NETWORK, weights, layers=LAYERS)


def mobilenet_same(weights):
    return from_timm(NETWORK, weights, layers=LAYERS, data=TENSORFLOW, pad_type="same", num_classes=1000)
