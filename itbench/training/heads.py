"""Heads of a network that predict responses: linear, factorised and Gaussian readouts, and branches from a core."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import nn

from itbench.errors import BadActivations, BadOption
from itbench.extraction.forward import POOLS
from itbench.models.layer_outputs import layers_up_to, shape_and_calls, shape_of, up_to
from itbench.models.network import Network
from itbench.training.trainable_network import TrainableNetwork

START = 0.01  # standard deviation of the initial feature weights: predictions start near 0


class FactorisedReadout(nn.Module):
    r"""Factorised spatial readout: spatial mask times feature weights, one pair or several for each site.

    .. math:: r_s = b_s + \sum_k \sum_{y,x} m_{s,k}(y, x) \sum_c w_{s,k,c} \, f_c(y, x)

    It is a dense linear readout whose weights Σ w mᵀ have rank k at every site: k (c + y·x) numbers in place of c·y·x.

    Parameters
    ----------
    shape : tuple of int
        Of the features: (channel, y, x).
    sites : int
    rank : int
        Pairs of mask and weights per site; 1 in the article.
    normalised : bool
        Whether to divide every mask by its Euclidean norm, so that only the feature weights carry the scale.
    l1, l2 : float
        Weights of Σ|w mᵀ| and of Σ(w mᵀ)² in `penalty`. Both are products of a norm of w and one of m, so moving
        the scale from one to the other changes nothing.

    Attributes
    ----------
    mask : torch.nn.Parameter of shape (site, rank, y, x)
        Starts as the mean over all places; where the rank is above 1, with noise as large, so that the pairs differ.
    weight : torch.nn.Parameter of shape (site, rank, channel)
    bias : torch.nn.Parameter of shape (site,)

    Raises
    ------
    BadOption
        If the features are not of shape (channel, y, x).

    References
    ----------
    Klindt, Ecker, Euler & Bethge (2017), NeurIPS 30, 3506–3516, who penalise Σ|m| and Σ|w| each. The penalty on the
    product is that of Ecker et al. (2019), ICLR.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        sites: int,
        *,
        rank: int = 1,
        normalised: bool = True,
        l1: float = 0.0,
        l2: float = 0.0,
    ) -> None:
        super().__init__()
        channels, *places = _require_map(shape)
        self.normalised, self.l1, self.l2 = normalised, l1, l2
        mask = torch.ones(sites, rank, *places) + (rank > 1) * torch.randn(sites, rank, *places)
        self.mask = nn.Parameter(mask / (places[0] * places[1]))
        self.weight = nn.Parameter(START * torch.randn(sites, rank, channels))
        self.bias = nn.Parameter(torch.zeros(sites))

    @property
    def masks(self) -> torch.Tensor:
        """Spatial masks (site, rank, y, x) of the readout, normalised if it normalises them."""
        if not self.normalised:
            return self.mask
        return self.mask / self.mask.flatten(2).norm(dim=2)[..., None, None]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Read responses (batch, site) out of spatial features (batch, channel, y, x)."""
        read = torch.einsum("bcyx,skc->bskyx", features, self.weight)
        return torch.einsum("bskyx,skyx->bs", read, self.masks) + self.bias

    def penalty(self) -> torch.Tensor:
        """Return the spatial readout's penalty l1 Σ|w mᵀ| + l2 Σ(w mᵀ)², summed over pairs, averaged over sites."""
        masks, weight = self.masks.flatten(2), self.weight
        absolute = masks.abs().sum(2) * weight.abs().sum(2)
        square = masks.square().sum(2) * weight.square().sum(2)
        return (self.l1 * absolute + self.l2 * square).sum(1).mean()

    def extra_repr(self) -> str:
        """Part of the architecture's digest."""
        return f"{tuple(self.mask.shape)}, normalised={self.normalised}, l1={self.l1}, l2={self.l2}"


