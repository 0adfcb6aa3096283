"""A torch network that learns from recordings, and what it is once it has learnt."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from itbench.data.stimuli import Images, StimulusSet
from itbench.errors import BadOption
from itbench.models.network import Network, resolve_device
from itbench.models.recipe import Recipe
from itbench.models.weights import load_state
from itbench.training.checkpoint import Checkpoint
from itbench.training.dataset import PreprocessedImages, TrainingData
from itbench.training.frozen_features import Call, frozen_features, has_frozen_features, reading, whole
from itbench.training.history import History
from itbench.training.loop import NETWORK, seeded, train
from itbench.training.losses import Outputs, Targets, as_outputs
from itbench.training.protocols import Training
from itbench.training.ridge_start import start_from_ridge
from itbench.training.scale import Scale
from itbench.util.arrays import Array

AT_ONCE = 32  # images predicted in one forward pass


class TrainableNetwork:
    """A torch network that learns from recordings: an `itbench.TrainableModel`.

    Parameters
    ----------
    build : callable
        (sites, classes) → `torch.nn.Module`, whose forward takes images (batch, 3, y, x) and returns responses
        (batch, site), or a mapping with some of ``responses``, ``classes`` (batch, class) and ``picture`` (batch, 3,
        y, x). Responses are standardised per site; with Poisson's loss they pass softplus and are relative to the mean.
        What a method ``penalty()`` of any part of it returns is added to the loss.
    preprocess : callable
        As of `itbench.Network`.
    layers : sequence of str
        Candidates for readouts, early to late: modules of what `build` returns; if there are none, some are spread
        over its depth.
    package : str
        As of `itbench.Network`.
    """

    def __init__(
        self,
        build: Callable[[int, int], nn.Module],
        preprocess: Callable[[Any], Tensor],
        *,
        layers: Sequence[str] = (),
        package: str = "",
    ) -> None:
        self.build, self.preprocess, self.layers, self.package = build, preprocess, tuple(layers), package

    @property
    def identity(self) -> Mapping[str, str]:
        """All that changes what it learns, but for recipe, seed and recordings."""
        return {**self.untrained(2, 2).identity, "torch": torch.__version__}

    def untrained(self, sites: int, classes: int, members: int = 1) -> Network:
        """Return the network as it is before it learns, as `itbench.training.protocols.Previewed.untrained` says."""
        module, layers = self._joined([self._fresh(sites, classes, 0) for _ in range(members)])
        return Network(module, self.preprocess, layers=layers, package=self.package)

    def fit(
        self,
        stimuli: StimulusSet,
        responses: NDArray[np.floating],
        validation: NDArray[np.integer],
        training: Training,
    ) -> TrainedNetwork:
        """Learn, as `itbench.TrainableModel.fit` says.

        Raises
        ------
        BadOption, BadRecordings, UnknownName, NoSpace
        """
        recipe, device = training.recipe, resolve_device(training.device)
        fit = np.setdiff1d(np.arange(len(stimuli)), validation)
        if len(fit) < recipe.batch:
            raise BadOption(
                f"{len(fit)} images to learn from are fewer than a batch of {recipe.batch}.",
                todo=f"Use --recipe batch={max(1, len(fit) // 4)}.",
            )
        if recipe.patience and not len(validation):
            raise BadOption(
                f"Of {len(stimuli)} training images none is left to stop the training by.",
                todo="Use a larger share, such as --recipe validation=0.2, or none: patience=0.",
            )
        scale = Scale.of(responses[fit], recipe)
        targets = self._targets(stimuli, responses, scale, training)
        checkpoint = Checkpoint(training.checkpoint)
        plain = Network(nn.Identity(), self.preprocess)
        forked = torch.random.fork_rng(range(torch.cuda.device_count()) if device == "cuda" else [])
        keep = partial(
            PreprocessedImages.of, memory=training.memory // 2, scratch=training.scratch, reporter=training.reporter
        )
        sizes = responses.shape[1], len(training.classes)
        call: Call = whole
        then: Callable[[Tensor], Tensor] | None = None
        first = self._fresh(*sizes, training.seed)
        if has_frozen_features(first, recipe):
            then, call = frozen_features(first, recipe, device), reading
        del first  # its copy on a GPU, once the features are computed
        with forked, keep(plain.prepare, stimuli, then=then) as prepared:
            then = None
            lesson = TrainingData(prepared, targets, fit, validation, call)
            for seed in range(training.seed + len(checkpoint.finished), training.seed + recipe.members):
                module = self._fresh(*sizes, seed)
                if recipe.probe and checkpoint.current is None:
                    start_from_ridge(module.to(device), lesson, device)
                checkpoint.finish(vars(train(module, lesson, training, device, seed, checkpoint)))
        courses = [History(**finished) for finished in checkpoint.finished]
        account = {**_account(courses, recipe), "device": device}
        return self._trained([course.state for course in courses], scale, *sizes, account)

    def restore(self, state: Mapping[str, NDArray[Any]], sites: int, classes: int) -> TrainedNetwork:
        """Return the predictor whose `state` this is.

        Raises
        ------
        NoWeights
            If it does not fit the network.
        """
        scale = Scale(state["mean"], state["scale"], bool(state["rates"]))
        members: dict[str, dict[str, Tensor]] = {}
        for name, values in state.items():
            number, dot, own = name.partition(".")
            if dot:
                members.setdefault(number, {})[own] = torch.from_numpy(np.array(values))
        return self._trained([members[number] for number in sorted(members, key=int)], scale, sites, classes, {})

    def _trained(
        self, states: Sequence[Mapping[str, Tensor]], scale: Scale, sites: int, classes: int, account: Mapping[str, Any]
    ) -> TrainedNetwork:
        modules = []
        for state in states:
            modules.append(self._fresh(sites, classes, 0))
            load_state(modules[-1], state, "what was trained")
        module, layers = self._joined(modules)
        return TrainedNetwork(module, self.preprocess, scale, layers=layers, package=self.package, account=account)

    def _joined(self, modules: Sequence[nn.Module]) -> tuple[nn.Module, tuple[str, ...]]:
        """Return one network or several as a module, with its candidate layers."""
        if len(modules) == 1:
            return modules[0], self.layers
        return Members(modules), tuple(f"members.0.{layer}" for layer in self.layers)

    def _fresh(self, sites: int, classes: int, seed: int) -> nn.Module:
        """Return a network as it stands before training, which shares nothing with another."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeded(seed, NETWORK))
            return copy.deepcopy(self.build(sites, classes))

    def _targets(
        self, stimuli: StimulusSet, responses: NDArray[np.floating], scale: Scale, training: Training
    ) -> Targets:
        complete = bool(np.isfinite(responses).all())
        teacher = None if training.taught is None else scale.to_output(training.taught)
        classes = None
        if training.classes:
            names = np.asarray(stimuli.metadata[training.recipe.label]).astype(str)
            classes = torch.from_numpy(np.searchsorted(np.array(training.classes), names))
        return Targets(scale.to_output(responses), teacher, classes, complete)


