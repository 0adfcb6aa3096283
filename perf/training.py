"""Speed of the training loop beside a bare PyTorch loop, epoch by epoch in turn, in one run on one machine.

python -m perf.training                       # ten minutes on 2 cores
python -m perf.training tiny resnet
python -m perf.training --output docs/performance.md
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from itbench.data.stimuli import StimulusSet
from itbench.models.recipe import Recipe
from itbench.models.weights import Weights
from itbench.plugins import load_plugins
from itbench.training.augment import Augment
from itbench.training.batches import PreprocessedImages
from itbench.training.checkpoint import Checkpoint, History
from itbench.training.loop import LoopData, train
from itbench.training.losses import Targets
from itbench.training.optimiser import make_optimiser, make_schedule
from itbench.training.trainable_model import Training
from itbench.util.progress import SilentReporter
from perf.commands import timed
from perf.table import Row, table_command

BATCH, STEPS, SITES = 32, 8, 168
VALIDATION = 64  # images of the validation set
RATIO, WAITING = 1.05, 0.05  # wanted: at most so much
KINDS = ("shift", "flip", "colour")


class BareLoop:
    """Bare PyTorch training loop for the same network, recipe and images, all in memory."""

    def __init__(self, module: nn.Module, images: Tensor, targets: Tensor, recipe: Recipe, device: str) -> None:
        self.module = module.to(device).to(memory_format=torch.channels_last)
        self.images, self.targets = images.to(device), targets.to(device)
        self.recipe, self.device = recipe, device
        self.change = Augment(recipe.augment) if recipe.augment else None
        self.optimiser = make_optimiser(self.module, recipe)
        self.schedule = make_schedule(self.optimiser, recipe, STEPS * recipe.epochs)
        self.rng = np.random.default_rng(0)

    def epoch(self) -> float:
        """Train one epoch; return the mean loss."""
        self.module.train()
        order = torch.from_numpy(self.rng.permutation(len(self.images))).to(self.device)
        total = torch.zeros((), device=self.device)
        for step, rows in enumerate(order.split(BATCH)):
            images = self.images[rows]
            if self.change:
                images = self.change(images, step)
            self.optimiser.zero_grad()
            with torch.autocast(self.device, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
                output = self.module(images)
            loss = nn.functional.mse_loss(output.float(), self.targets[rows])
            loss.backward()
            nn.utils.clip_grad_norm_(self.module.parameters(), self.recipe.clip)
            self.optimiser.step()
            self.schedule.step()
            total += loss.detach()
        return float(total) / STEPS

    def forward(self, rows: np.ndarray) -> float:
        """Run a forward pass over some rows; return the mean output."""
        self.module.eval()
        total = torch.zeros((), device=self.device)
        with torch.inference_mode(), torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            for own in torch.from_numpy(rows).to(self.device).split(BATCH):
                total += self.module(self.images[own]).float().mean()
        return float(total)


class InTurn(SilentReporter):
    """Reporter that runs an epoch of the bare loop after every epoch of itbench's loop, so that noise hits both."""

    def __init__(self, bare: BareLoop) -> None:
        self.bare = bare
        self.epochs: list[float] = []  # seconds of the bare loop
        self.notes: list[tuple[float, float]] = []  # when a note came, and when the bare epoch after it ended

    def note(self, message: str) -> None:
        """Run and time an epoch of the bare loop."""
        came = time.perf_counter()
        self.epochs.append(timed(self.bare.epoch))
        self.notes.append((came, time.perf_counter()))


@dataclass(frozen=True)
class Compared:
    """Medians over the epochs after the first: seconds a step, and once an epoch."""

    step: float
    bare: float
    ratio: float  # of an epoch to the bare one right after it
    waiting: float  # share of the time
    inner: float
    checkpoint: float
    forward: float  # seconds of a bare forward pass of one image
    megabytes: float  # of the checkpoint


def compare(build: Callable[[], nn.Module], size: int, recipe: Recipe, home: Path, device: str = "cpu") -> Compared:
    """Train two copies of a network in turn, one by itbench's loop and one by the bare loop."""
    rng = np.random.default_rng(0)
    n = BATCH * STEPS + VALIDATION
    images = rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    stimuli = StimulusSet(tuple(map(str, range(n))), images)
    targets = torch.from_numpy(rng.standard_normal((n, SITES), np.float32))
    rows = np.arange(n)
    fit, validation = rows[:-VALIDATION], rows[-VALIDATION:]
    with PreprocessedImages.of(scaled, stimuli, memory=10**10, scratch=home, reporter=SilentReporter()) as prepared:
        bare = BareLoop(build(), prepared[fit], targets[fit], recipe, device)
        others = InTurn(bare)
        lesson = LoopData(prepared, Targets(responses=targets), fit, validation)
        path = home / "checkpoint"
        course = train(build(), lesson, Training(recipe, reporter=others), device, 0, Checkpoint(path))
        megabytes = path.stat().st_size / 1e6
        path.unlink()
        bare.forward(fit)  # once unmeasured
        return summed_up(course, others, megabytes, timed(lambda: bare.forward(fit)) / len(fit))


