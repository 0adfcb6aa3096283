"""autoencoder: the sites as a bottleneck through which a network must pass the picture.

Hinton & Salakhutdinov (2006), Reducing the dimensionality of data with neural networks, Science 313, 504-507. The
encoder makes one number a site of the picture, the decoder makes the picture, at half its size, of these numbers. The
loss ``responses`` ties them to the recordings, the loss ``picture`` to what was shown. The layer ``bottleneck`` is the
prediction itself; ``--metric ridge -l bottleneck`` predicts each site from those of all sites.
"""

from itbench import hookimpl


@hookimpl
def itbench_models(register):
    about = "convolutional autoencoder with the responses as its bottleneck"
    own = {"source": "itbench", "weights": ("random",), "description": about, "bibtex": "hinton2006"}
    register("autoencoder", autoencoder, recipe="recipes/autoencoder.yaml", metric="direct", **own)


def autoencoder(weights, widths=(32, 64, 128), hidden=256, dropout=0.0, pixels=64):
    from torch import nn

    from itbench import TrainableNetwork, resized

    side = pixels // 2 ** (len(widths) + 1)  # of the last maps of the encoder, and the first of the decoder

    def down(inputs, outputs, size=3, stride=1):
        convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2))

    def up(inputs, outputs):
        convolution = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

    def linear(inputs, outputs):
        return nn.Sequential(nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU())

    class Autoencoder(nn.Module):
        def __init__(self, sites):
            super().__init__()
            narrow, wide, maps = widths[0], widths[-1], (widths[-1], side, side)
            features = wide * side**2
            self.encoder = nn.Sequential(down(3, narrow, 5, 2), *map(down, widths[:-1], widths[1:]))  # (batch, *maps)
            self.hidden = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), linear(features, hidden))  # (batch, hidden)
            self.bottleneck = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, sites))  # (batch, site)
            self.spread = nn.Sequential(linear(sites, features), nn.Unflatten(1, maps))  # (batch, *maps)
            self.decoder = nn.Sequential(*map(up, widths[:0:-1], widths[-2::-1]), up(narrow, narrow))
            self.picture = nn.Conv2d(narrow, 3, 3, padding=1)  # (batch, 3, pixels / 2, pixels / 2)

        def forward(self, pictures):
            responses = self.bottleneck(self.hidden(self.encoder(pictures)))
            return {"responses": responses, "picture": self.picture(self.decoder(self.spread(responses)))}

    layers = [*(f"encoder.{number}" for number in range(len(widths))), "hidden", "bottleneck"]
    return TrainableNetwork(lambda sites, classes: Autoencoder(sites), resized(pixels), layers=layers)