class GaussianReadout(nn.Module):
    r"""Gaussian spatial readout: one position in the feature map and one vector of feature weights for each site.

    .. math:: r_s = b_s + \sum_c w_{s,c} \, f_c(p_s), \quad p_s \sim \mathcal{N}(\mu_s, A_s A_s^\top)

    The features at p are interpolated between the four nearest places. While training, every image draws a new p, so
    that gradients reach μ from beyond its neighbours, and A shrinks as μ converges; in eval mode p = μ.

    Parameters
    ----------
    shape : tuple of int
        Of the features: (channel, y, x).
    sites : int
    spread : float
        Initial standard deviation of p in both directions; the distance from the middle to an edge is 1.
    l1, l2 : float
        Weights of Σ|w| and of Σw² in `penalty`.

    Attributes
    ----------
    position : torch.nn.Parameter of shape (site, 2)
        μ as (x, y): (−1, −1) is the centre of the first place, (1, 1) that of the last; beyond them, the border's
        features count. Starts at random, within a tenth of the middle.
    scale : torch.nn.Parameter of shape (site, 2, 2)
        A.
    weight : torch.nn.Parameter of shape (site, channel)
    bias : torch.nn.Parameter of shape (site,)

    Raises
    ------
    BadOption
        If the features are not of shape (channel, y, x).

    References
    ----------
    Lurz et al. (2021), Generalization in data-driven models of primary visual cortex, ICLR, section 3.
    """

    def __init__(
        self, shape: tuple[int, ...], sites: int, *, spread: float = 0.3, l1: float = 0.0, l2: float = 0.0
    ) -> None:
        super().__init__()
        channels, *_ = _require_map(shape)
        self.spread, self.l1, self.l2 = spread, l1, l2
        self.position = nn.Parameter(0.2 * torch.rand(sites, 2) - 0.1)
        self.scale = nn.Parameter(spread * torch.eye(2).repeat(sites, 1, 1))
        self.weight = nn.Parameter(START * torch.randn(sites, channels))
        self.bias = nn.Parameter(torch.zeros(sites))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Read responses (batch, site) out of spatial features (batch, channel, y, x)."""
        read = nn.functional.grid_sample(
            features, self._positions(len(features))[:, :, None], padding_mode="border", align_corners=True
        )
        return torch.einsum("bcs,sc->bs", read[..., 0], self.weight) + self.bias

    def penalty(self) -> torch.Tensor:
        """Return the spatial readout's penalty l1 Σ|w| + l2 Σw², averaged over sites."""
        return (self.l1 * self.weight.abs().sum(1) + self.l2 * self.weight.square().sum(1)).mean()

    def extra_repr(self) -> str:
        """Part of the architecture's digest."""
        return f"{tuple(self.weight.shape)}, spread={self.spread}, l1={self.l1}, l2={self.l2}"

    def _positions(self, batch: int) -> torch.Tensor:
        if not self.training:
            return self.position.expand(batch, -1, -1)
        drawn = torch.randn(batch, *self.position.shape, device=self.position.device)
        return self.position + torch.einsum("sij,bsj->bsi", self.scale, drawn)


def _require_map(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) != 3:
        raise BadOption(
            f"A spatial readout needs features of shape (channel, y, x), not {shape}.",
            todo="Choose another layer with --recipe options.layer=LAYER; itbench layers CORE shows their shapes.",
        )
    return shape


