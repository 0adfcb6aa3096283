"""Weights file: find the state dict in a torch or safetensors file that fits a network, without running code."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itbench.errors import ItbenchWarning, NoWeights
from itbench.util.files import kind_of_file

if TYPE_CHECKING:  # plugins import this module when they are listed, and listing takes no torch
    import torch

    State = Mapping[str, torch.Tensor]
    Adapt = Callable[[State, torch.nn.Module], State]

LISTED = 8  # names of misfits in an error, of each kind
DEEPEST = 4  # dicts within one another
WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net", "network", "checkpoint", "weights", "student")
AVERAGE = re.compile(r"(^|_)(ema|swa|averaged|teacher)(_|$)")  # a running average of the weights during training
COUNTER = "num_batches_tracked"  # of batch norm; files older than it lack it, and eval mode does not read it
# torchvision's own DenseNet files write denselayer1.norm.1.weight for what is now denselayer1.norm1.weight
OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$")
NOTES = (  # classes that trainers store beside the weights; they are not built, only passed over
    *("argparse.Namespace", "types.SimpleNamespace", "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.Path"),
    *("pathlib._local.PosixPath", "pathlib._local.WindowsPath", "datetime.datetime", "datetime.date", "uuid.UUID"),
    *("datetime.timedelta", "numpy.dtype", "numpy.ndarray", "_codecs.encode", "builtins.bytearray"),
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
)
TODO = "Save the network's weights alone, where the file was made: torch.save(model.state_dict(), FILE)"


def load_file(module: torch.nn.Module, path: Path, adapt: Adapt | None = None) -> None:
    """Load a safetensors or torch weights file into a torch module, every tensor or none.

    In a training checkpoint, the state dict is looked for whose names and shapes fit the network to the last, under the
    keys that trainers use, and behind a prefix such as ``module.``. Where several fit and differ, a running average of
    the weights (EMA, teacher) is preferred. A warning says what was taken, unless it is all that there is.

    Raises
    ------
    NoWeights
        If it cannot be read, says what it is; if nothing fits, lists the names that are missing, unexpected or of
        another shape; if several fit that cannot be told apart, names them.
    """
    expected = module.state_dict()
    views = [view for keys, state in _read(path) for view in _views(keys, state, expected)]
    fitting = [view for view in views if fits(view.state, expected)]
    closest = min(views, key=lambda view: sum(map(len, misfits(view.state, expected).values())))
    if not fitting and adapt is not None:
        try:
            closest = _View(closest.place, adapt(closest.state, module), closest.left)
        except Exception as error:
            raise misfit_error(path, misfits(closest.state, expected)) from error
    load_state(module, _choose(fitting, path).state if fitting else closest.state, path)


def load_state(module: torch.nn.Module, state: State, source: str | Path) -> None:
    """Load a state dict of weights into a torch module, every tensor or none; errors name `source`.

    Raises
    ------
    NoWeights
        If it does not fit the module.
    """
    expected = module.state_dict()
    if not fits(state, expected):
        raise misfit_error(source, misfits(state, expected))
    counters = {key: tensor for key, tensor in expected.items() if key.endswith(COUNTER)}
    module.load_state_dict({**counters, **state}, strict=True)


def fits(state: State, expected: State) -> bool:
    """Return whether a state dict has the names and shapes of another, batch norm's counters aside."""
    return not any(misfits(state, expected).values())


def misfits(state: State, expected: State) -> dict[str, list[str]]:
    """Return the names of a state dict that are missing, unexpected or of another shape."""
    found, wanted = ({name: tuple(tensor.shape) for name, tensor in each.items()} for each in (state, expected))
    return {
        "missing": sorted(name for name in wanted.keys() - found.keys() if not name.endswith(COUNTER)),
        "unexpected": sorted(found.keys() - wanted.keys()),
        "of another shape": sorted(name for name in wanted.keys() & found.keys() if wanted[name] != found[name]),
    }


def misfit_error(source: str | Path, found: Mapping[str, list[str]]) -> NoWeights:
    """Return the error for a state dict that does not fit the network."""
    lines = [f"{len(names)} {what}: {_listed(names)}" for what, names in found.items() if names]
    return NoWeights(f"The weights in {source} do not fit the network.", known="\n".join(lines))


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:LISTED])}{', …' if len(names) > LISTED else ''}"


@dataclass(frozen=True)
class _View:
    """Tensors of a weights file without their prefix, their place in the file, and the names that have another."""

    place: str
    state: State
    left: Sequence[str] = ()

    @property
    def rank(self) -> int:
        """Place among several that fit: an average of the weights, the weights, those of a student."""
        words = re.split(r"\W+", self.place)
        return 0 if any(map(AVERAGE.search, words)) else 2 if "student" in words else 1

    def same(self, other: _View) -> bool:
        return all(tensor.equal(other.state[name]) for name, tensor in self.state.items() if name in other.state)


