"""Spatial readouts: heads that train a spatial mask or position and feature weights separately for each site."""

from __future__ import annotations

import torch
from torch import nn

from itbench.errors import BadOption

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
