"""Recipe: how a model is trained on recordings, as one YAML file of flat keys."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from itbench.errors import BadOption, ItbenchError, UnknownName
from itbench.util.schema import (
    ENDINGS,
    Check,
    check_mapping,
    mapping,
    name_text,
    number,
    numbers,
    one_of,
    parse_yaml,
    read_yaml,
    texts,
    truth,
    whole_number,
)

LOSSES = ("responses", "classes", "picture", "teacher")
AUGMENTATIONS = ("shift", "flip", "colour")


@dataclass(frozen=True)
class Recipe:
    """Recipe of a training: losses, learning rate, epochs, augmentation, validation and what is frozen.

    Parameters
    ----------
    core : str
        A registered model that is part of the network; it has the weights of the run.
    label : str
        Stimulus coordinate with the classes of the loss ``classes``, such as ``object``.
    options : mapping
        Keyword arguments of the trainable model's factory.
    losses : mapping of str to float
        Weights of the losses ``responses``, ``classes``, ``picture`` (reconstruction of the image) and ``teacher``.
    response_loss : {"mse", "poisson"}
        Of ``responses``: squared error of responses standardised per site, or Poisson's of rates.
    teacher : mapping
        ``model`` and ``metric`` whose out-of-sample predictions of the training images the loss ``teacher`` follows.
    epochs, batch : int
    lr : float
        The highest learning rate of AdamW (Loshchilov & Hutter 2019).
    lr_by : mapping of str to float
        Factors on the learning rate by pattern of parameter names, such as ``core.*: 0.1``; the last match counts.
    weight_decay : float
        Of weights; biases and scales of norms have none.
    warmup : float
        Share of all steps in which the rate rises linearly.
    schedule : {"cosine", "constant"}
        Of the learning rate after the warmup.
    clip : float, optional
        The largest norm of the gradient.
    freeze : sequence of str
        Patterns of parameter names that are not trained; frozen batch norms keep their statistics.
    probe : bool
        Whether the last layer starts as the ridge readout of the untrained features (Kumar et al. 2022, ICLR: linear
        probing, then fine-tuning).
    augment : sequence of {"shift", "flip", "colour"}
    precision : {"auto", "float32", "bfloat16"}
        ``auto`` is bfloat16 on a GPU and float32 on a CPU.
    average : float
        Decay of a moving average of the weights, which is then used in place of the weights; 0 for none.
    validation : float
        Share of the training images kept for validation: to choose the epoch and to stop.
    patience : int
        Epochs without a better validation EV before training stops; 0 does not stop early.
    members : int
        Number of networks trained from different seeds, whose predictions are averaged.
    tune : mapping
        Search space of ``itbench tune``: ``{low, high, log}`` or a list of choices, by key.

    Raises
    ------
    BadOption, UnknownName
        For an invalid value of a key.
    """

    core: str = ""
    label: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    losses: Mapping[str, float] = field(default_factory=lambda: {"responses": 1.0})
    response_loss: str = "mse"
    teacher: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 40
    batch: int = 32
    lr: float = 1e-3
    lr_by: Mapping[str, float] = field(default_factory=dict)
    weight_decay: float = 0.01
    warmup: float = 0.1
    schedule: str = "cosine"
    clip: float | None = 1.0
    freeze: tuple[str, ...] = ()
    probe: bool = False
    augment: tuple[str, ...] = ()
    precision: str = "auto"
    average: float = 0.0
    validation: float = 0.1
    patience: int = 10
    members: int = 1
    tune: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        for name, value in check_mapping(values, CHECKS, "recipe", BadOption, where="The recipe's ").items():
            object.__setattr__(self, name, value)
        if not any(self.losses.values()):
            raise BadOption("The recipe's losses are all 0: nothing is trained.", todo="Such as: losses.responses=1")
        for loss, key in (("classes", self.label), ("teacher", self.teacher)):
            if self.losses.get(loss) and not key:
                needs = (
                    "a label, such as label=object" if loss == "classes" else "a teacher, such as teacher.model=pixels"
                )
                raise BadOption(f"The recipe's loss {loss!r} needs {needs}.")
        if self.probe and not (self.losses.get("responses") and self.response_loss == "mse"):
            raise BadOption(
                "The recipe's probe starts a linear readout of responses: it needs losses.responses and mse."
            )
        if self.patience and not self.validation:
            raise BadOption(
                "The recipe stops early, but keeps no images for validation.",
                todo="Use validation=0.1, or patience=0 to train on every training image for all epochs.",
            )

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read a recipe from a YAML file.

        Raises
        ------
        BadOption, UnknownName
            Naming the file and the key.
        """
        return cls().with_values(read_yaml(path, "recipe", BadOption, CHECKS), where=f"{path}: ")

    def with_values(self, values: Mapping[str, Any], where: str = "") -> Recipe:
        """Return the recipe with other values of some keys; ``losses.classes`` is one entry of a mapping."""
        known = [item.name for item in fields(self)]
        changed: dict[str, Any] = {}
        for key, value in values.items():
            name, dot, entry = str(key).partition(".")
            if name not in known:
                raise UnknownName.of("key of a recipe", name, known, where=where)
            if not dot:
                changed[name] = value
            elif isinstance(held := changed.get(name, getattr(self, name)), Mapping):
                changed[name] = {**held, entry: value}
            else:
                raise BadOption(f"{where}the recipe's {name} has no entries: {key!r}.", todo=f"Give a value: {name}=…")
        try:
            return replace(self, **changed)
        except ItbenchError as error:
            if not where:
                raise
            raise type(error)(where + error.what, known=error.known, todo=error.todo) from None

    def changed(self, changes: Iterable[str]) -> Recipe:
        """Return the recipe with changes as typed: ``KEY=VALUE``, or the path of a YAML file of changes.

        >>> Recipe().changed(["lr=1e-4", "losses.classes=0.3", "label=object"]).losses
        {'responses': 1.0, 'classes': 0.3}
        """
        values: dict[str, Any] = {}
        for change in changes:
            key, equals, value = change.partition("=")
            if change.endswith(ENDINGS) and not equals:
                values |= read_yaml(Path(change).expanduser(), "recipe", BadOption, CHECKS)
            elif not equals or not key:
                raise BadOption(
                    f"{change!r} is not a change of a recipe.", todo="Such as: --recipe lr=1e-4, or --recipe FILE.yaml"
                )
            else:
                values[key] = parse_yaml(value, f"The recipe's {key}={value!r}", BadOption)
        return self.with_values(values)

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as a dict for YAML and JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def departures(self, other: Recipe) -> dict[str, Any]:
        """Return the keys and values of the recipe that differ from those of another recipe."""
        theirs = other.as_dict()
        return {key: value for key, value in self.as_dict().items() if value != theirs[key]}


_positive = number(math.nextafter(0, 1), math.inf, "a number above 0")
_share = number(0, math.nextafter(1, 0), "a number from 0 to below 1")
CHECKS: Mapping[str, Check] = {
    "core": name_text,
    "label": name_text,
    "options": mapping,
    "losses": numbers(LOSSES, "loss"),
    "response_loss": one_of("mse", "poisson"),
    "teacher": mapping,
    "epochs": whole_number(1),
    "batch": whole_number(1),
    "lr": _positive,
    "lr_by": numbers(),
    "weight_decay": number(0, math.inf, "a number from 0"),
    "warmup": _share,
    "schedule": one_of("cosine", "constant"),
    "clip": lambda value: value if value is None else _positive(value),
    "freeze": texts(),
    "probe": truth,
    "augment": texts(AUGMENTATIONS),
    "precision": one_of("auto", "float32", "bfloat16"),
    "average": _share,
    "validation": _share,
    "patience": whole_number(0),
    "members": whole_number(1),
    "tune": mapping,
}