def scaled(images: np.ndarray) -> Tensor:
    """Scale images (batch, y, x, 3) to about unit variance."""
    return torch.from_numpy((images.astype(np.float32) - 128) / 64).permute(0, 3, 1, 2)


def summed_up(course: History, others: InTurn, megabytes: float, forward: float) -> Compared:
    """Return medians over the epochs after the first."""
    history, bare = course.history[1:], np.array(others.epochs[1:])
    learning = np.array([epoch["learning"] for epoch in history])
    ended = [end for _, end in others.notes]
    written = [
        came - before - epoch["seconds"]
        for (came, _), before, epoch in zip(others.notes[1:], ended, history, strict=False)
    ]
    return Compared(
        step=float(np.median(learning)) / STEPS,
        bare=float(np.median(bare)) / STEPS,
        ratio=float(np.median(learning / bare)),
        waiting=sum(epoch["waited"] for epoch in history) / float(learning.sum()),
        inner=float(np.median([epoch["seconds"] for epoch in history] - learning)),
        checkpoint=float(np.median(written)),
        forward=forward,
        megabytes=megabytes,
    )


def rows_of(name: str, build: Callable[[], nn.Module], size: int, rounds: int, home: Path) -> Iterator[Row]:
    """Yield rows of a training step with and without augmentation, and of validation and checkpoint."""
    for augment in ((), KINDS):
        recipe = Recipe(epochs=rounds, batch=BATCH, patience=0, augment=augment, precision="float32")
        found = compare(build, size, recipe, home)
        yield Row(
            f"{name}, {size} px, batch {BATCH}: a step{', images shifted, flipped, coloured' if augment else ''}",
            f"{1000 * found.step:.0f} ms, of them {found.waiting:.1%} waiting for images",
            f"bare PyTorch loop {1000 * found.bare:.0f} ms",
            f"{found.ratio:.3f} ×",
            f"≤ {RATIO} ×, waiting ≤ {WAITING:.0%}",
            found.ratio <= RATIO and found.waiting <= WAITING,
        )
    once = found.inner + found.checkpoint
    share = once / (512 / BATCH * found.step)
    yield Row(
        f"{name}: once an epoch, validation on {VALIDATION} images and the checkpoint",
        f"{found.inner:.2f} s and {found.checkpoint:.2f} s ({found.megabytes:.0f} MB)",
        f"bare forward pass of {VALIDATION} images {VALIDATION * found.forward:.2f} s",
        f"{share:.1%} of an epoch of 512 images",
        "≤ 10 %",
        share <= 0.1,
    )


def tiny(home: Path) -> Iterator[Row]:
    """The network of this project."""

    def build() -> nn.Module:
        torch.manual_seed(0)
        network = load_plugins().model("itbench-tiny").factory(Weights("random")).module.requires_grad_(True)
        network.head = nn.Linear(network.head.in_features, SITES)
        return network

    return rows_of("itbench-tiny", build, 96, 41, home)


def resnet(home: Path) -> Iterator[Row]:
    """A residual network."""
    from torchvision.models import resnet18

    return rows_of("ResNet-18", lambda: resnet18(num_classes=SITES), 224, 11, home)


def mobilenet(home: Path) -> Iterator[Row]:
    """Many layers that do little each."""
    from torchvision.models import mobilenet_v2

    return rows_of("MobileNetV2", lambda: mobilenet_v2(num_classes=SITES), 224, 11, home)


def densenet(home: Path) -> Iterator[Row]:
    """A large network on a GPU, where there is one."""
    from torchvision.models import densenet201

    if not torch.cuda.is_available():
        print("DenseNet-201 on a GPU is left out: no CUDA device here.", file=sys.stderr)
        return
    for augment in ((), KINDS):
        recipe = Recipe(epochs=21, batch=BATCH, patience=0, augment=augment, precision="bfloat16")
        found = compare(lambda: densenet201(num_classes=SITES), 224, recipe, home, "cuda")
        yield Row(
            f"DenseNet-201, 224 px, batch {BATCH}, bfloat16, {torch.cuda.get_device_name()}"
            f"{', images shifted, flipped, coloured' if augment else ''}",
            f"{BATCH / found.step:.0f} images/s, {found.waiting:.1%} of the time waiting for images",
            f"bare PyTorch loop {BATCH / found.bare:.0f}, forward pass alone {1 / found.forward:.0f} images/s",
            f"{found.ratio:.3f} ×",
            f"≤ {RATIO} ×, waiting ≤ {WAITING:.0%}",
            found.ratio <= RATIO and found.waiting <= WAITING,
        )


SECTIONS = {"tiny": tiny, "resnet": resnet, "mobilenet": mobilenet, "densenet": densenet}


main = table_command(SECTIONS, "training")


if __name__ == "__main__":
    main()
