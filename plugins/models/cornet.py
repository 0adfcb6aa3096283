"""CORnet-S: Kubilius et al. (2019), Brain-like object recognition with high-performing shallow recurrent ANNs, NeurIPS.

V2, V4 and IT run two, four and two times over their own output, with batch norms for each time, and are read after the
last. Modules have the authors' names, so that ``--weights FILE`` takes the file that they published:
https://s3.amazonaws.com/cornet-models/cornet_s-1d3f7974.pth
"""

from itbench import hookimpl

LAYERS = ("V1", "V2", "V4", "IT", "decoder.avgpool")


@hookimpl
def itbench_models(register):
    about = "Kubilius et al. 2019, recurrent"
    register(
        "cornet_s",
        cornet_s,
        layers=LAYERS,
        source="itbench",
        weights=("random",),
        description=about,
        bibtex="kubilius2019",
    )


def cornet_s(weights):
    from torchvision.models import ResNet18_Weights

    from itbench import Network, with_weights

    preprocess = ResNet18_Weights.IMAGENET1K_V1.transforms()  # the authors' too: 256 pixels, the central 224
    return Network(with_weights("cornet_s", lambda pretrained: build(), weights), preprocess, layers=LAYERS)


def build():
    from torch import nn
    from torch.nn import functional

    def convolution(inputs, outputs, size=1, stride=1):
        layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        return layer

    class Area(nn.Module):
        def __init__(self, inputs, outputs, times):
            super().__init__()
            self.times, wide = times, 4 * outputs
            self.conv_input, self.relu = convolution(inputs, outputs), nn.ReLU()
            self.skip, self.norm_skip = convolution(outputs, outputs, stride=2), nn.BatchNorm2d(outputs)
            for number, before, after, size in ((1, outputs, wide, 1), (2, wide, wide, 3), (3, wide, outputs, 1)):
                self.add_module(f"conv{number}", convolution(before, after, size))
                for time in range(times):
                    self.add_module(f"norm{number}_{time}", nn.BatchNorm2d(after))

        def forward(self, x):
            x = self.conv_input(x)
            for time in range(self.times):
                norm1, norm2, norm3 = (self.get_submodule(f"norm{number}_{time}") for number in (1, 2, 3))
                shortcut, stride = (x, 1) if time else (self.norm_skip(self.skip(x)), 2)  # halved only once
                x = self.relu(norm1(self.conv1(x)))
                x = self.relu(norm2(functional.conv2d(x, self.conv2.weight, stride=stride, padding=1)))
                x = self.relu(norm3(self.conv3(x)) + shortcut)
            return x

    def named(**modules):
        sequence = nn.Sequential()
        for name, module in modules.items():
            sequence.add_module(name, module)
        return sequence

    first = {"conv1": convolution(3, 64, 7, 2), "norm1": nn.BatchNorm2d(64), "nonlin1": nn.ReLU()}
    second = {"conv2": convolution(64, 64, 3), "norm2": nn.BatchNorm2d(64), "nonlin2": nn.ReLU()}
    return named(
        V1=named(**first, pool=nn.MaxPool2d(3, 2, 1), **second),  # (batch, 64, 56, 56)
        V2=Area(64, 128, times=2),  # (batch, 128, 28, 28)
        V4=Area(128, 256, times=4),  # (batch, 256, 14, 14)
        IT=Area(256, 512, times=2),  # (batch, 512, 7, 7)
        decoder=named(avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), linear=nn.Linear(512, 1000)),
    )