class TrainedNetwork(Network):
    """A network that has learnt from recordings: an `itbench.Predictor`."""

    def __init__(
        self,
        module: nn.Module,
        preprocess: Callable[[Any], Tensor],
        scale: Scale,
        *,
        account: Mapping[str, Any],
        **about: Any,
    ) -> None:
        super().__init__(module, preprocess, **about)
        self.scale, self.account = scale, account

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """All that training made, as arrays by name: the tensors of each network, by its number, and the scale."""
        members = self.module.members if isinstance(self.module, Members) else [self.module]
        tensors = {
            f"{number}.{name}": tensor.detach().cpu().numpy()
            for number, member in enumerate(members)
            for name, tensor in member.state_dict().items()
        }
        return {**tensors, "mean": self.scale.mean, "scale": self.scale.scale, "rates": np.array(self.scale.rates)}

    def predict(self, images: Images) -> Array:
        """Return responses (image, site) to images (image, y, x, 3), in the units of the recordings.

        Raises
        ------
        BadOption
            If it learnt no responses.
        """
        said = []
        for start in range(0, images.shape[0], AT_ONCE):
            outputs = self._outputs(self.prepare(images[start : start + AT_ONCE]))
            if "responses" not in outputs:
                raise BadOption(
                    f"It predicts no responses, but {', '.join(outputs)}.",
                    todo="Read a layer of it out: --metric ridge",
                )
            said.append(outputs["responses"].float().cpu())
        return self.scale.to_responses(torch.cat(said))

    def _outputs(self, batch: Tensor) -> Outputs:
        with torch.inference_mode(), self._autocast():
            return as_outputs(self.module(batch.to(self.device, memory_format=torch.channels_last)))


def _account(courses: Sequence[History], recipe: Recipe) -> dict[str, Any]:
    """Return how the training of one network went, or of several: their means, and the history of each."""
    best = [course.history[course.best_epoch - 1] for course in courses]
    inner = {
        f"inner_{name.removeprefix('inner_')}": float(np.mean([epoch[name] for epoch in best]))
        for name in ("explained_variance", "correlation", "accuracy", "inner_loss")
        if all(name in epoch for epoch in best)
    }
    epochs = [course.epochs for course in courses]
    single = len(courses) == 1
    return {
        "epochs": epochs[0] if single else epochs,
        "best_epoch": courses[0].best_epoch if single else [course.best_epoch for course in courses],
        **inner,
        "history": courses[0].history if single else [course.history for course in courses],
    }


class Members(nn.Module):
    """Networks whose outputs are averaged.

    Parameters
    ----------
    modules : iterable of torch.nn.Module
        Of one kind; each is called ``members.NUMBER``.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(modules)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the mean of every output over the networks, for images (batch, 3, y, x)."""
        said = [as_outputs(member(images)) for member in self.members]
        return {name: torch.stack([own[name] for own in said]).mean(0) for name in said[0]}
