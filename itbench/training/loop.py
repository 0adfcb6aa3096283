"""The one training loop: epochs over prepared images, watched on an inner split, resumable to the bit."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from itbench.errors import BadOption, NoSpace
from itbench.training.augment import Augment
from itbench.training.batches import batches
from itbench.training.checkpoint import Checkpoint
from itbench.training.dataset import Rows, TrainingData
from itbench.training.history import History
from itbench.training.losses import Targets, as_outputs, total_loss
from itbench.training.optimiser import freeze, learning, make_average, make_optimiser, make_schedule, set_training
from itbench.training.protocols import Training
from itbench.training.validation import ValidationScore, validation_score

ORDER, CHANGE, NETWORK = range(3)  # what a seed is for


def train(
    module: nn.Module, lesson: TrainingData, training: Training, device: str, seed: int, checkpoint: Checkpoint
) -> History:
    """Train a network by a recipe and leave it with the weights of its best epoch.

    Every epoch's randomness is a function of seed and epoch alone, so that a training that goes on from a checkpoint
    ends, on a CPU, with the same weights to the last bit.

    Parameters
    ----------
    module : torch.nn.Module
        Is changed, and moved to `device`.
    lesson : Lesson
    training : Training
        Its seed and its checkpoint are not used: `seed` and `checkpoint` are those of this network.
    device : {"cpu", "cuda"}
    seed : int
    checkpoint : Checkpoint

    Raises
    ------
    BadOption
        If the loss becomes NaN, with the epoch and the learning rate; or if the recipe does not fit the network.
    NoSpace
        If a checkpoint cannot be written; the last one is still there.
    """
    loop = _Loop(module, lesson, training, device, seed)
    course = History()
    if checkpoint.current:
        course = loop.restore(checkpoint.current)
        training.reporter.note(f"goes on after epoch {course.epochs} of {training.recipe.epochs}")
    begun, first = time.perf_counter(), course.epochs
    while not course.is_over(training.recipe):
        loop.epoch(course)
        checkpoint.write(loop.state(course))
        each = (time.perf_counter() - begun) / (course.epochs - first)
        training.reporter.note(course.line(training.recipe, each))
    loop.plain.load_state_dict(course.state)
    return course


class _Loop:
    """A network with all that moves it."""

    def __init__(self, module: nn.Module, lesson: TrainingData, training: Training, device: str, seed: int) -> None:
        recipe = training.recipe
        self.lesson, self.training, self.recipe, self.device, self.seed = lesson, training, recipe, device, seed
        self.plain = module.to(device).to(memory_format=torch.channels_last)
        freeze(module, recipe)
        self.optimiser = make_optimiser(module, recipe)
        self.steps = -(-len(lesson.fit) // recipe.batch)
        self.schedule = make_schedule(self.optimiser, recipe, self.steps * recipe.epochs)
        self.average = make_average(module, recipe)
        self.targets = lesson.targets.to(device)
        self.augment = Augment(recipe.augment) if recipe.augment else None
        self.penalties: list[Any] = [part.penalty for part in module.modules() if hasattr(part, "penalty")]
        self.low = recipe.precision == "bfloat16" or (recipe.precision == "auto" and device == "cuda")
        torch.backends.cudnn.allow_tf32 = False  # float32 is float32, as where networks are read out
        self.parts = 1  # into which a batch is divided where memory is short

    def epoch(self, course: History) -> None:
        """Learn from every image once, and look at the inner split."""
        number, begun = course.epochs, time.perf_counter()
        torch.manual_seed(seeded(self.seed, number, NETWORK))
        set_training(self.plain, self.recipe)
        total = torch.zeros((), device=self.device)
        rate = float(self.schedule.get_last_lr()[0])
        orders = self._orders(number)
        bar = self.training.reporter.progress(f"epoch {number + 1}", len(orders), "batches")
        with bar as advance, batches(self.lesson.prepared, orders, self.device, self._change(number)) as feed:
            for rows, images in zip(orders, feed, strict=True):
                total += self._step(images, self._targets_of(rows)) * len(rows)
                advance(1)
        loss = float(total) / len(self.lesson.fit)
        self._refuse_divergence(loss, number, rate)
        learnt = time.perf_counter()
        inner = self._inner(number)
        self._refuse_divergence(inner.about.get("inner_loss", loss), number, rate)
        course.epochs += 1
        if not course.state or inner.value > course.best:
            course.best, course.best_epoch = inner.value, course.epochs
            course.state = copy.deepcopy({key: value.cpu() for key, value in self._counting().state_dict().items()})
        seconds = {"seconds": time.perf_counter() - begun, "learning": learnt - begun, "waited": feed.waited}
        course.history.append({"epoch": course.epochs, "loss": loss, "lr": rate, **inner.about, **seconds})

    def _refuse_divergence(self, loss: float, epoch: int, rate: float) -> None:
        if not np.isfinite(loss):
            raise BadOption(
                f"The loss became {loss} in epoch {epoch + 1}, at a learning rate of {rate:.3g}.",
                todo=f"Learn more slowly, such as --recipe lr={self.recipe.lr / 10:.1g}",
            )

    def state(self, course: History) -> dict[str, Any]:
        """Return where the training stands."""
        return {
            "module": self.plain.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "parts": self.parts,
            "course": vars(course),
        }

    def restore(self, stored: dict[str, Any]) -> History:
        """Go back to where a training stood."""
        self.plain.load_state_dict(stored["module"])
        self.optimiser.load_state_dict(stored["optimiser"])
        self.schedule.load_state_dict(stored["schedule"])
        if self.average:
            self.average.load_state_dict(stored["average"])
        self.parts = stored["parts"]
        return History(**stored["course"])

    def _counting(self) -> nn.Module:
        """Return the network whose weights count: the moving average if there is one."""
        return self.average.module if self.average else self.plain

    def _orders(self, epoch: int) -> list[Rows]:
        """Return the rows of each batch: all of them once, in batches of nearly one size."""
        shuffled = np.random.default_rng(seeded(self.seed, epoch, ORDER)).permutation(self.lesson.fit)
        return [np.asarray(rows) for rows in np.array_split(shuffled, self.steps)]

    def _change(self, epoch: int) -> Callable[[Tensor, int], Tensor] | None:
        if self.augment is None:
            return None
        augment = self.augment
        return lambda images, step: augment(images, seeded(self.seed, epoch, CHANGE, step))

    def _targets_of(self, rows: Rows) -> Targets:
        return self.targets.take(torch.from_numpy(rows).to(self.device, non_blocking=True))

    def _step(self, images: Tensor, targets: Targets) -> Tensor:
        """Learn from one batch, in parts if it does not fit; return its loss."""
        while (loss := self._gradients_if_room(images, targets)) is None:
            self._divide(len(images))
        if self.recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(learning(self.plain), self.recipe.clip)
        self.optimiser.step()
        self.schedule.step()
        if self.average:
            self.average.update_parameters(self.plain)
        return loss

    def _gradients_if_room(self, images: Tensor, targets: Targets) -> Tensor | None:
        try:
            return self._gradients(images, targets)
        except torch.cuda.OutOfMemoryError:
            return None  # room is made by the caller: as long as the error is here, so is what was allocated

    def _divide(self, size: int) -> None:
        """Take batches of `size` images in twice as many parts from now on."""
        if self.parts >= size:
            raise NoSpace(
                "The GPU has no room for the network with one image.",
                todo="Choose a smaller network, or --device cpu.",
            )
        self.parts = min(2 * self.parts, size)
        self.optimiser.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        self.training.reporter.note(
            f"the GPU is short of memory: a batch of {size} is now taken in {self.parts} parts, whose gradients are "
            "summed; batch norms see the parts"
        )

    def _gradients(self, images: Tensor, targets: Targets) -> Tensor:
        self.optimiser.zero_grad(set_to_none=True)
        total = images.new_zeros((), dtype=torch.float32)
        for rows in torch.arange(len(images), device=self.device).tensor_split(min(self.parts, len(images))):
            own = images if self.parts == 1 else images[rows]
            with self._autocast():
                outputs = as_outputs(self.lesson.call(self.plain, own))
            loss = total_loss(outputs, targets if self.parts == 1 else targets.take(rows), own, self.recipe)
            loss = (loss + sum(penalty() for penalty in self.penalties)) * (len(own) / len(images))
            loss.backward()
            total += loss.detach()
        return total

    def _inner(self, epoch: int) -> ValidationScore:
        """Return how well the network does on the inner split; without one, the last epoch is the best."""
        if not len(self.lesson.validation):
            return ValidationScore(float(epoch), {})
        module = self._counting().eval()
        rows = [np.asarray(part) for part in self._chunks(self.lesson.validation)]
        said: dict[str, list[Tensor]] = {}
        losses = []
        looking = torch.no_grad()  # not inference_mode: a network may keep what it makes here, and learn with it
        with looking, self._autocast(), batches(self.lesson.prepared, rows, self.device) as feed:
            for own, images in zip(rows, feed, strict=True):
                outputs = as_outputs(self.lesson.call(module, images))
                losses.append(float(total_loss(outputs, self._targets_of(own), images, self.recipe)) * len(own))
                for name in ("responses", "classes"):
                    if name in outputs:
                        said.setdefault(name, []).append(outputs[name].float().cpu())
        loss = sum(losses) / len(self.lesson.validation)
        outputs_of = {name: torch.cat(parts) for name, parts in said.items()}
        own_targets = self.lesson.targets.take(torch.from_numpy(np.asarray(self.lesson.validation)))
        return validation_score(outputs_of, own_targets, loss, self.recipe)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device, torch.bfloat16, enabled=self.low)

    def _chunks(self, rows: Rows) -> Iterator[Rows]:
        size = max(1, self.recipe.batch // self.parts)
        return (rows[start : start + size] for start in range(0, len(rows), size))


def seeded(seed: int, *what: int) -> int:
    """Return a seed that depends on another one and on what it is for."""
    return int(np.random.SeedSequence((seed, *what)).generate_state(1, np.uint64)[0] >> np.uint64(1))
