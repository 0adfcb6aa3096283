"""cnn-*: small convolutional networks that learn the responses from a random start, and see no other pictures.

McIntosh, Maheswaranathan, Nayebi, Ganguli & Baccus (2016), Deep learning models of the retinal response to natural
scenes, NeurIPS; Cadena et al. (2019), Deep convolutional models improve predictions of macaque V1 responses to natural
images, PLoS Comput. Biol. 15, e1006897. Signals start with one variance throughout: He, Zhang, Ren & Sun (2015), ICCV.
"""

from itbench import hookimpl

SYSTEMS = {
    "cnn-2": "2 convolutions",
    "cnn-3bn": "3 convolutions with batch norm and 2 linear layers",
    "cnn-4": "4 convolutions",
    "cnn-4-improved": "cnn-4 with batch norm, a hidden layer, dropout, weight decay and a schedule",
    "cnn-6": "6 convolutions",
    "cnn-deep": "8 convolutions, improved in the same ways",
}


@hookimpl
def itbench_models(register):
    for name, made in SYSTEMS.items():
        about = {"source": "itbench", "weights": ("random",), "description": f"{made}; trained on responses alone"}
        about["bibtex"] = "mcintosh2016 cadena2019 he2015"
        register(name, cnn, recipe=f"recipes/{name}.yaml", metric="direct", **about)


def cnn(weights, widths, depth=1, hidden=0, norm=False, dropout=0.0, pixels=64):
    from torch import nn

    from itbench import TrainableNetwork, resized

    def rectified(layer, norm_of):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        return [layer, *([norm_of(len(layer.weight))] if norm else []), nn.ReLU()]

    def convolution(inputs, outputs, size=3, stride=1):
        return rectified(nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=not norm), nn.BatchNorm2d)

    def build(sites, classes):
        network, features, side = nn.Sequential(), 3, -(-pixels // 2)
        for number, width in enumerate(widths, 1):
            layers = convolution(features, width) if number > 1 else convolution(3, width, size=5, stride=2)
            layers += [part for _ in range(depth - 1) for part in convolution(width, width)]
            if side > 4:  # smaller maps are not pooled: sites prefer places
                layers, side = [*layers, nn.MaxPool2d(2)], side // 2
            network.add_module(f"stage{number}", nn.Sequential(*layers))  # (batch, width, side, side)
            features = width
        features *= side**2
        if hidden:
            layers = rectified(nn.Linear(features, hidden, bias=not norm), nn.BatchNorm1d)
            network.add_module("hidden", nn.Sequential(nn.Flatten(), nn.Dropout(dropout), *layers))  # (batch, hidden)
        readout = nn.Linear(hidden or features, sites)
        nn.init.zeros_(readout.weight)  # every site starts at its mean response
        network.add_module("readout", nn.Sequential(nn.Flatten(), nn.Dropout(dropout), readout))  # (batch, site)
        return network

    layers = [f"stage{number + 1}" for number in range(len(widths))] + ["hidden"] * bool(hidden)
    return TrainableNetwork(build, resized(pixels), layers=layers)
