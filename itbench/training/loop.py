"""Training loop: epochs of gradient steps and validation, resumable to the last bit; may start from a ridge readout."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from itbench.errors import BadOption, NoSpace
from itbench.gram import Gram
from itbench.metrics.kernel import eigenbasis
from itbench.metrics.ridge import default_alphas, leave_one_out
from itbench.training.augment import Augment
from itbench.training.batches import PreprocessedImages, Rows, batches
from itbench.training.checkpoint import Checkpoint, History
from itbench.training.losses import Targets, ValidationScore, outputs_by_name, total_loss, validation_score
from itbench.training.optimiser import (
    Forward,
    forward_images,
    freeze,
    make_average,
    make_optimiser,
    make_schedule,
    set_training_mode,
    trained_parameters,
)
from itbench.training.trainable_model import Training

ORDER, AUGMENT, NETWORK = range(3)  # purposes of a seed


@dataclass(frozen=True, eq=False)
class LoopData:
    """Data of the training loop: preprocessed images, targets, training rows and validation rows.

    Parameters
    ----------
    images : PreprocessedImages
        All images, or their frozen features.
    targets : Targets
        Those of all images.
    training_rows, validation_rows : int arrays
        Rows of the images for gradient steps, and rows for the validation score.
    forward : callable
        (network, batch of `images`) → outputs.
    """

    images: PreprocessedImages
    targets: Targets
    training_rows: Rows
    validation_rows: Rows
    forward: Forward = forward_images


def train(
    module: nn.Module, data: LoopData, training: Training, device: str, seed: int, checkpoint: Checkpoint
) -> History:
    """Run the training loop on a network by a recipe and leave it with the weights of its best epoch.

    The randomness of an epoch is a function of seed and epoch alone, so that a training resumed from a checkpoint
    ends, on a CPU, with the same weights to the last bit.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place, and moved to `device`.
    data : LoopData
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
        If a checkpoint cannot be written; the former one stays.
    """
    loop = _Loop(module, data, training, device, seed)
    history = History()
    if checkpoint.current:
        history = loop.restore(checkpoint.current)
        training.reporter.note(f"resumes after epoch {history.epochs} of {training.recipe.epochs}")
    started, first = time.perf_counter(), history.epochs
    while not history.is_over(training.recipe):
        loop.epoch(history)
        checkpoint.write(loop.state(history))
        each = (time.perf_counter() - started) / (history.epochs - first)
        training.reporter.note(history.line(training.recipe, each))
    loop.network.load_state_dict(history.state)
    return history


class _Loop:
    """Training loop of one network: its optimiser, schedule, moving average, targets and augmentation."""

    def __init__(self, module: nn.Module, data: LoopData, training: Training, device: str, seed: int) -> None:
        recipe = training.recipe
        self.data, self.training, self.recipe, self.device, self.seed = data, training, recipe, device, seed
        self.network = module.to(device).to(memory_format=torch.channels_last)
        freeze(module, recipe)
        self.optimiser = make_optimiser(module, recipe)
        self.steps = -(-len(data.training_rows) // recipe.batch)
        self.schedule = make_schedule(self.optimiser, recipe, self.steps * recipe.epochs)
        self.average = make_average(module, recipe)
        self.targets = data.targets.to(device)
        self.augment = Augment(recipe.augment) if recipe.augment else None
        self.penalties: list[Any] = [part.penalty for part in module.modules() if hasattr(part, "penalty")]
        self.low = recipe.precision == "bfloat16" or (recipe.precision == "auto" and device == "cuda")
        torch.backends.cudnn.allow_tf32 = False  # float32 is float32, as where networks are read out
        self.parts = 1  # of a batch, more of them where GPU memory is short

    def epoch(self, history: History) -> None:
        """Run one epoch of the training loop: a gradient step per batch, then the validation score."""
        number, started = history.epochs, time.perf_counter()
        torch.manual_seed(derive_seed(self.seed, number, NETWORK))
        set_training_mode(self.network, self.recipe)
        total = torch.zeros((), device=self.device)
        rate = float(self.schedule.get_last_lr()[0])
        orders = self._orders(number)
        bar = self.training.reporter.progress(f"epoch {number + 1}", len(orders), "batches")
        with bar as advance, batches(self.data.images, orders, self.device, self._augmentation(number)) as feed:
            for rows, images in zip(orders, feed, strict=True):
                total += self._step(images, self._targets_of(rows)) * len(rows)
                advance(1)
        loss = float(total) / len(self.data.training_rows)
        self._refuse_divergence(loss, number, rate)
        trained = time.perf_counter()
        score = self._validate(number)
        self._refuse_divergence(score.about.get("inner_loss", loss), number, rate)
        history.epochs += 1
        if not history.state or score.value > history.best:
            history.best, history.best_epoch = score.value, history.epochs
            state = self._evaluated_network().state_dict()
            history.state = copy.deepcopy({key: value.cpu() for key, value in state.items()})
        seconds = {"seconds": time.perf_counter() - started, "learning": trained - started, "waited": feed.waited}
        history.history.append({"epoch": history.epochs, "loss": loss, "lr": rate, **score.about, **seconds})

    def _refuse_divergence(self, loss: float, epoch: int, rate: float) -> None:
        if not np.isfinite(loss):
            raise BadOption(
                f"The loss became {loss} in epoch {epoch + 1}, at a learning rate of {rate:.3g}.",
                todo=f"Use a lower learning rate, such as --recipe lr={self.recipe.lr / 10:.1g}",
            )

    def state(self, history: History) -> dict[str, Any]:
        """Return the state of the training loop that a checkpoint keeps."""
        return {
            "module": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "parts": self.parts,
            "course": vars(history),
        }

    def restore(self, stored: dict[str, Any]) -> History:
        """Restore the training loop from the state in a checkpoint; return its history."""
        self.network.load_state_dict(stored["module"])
        self.optimiser.load_state_dict(stored["optimiser"])
        self.schedule.load_state_dict(stored["schedule"])
        if self.average:
            self.average.load_state_dict(stored["average"])
        self.parts = stored["parts"]
        return History(**stored["course"])

    def _evaluated_network(self) -> nn.Module:
        return self.average.module if self.average else self.network

    def _orders(self, epoch: int) -> list[Rows]:
        """Shuffle rows into even batches."""
        shuffled = np.random.default_rng(derive_seed(self.seed, epoch, ORDER)).permutation(self.data.training_rows)
        return [np.asarray(rows) for rows in np.array_split(shuffled, self.steps)]

    def _augmentation(self, epoch: int) -> Callable[[Tensor, int], Tensor] | None:
        if self.augment is None:
            return None
        augment = self.augment
        return lambda images, step: augment(images, derive_seed(self.seed, epoch, AUGMENT, step))

    def _targets_of(self, rows: Rows) -> Targets:
        return self.targets.take(torch.from_numpy(rows).to(self.device, non_blocking=True))

    def _step(self, images: Tensor, targets: Targets) -> Tensor:
        """Make one gradient step; return its loss."""
        while (loss := self._gradients_if_room(images, targets)) is None:
            self._divide(len(images))
        if self.recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(trained_parameters(self.network), self.recipe.clip)
        self.optimiser.step()
        self.schedule.step()
        if self.average:
            self.average.update_parameters(self.network)
        return loss

    def _gradients_if_room(self, images: Tensor, targets: Targets) -> Tensor | None:
        try:
            return self._gradients(images, targets)
        except torch.cuda.OutOfMemoryError:
            return None  # the caller frees memory: the error keeps what was allocated alive

    def _divide(self, size: int) -> None:
        """Double the parts of a batch."""
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
            part = images if self.parts == 1 else images[rows]
            with self._autocast():
                outputs = outputs_by_name(self.data.forward(self.network, part))
            loss = total_loss(outputs, targets if self.parts == 1 else targets.take(rows), part, self.recipe)
            loss = (loss + sum(penalty() for penalty in self.penalties)) * (len(part) / len(images))
            loss.backward()
            total += loss.detach()
        return total

    def _validate(self, epoch: int) -> ValidationScore:
        validation = self.data.validation_rows
        if not len(validation):
            return ValidationScore(float(epoch), {})  # the last epoch is the best
        module = self._evaluated_network().eval()
        chunks = [np.asarray(part) for part in self._chunks(validation)]
        parts: dict[str, list[Tensor]] = {}
        losses = []
        no_gradients = torch.no_grad()  # not inference_mode: a network may keep tensors made here, and train with them
        with no_gradients, self._autocast(), batches(self.data.images, chunks, self.device) as feed:
            for rows, images in zip(chunks, feed, strict=True):
                outputs = outputs_by_name(self.data.forward(module, images))
                losses.append(float(total_loss(outputs, self._targets_of(rows), images, self.recipe)) * len(rows))
                for name in ("responses", "classes"):
                    if name in outputs:
                        parts.setdefault(name, []).append(outputs[name].float().cpu())
        loss = sum(losses) / len(validation)
        predictions = {name: torch.cat(tensors) for name, tensors in parts.items()}
        targets = self.data.targets.take(torch.from_numpy(np.asarray(validation)))
        return validation_score(predictions, targets, loss, self.recipe)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device, torch.bfloat16, enabled=self.low)

    def _chunks(self, rows: Rows) -> Iterator[Rows]:
        size = max(1, self.recipe.batch // self.parts)
        return (rows[start : start + size] for start in range(0, len(rows), size))


def derive_seed(seed: int, *purpose: int) -> int:
    """Derive the seed of one purpose of the training loop, such as the batch order of an epoch, from its seed."""
    return int(np.random.SeedSequence((seed, *purpose)).generate_state(1, np.uint64)[0] >> np.uint64(1))


BATCH = 32  # images in one forward pass


def start_from_ridge(module: nn.Module, data: LoopData, device: str) -> None:
    """Set the head of a network to the ridge readout of its input features before training (ridge start).

    The head is the last linear layer before the responses. The penalty of each site is chosen by leave-one-out over
    the training rows; sites with a missing response keep their weights.

    Parameters
    ----------
    module : torch.nn.Module
        On `device`; with ``heads["responses"]``, or with a linear layer as its last.
    data : LoopData
    device : str

    Raises
    ------
    BadOption
        If the responses do not come from a linear layer.

    References
    ----------
    Kumar, Raghunathan, Jones, Ma & Liang (2022), Fine-tuning can distort pretrained features and underperform
    out-of-distribution, ICLR: a head with random initial weights first distorts the pretrained features.
    """
    head = _head(module)
    features = _head_inputs(module, head, data, device)
    targets = data.targets.responses
    assert targets is not None
    recorded = targets[torch.from_numpy(data.training_rows)].double().numpy()
    sites = np.flatnonzero(np.isfinite(recorded).all(axis=0))
    gram = Gram.from_features(features)
    every = np.arange(len(features))
    basis = eigenbasis(gram, every, every[:0], None)
    grid = default_alphas(basis.mean_square)
    alpha = grid[leave_one_out(basis, recorded[:, sites], grid, per_site=True).best]
    mean, centre = recorded[:, sites].mean(axis=0), features.mean(axis=0)
    dual = basis.vectors @ ((basis.vectors.T @ (recorded[:, sites] - mean)) / (basis.values[:, None] + alpha))
    weight = (features - centre).T @ dual  # (feature, site)
    with torch.no_grad():
        rows = torch.from_numpy(sites).to(device)
        head.weight[rows] = torch.from_numpy(weight.T.astype(np.float32)).to(device)
        if head.bias is not None:
            head.bias[rows] = torch.from_numpy((mean - centre @ weight).astype(np.float32)).to(device)


def _head(module: nn.Module) -> nn.Linear:
    heads = getattr(module, "heads", {})
    inside = heads["responses"] if "responses" in heads else module  # noqa: SIM401  # a ModuleDict has no get
    linear = [part for part in inside.modules() if isinstance(part, nn.Linear)]
    if not linear:
        raise BadOption(
            "The recipe's probe needs responses that come from a linear layer.", todo="Use --recipe probe=false."
        )
    return linear[-1]


def _head_inputs(module: nn.Module, head: nn.Linear, data: LoopData, device: str) -> np.ndarray:
    caught: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda _part, inputs: caught.append(inputs[0].float().cpu()))
    rows = [data.training_rows[start : start + BATCH] for start in range(0, len(data.training_rows), BATCH)]
    module.eval()
    try:
        with torch.no_grad(), batches(data.images, rows, device) as feed:
            for images in feed:
                data.forward(module, images)
    finally:
        hook.remove()
    return torch.cat(caught).double().numpy()
