"""gabor: quadrature pairs of Gabor filters, what a model of area V1 explains before any network is trained.

Simple cells are half-rectified filters (Jones & Palmer 1987, J. Neurophysiol. 58, 1233-1258), complex cells the energy
√(even² + odd²) of a pair (Adelson & Bergen 1985, J. Opt. Soc. Am. A 2, 284-299). The pyramid is that of Kay et al.
(2008), Nature 452, 352-355: 8 orientations; 1, 2, 4, 8, 16 and 32 cycles per picture, which are 0.125 to 4 cycles per
degree of a picture that spans 8°; f × f positions at f cycles; bandwidth of 1 octave. Dapello et al. (2020), NeurIPS,
put such a V1 in front of a network. The picture is its luma at 128 × 128 pixels on mid-grey, without colour.
"""

import numpy as np

from itbench import FunctionModel, hookimpl

ORIENTATIONS = 8  # of the wave vector: 0°, 22.5° …, from rightwards towards downwards
FREQUENCIES = (1, 2, 4, 8, 16, 32)  # cycles per picture
PIXELS = 128
SIGMA = 3 / np.pi * np.sqrt(np.log(2) / 2)  # cycles: of the round envelope, for half amplitude at ∓ 1 octave in all
LUMA = np.array([0.299, 0.587, 0.114], np.float32) / 255  # Rec. 601


@hookimpl
def itbench_models(register):
    about = {"source": "itbench", "description": "Gabor filters and their energy, a model of V1: Kay et al. 2008"}
    about["bibtex"] = "jones1987 adelson1985 kay2008"
    register("gabor", gabor, layers=("simple", "complex"), weights=(), **about)


def gabor(weights):
    bank = [filters(frequency) for frequency in FREQUENCIES]

    def cells(pictures):
        luminance = resized(pictures @ LUMA) - np.float32(0.5)  # (batch, y, x)
        pairs = np.concatenate([answers(luminance, *pair) for pair in bank], axis=1)  # even + i odd, (batch, position)
        simple = np.concatenate([pairs.real, pairs.imag, -pairs.real, -pairs.imag], axis=1)  # 4 phases
        return {"simple": np.maximum(simple, 0, out=simple), "complex": np.abs(pairs)}

    identity = f"gabor 1: {ORIENTATIONS} orientations, {FREQUENCIES} cycles per picture of {PIXELS} pixels"
    return FunctionModel(cells, layers=("simple", "complex"), identity=identity)


def filters(frequency):
    """Return the factors along y and x (orientation, position, pixel): a Gabor with a round envelope is their product.

    A grating of full contrast, of the filter's own frequency and orientation, has the energy 1.
    """
    centres = (np.arange(frequency) + 0.5) / frequency  # of a picture of width 1
    away = frequency * ((np.arange(PIXELS) + 0.5) / PIXELS - centres[:, None])  # (position, pixel), cycles
    envelope = np.exp(-((away / SIGMA) ** 2) / 2)
    envelope *= 2 * frequency / (np.sqrt(2 * np.pi) * SIGMA * PIXELS)
    angles = np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS
    return [
        (envelope * np.exp(-2j * np.pi * part[:, None, None] * away)).astype(np.complex64)
        for part in (np.sin(angles), np.cos(angles))
    ]


def answers(luminance, along_y, along_x):
    """Filter pictures (batch, y, x) and return (batch, orientation × y × x positions), complex."""
    batch, orientations, positions = len(luminance), *along_x.shape[:2]
    factors = np.ascontiguousarray(along_x.reshape(-1, PIXELS).T)  # (x, orientation × position)
    rows = (luminance.reshape(-1, PIXELS) @ factors.view(np.float32)).view(np.complex64)
    rows = rows.reshape(batch, PIXELS, orientations, positions).transpose(0, 2, 1, 3)
    return (along_y @ rows).reshape(batch, -1)


def resized(pictures):
    """Average pictures (batch, y, x) over the areas of PIXELS × PIXELS equal pixels."""
    down, across = (areas(size) for size in pictures.shape[1:])
    return down @ pictures @ across.T


def areas(size):
    """Return the share (new, old) of every old pixel in each new one, along one axis."""
    edges = np.linspace(0, size, PIXELS + 1)[:, None]
    covered = np.clip(edges - np.arange(size), 0, 1)  # of each old pixel, left of each edge
    return (np.diff(covered, axis=0) * PIXELS / size).astype(np.float32)