def _views(keys: Sequence[str], state: State, expected: State) -> Iterator[_View]:
    """Yield a state dict as it is, and behind each prefix that stands before one of the network's names."""
    state = {OLD_DENSENET.sub(r"\1\2", name): tensor for name, tensor in state.items()}
    longest = max((name for name in expected if not name.endswith(COUNTER)), key=len, default="")
    before = [name.removesuffix(longest) for name in state if name.endswith(f".{longest}")]
    for prefix in ["", *before]:
        taken = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        left = [name for name in state if not name.startswith(prefix)]
        yield _View(" / ".join([*keys, *([f"{prefix}*"] if prefix else [])]), taken, left)


def _choose(fitting: Sequence[_View], path: Path) -> _View:
    """Return the one of several fitting state dicts that is read, with a warning of the others."""
    best = min(fitting, key=lambda view: view.rank)
    others = [view for view in fitting if view is not best and not view.same(best)]
    rivals = [view.place for view in others if view.rank == best.rank]
    if rivals:
        raise NoWeights(
            f"{path} holds several weights that fit the network and differ: {', '.join([best.place, *rivals])}.",
            todo="Save those that you mean as a file of their own.",
        )
    if others:
        places = ", ".join(view.place for view in others)
        said = f"read from {best.place}; other weights that fit are not read: {places}"
    elif best.rank != 1 or best.left:
        said = f"read from {best.place or 'the file'}{f'; not read: {_listed(best.left)}' if best.left else ''}"
    else:
        return best
    warnings.warn(f"The weights in {path} are {said}.", ItbenchWarning, stacklevel=4)
    return best


def _read(path: Path) -> list[tuple[Sequence[str], State]]:
    """Return every dict of tensors in a weights file, with the keys under which it lies."""
    kind = "" if _is_safetensors(path) else kind_of_file(path)
    if kind.startswith("a zip") and zipfile.is_zipfile(path):
        names = zipfile.ZipFile(path).namelist()
        script = any(name.endswith("/constants.pkl") for name in names)
        foreign = not any(name.endswith("/data.pkl") for name in names)
        kind = "a TorchScript module" if script else f"a zip archive of {_listed(names[:3])}" if foreign else ""
    elif kind.startswith("a zip"):
        kind = "truncated or damaged"
    if kind:
        raise NoWeights(f"{path} cannot be read as weights: it is {kind}.", todo="" if "LFS" in kind else TODO)
    content = _load(path)
    found = list(_tensor_dicts(content))
    if not found:
        what = f"{path} holds no state dict of tensors."
        known = f" with the keys {_listed(list(map(str, content)))}" if isinstance(content, dict) and content else ""
        raise NoWeights(what, known=f"It holds a {type(content).__name__}{known}.", todo=TODO)
    return found


class _Note:
    """Stands for a value of a class in `NOTES`, which is not built."""

    def __new__(cls, *values: Any) -> _Note:
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Drop it."""


def _notes() -> list[type]:
    """Return a class of `_Note` under the name of every class in `NOTES` and every dtype of NumPy."""
    import numpy as np

    names = (name.rpartition(".") for name in (*NOTES, *(f"numpy.dtypes.{dtype}" for dtype in np.dtypes.__all__)))
    return [type(name, (_Note,), {"__module__": module}) for module, _, name in names]


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _load(path: Path) -> Any:
    import torch

    try:
        if _is_safetensors(path):
            from safetensors.torch import load_file as load_safetensors

            return load_safetensors(path)
        safe = getattr(torch.serialization, "safe_globals", lambda classes: nullcontext())  # since torch 2.5
        with safe(_notes()), path.open("rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        classes = re.findall(r"(?:GLOBAL |but got <class ')([\w.]+)", str(error))
        if classes:
            whole = "a whole network, saved as an object" if _holds_network(path) else "objects beside tensors"
            raise NoWeights(
                f"{path} cannot be read as weights: it holds {whole}, of the class {classes[0]}.",
                known="To build an object runs code from the file or on this computer, and is not done.",
                todo=TODO,
            ) from error
        first = next(iter(str(error).splitlines()), "")
        said = "" if re.search("weights_only", first) else f" ({first[:200]})"  # torch advises to switch its safety off
        raise NoWeights(
            f"{path} cannot be read as weights: it is truncated or damaged{said}.", todo="Fetch it again."
        ) from error


def _holds_network(path: Path) -> bool:
    """Return whether the pickle of a torch file names a class of torch's modules."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            pickles = [archive.read(name) for name in archive.namelist() if name.endswith("/data.pkl")]
    else:
        pickles = [path.read_bytes()[: 10**6]]
    return any(b"torch.nn.modules" in pickle for pickle in pickles)


def _tensor_dicts(content: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[Sequence[str], State]]:
    """Yield every dict with tensors of a checkpoint: itself, and those under the keys that trainers use."""
    import torch

    if not isinstance(content, dict):
        return
    tensors = {key: value for key, value in content.items() if isinstance(value, torch.Tensor) and isinstance(key, str)}
    if tensors:
        yield keys, tensors
    for key, value in content.items():
        if len(keys) < DEEPEST and isinstance(key, str) and (key in WRAPPERS or AVERAGE.search(key)):
            yield from _tensor_dicts(value, (*keys, key))