class Branches(nn.Module):
    """Core network with heads on the output of one of its layers, computed in one forward pass.

    Parameters
    ----------
    core : Network
        Its module is wrapped, not copied; nothing after `layer` runs.
    layer : str
        A module of the core, as ``itbench layers`` names it. If it runs several times, the heads take its last output.
    heads : mapping of str to torch.nn.Module
        By the name of their output, such as ``responses`` or ``classes``. Each takes the layer's output (batch, …).

    Raises
    ------
    UnknownName, BadOption
        If the core has no such layer, or the layer returns no tensor.

    Examples
    --------
    >>> def build(sites, classes):
    ...     return Branches(core, "avgpool", {"responses": linear_head(shape_of(core, "avgpool"), sites)})
    """

    def __init__(self, core: Network, layer: str, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.core, self.layer = core.module, layer
        _, self.calls = shape_and_calls(core, layer)
        self.heads = nn.ModuleDict(heads)

    def extra_repr(self) -> str:
        """Part of the architecture's digest."""
        return f"layer={self.layer!r}"

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return the features that the heads read, the layer's output (batch, …), for images (batch, 3, y, x)."""
        return up_to(self.core, self.layer, images, self.calls)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the outputs of the heads, by name, for images (batch, 3, y, x)."""
        return self.read(self.features(images))

    def read(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the outputs of the heads, by name, for the layer's output (batch, …)."""
        return {name: head(features) for name, head in self.heads.items()}


def linear_head(shape: tuple[int, ...], outputs: int, *, pool: str = "none", dropout: float = 0.0) -> nn.Sequential:
    """Return a linear head from features (batch, \\*shape) to (batch, outputs).

    Parameters
    ----------
    shape : tuple of int
        Shape of the features, without the batch: see `shape_of`.
    outputs : int
        Sites or classes.
    pool : {"none", "mean", "cls"}
        ``none`` has separate weights for every place or token; ``mean`` averages over them first; ``cls`` takes the
        first token.
    dropout : float
        Share of the pooled features that is dropped at random while training.

    Raises
    ------
    BadOption
        If the pooling does not exist, or does not fit the shape.
    """
    pooling = Pool(pool, shape)
    return nn.Sequential(pooling, nn.Dropout(dropout), nn.Linear(pooling.width, outputs))


class Pool(nn.Module):
    """Input of a head: maps (channel, y, x) or tokens (token, channel), flattened or pooled to (batch, feature).

    Parameters
    ----------
    how : {"none", "mean", "cls"}
        As for `linear_head`; features without places or tokens are not pooled.
    shape : tuple of int
        Shape of the features, without the batch.

    Raises
    ------
    BadOption
    """

    def __init__(self, how: str, shape: tuple[int, ...]) -> None:
        super().__init__()
        if how not in POOLS:
            raise BadOption(f"No pooling {how!r}.", known=f"Known: {', '.join(POOLS)}.")
        if how == "cls" and len(shape) != 2:
            raise BadOption(f"Features of shape {shape} have no class token.", todo="Use pool=mean or pool=none.")
        self.how, self.shape = how if len(shape) > 1 else "none", tuple(shape)
        self.axes = (1,) if len(shape) == 2 else tuple(range(2, len(shape) + 1))
        channels = shape[-1] if len(shape) == 2 else shape[0]
        self.width = math.prod(shape) if self.how == "none" else channels

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (batch, width).

        Raises
        ------
        BadActivations
            If the features do not have the shape for which the head was built.
        """
        if self.how == "none":
            if features.shape[1:] != self.shape:
                raise BadActivations(
                    f"The head reads features of shape {self.shape}, and was given {tuple(features.shape[1:])}.",
                    known="The core's preprocessing leaves images at their own size.",
                    todo="Use --recipe options.pool=mean, or a core whose preprocessing brings them to one size.",
                )
            return features.flatten(1)
        return features[:, 0] if self.how == "cls" else features.mean(self.axes)

    def extra_repr(self) -> str:
        """Part of the architecture's digest."""
        return self.how


Heads = Callable[[tuple[int, ...], int, int], Mapping[str, nn.Module]]


def with_heads(core: Network, layer: str, heads: Heads) -> TrainableNetwork:
    """Return a trainable network: a core with heads on one of its layers, trained except for what the recipe freezes.

    Parameters
    ----------
    core : Network
    layer : str
        A module of the core; the last of its candidates if empty.
    heads : callable
        (shape of the layer's output without the batch, sites, classes) → heads by the name of their output, as
        `itbench.Branches` takes them.

    Raises
    ------
    UnknownName, BadOption
        If the core has no such layer, or the layer returns no tensor.

    Examples
    --------
    >>> def linear(shape, sites, classes):
    ...     return {"responses": itbench.linear_head(shape, sites, pool="mean")}
    >>> with_heads(core, "avgpool", linear)
    """
    layer = layer or core.layers[-1]
    shape = shape_of(core, layer)

    def build(sites: int, classes: int) -> nn.Module:
        return Branches(core, layer, heads(shape, sites, classes))

    package = core.identity["package"]
    return TrainableNetwork(build, core.preprocess, layers=layers_up_to(core, layer), package=package)
