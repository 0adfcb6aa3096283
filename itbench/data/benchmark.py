"""A benchmark: pure metadata in one YAML file, naming recordings, splits and a metric."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from itbench.data.splits import SplitPlan
from itbench.errors import BadBenchmark, UnknownName

REQUIRED = ("name", "data")


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark file says.

    Parameters
    ----------
    name : str
    data : str
        Name or path of packed recordings, or the name of a known data set. A path is relative to the file.
    splits : SplitPlan
        None is needed by comparisons, which compare all images.
    description, region, citation, licence : str, optional
    window : pair of float, optional
        Start and end of the counting window, ms after onset.
    degrees : float, optional
        Width of the images on the screen, degrees of visual angle.
    metric : str, optional
        Name of the default metric.
    file : Path
        Where it was read.
    plugin : str
        File of the plugin that registered it; empty if its own file was named.
    """

    name: str
    data: str
    splits: SplitPlan
    description: str = ""
    region: str = ""
    window: tuple[float, float] | None = None
    degrees: float | None = None
    metric: str = "ridge"
    citation: str = ""
    licence: str = ""
    file: Path = field(default=Path(), compare=False)
    plugin: str = field(default="", compare=False)

    @classmethod
    def read(cls, path: Path) -> Benchmark:
        """Read and validate a YAML file.

        Raises
        ------
        BadBenchmark, UnknownName
            Naming the file, the key and the known keys.
        """
        content = _mapping(path)
        where = f"{path}: "
        known = [item.name for item in fields(cls) if item.compare]
        for key in content:
            if key not in known:
                raise UnknownName.of("key", str(key), known, where=where)
        content.setdefault("name", path.stem)
        for key in REQUIRED:
            if not content.get(key):
                raise BadBenchmark(f"{where}key {key!r} is missing.", known=f"Known keys: {', '.join(known)}.")
        plan = SplitPlan.parse(content.pop("splits", {"kind": "none"}), where)
        return cls(splits=plan, file=path, **{key: _checked(key, value, where) for key, value in content.items()})

    def data_source(self) -> str:
        """Return `data`, a path made relative to the benchmark's file."""
        if self.data.endswith((".h5", ".hdf5", ".nc")):
            return str(self.file.parent / Path(self.data).expanduser())
        return self.data


def _mapping(path: Path) -> dict[Any, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadBenchmark(f"Cannot read the benchmark file {path}: {error.strerror}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # PyYAML lets these out: bad dates, deep nesting
        raise BadBenchmark(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, Mapping):
        raise BadBenchmark(f"{path} holds no mapping of keys.", known=f"It needs {', '.join(REQUIRED)}.")
    return dict(content)


def _checked(key: str, value: Any, where: str) -> Any:
    if key == "window":
        if not (
            isinstance(value, list) and len(value) == 2 and all(_number(item) for item in value) and value[0] < value[1]
        ):
            raise BadBenchmark(f"{where}key 'window' must be [start, end] in ms, not {value!r}.")
        return (float(value[0]), float(value[1]))
    if key == "degrees":
        if not (_number(value) and value > 0):
            raise BadBenchmark(f"{where}key 'degrees' must be a positive number, not {value!r}.")
        return float(value)
    if not isinstance(value, str):
        raise BadBenchmark(f"{where}key {key!r} must be text, not {value!r}.")
    return " ".join(value.split())


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
