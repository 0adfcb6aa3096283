"""Trainable network: a torch network trained on recordings, and the trained network that predicts responses."""

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
from itbench.models.identity import code_identity
from itbench.models.network import Network, resolve_device
from itbench.models.weights_file import load_state
from itbench.training.batches import PreprocessedImages
from itbench.training.checkpoint import Checkpoint, History
from itbench.training.loop import NETWORK, LoopData, derive_seed, start_from_ridge, train
from itbench.training.losses import Outputs, ResponseScale, Targets, outputs_by_name
from itbench.training.optimiser import (
    Forward,
    forward_features,
    forward_images,
    frozen_features,
    has_frozen_features,
)
from itbench.training.trainable_model import Training
from itbench.util.arrays import Array

BATCH = 32  # images predicted in one forward pass


class TrainableNetwork:
    """Trainable network: a torch network to be trained on recordings, as an `itbench.TrainableModel`.

    Parameters
    ----------
    build : callable
        (sites, classes) → `torch.nn.Module`, whose forward takes images (batch, 3, y, x) and returns responses
        (batch, site), or a mapping with some of ``responses``, ``classes`` (batch, class) and ``picture`` (batch, 3,
        y, x). Responses are standardised per site; with Poisson's loss they pass softplus and are relative to the mean.
        The results of all methods ``penalty()`` of its parts are added to the loss.
    preprocess : callable
        As for `itbench.Network`.
    layers : sequence of str
        Candidate layers for readouts, early to late: modules of what `build` returns; by default some at equal
        distances over its depth.
    package : str
        As for `itbench.Network`.
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
        """Identity of the trainable network for cache keys, without recipe, seed and recordings."""
        untrained = self.untrained(2, 2)
        return {**untrained.identity, **code_identity(untrained.module), "torch": torch.__version__}

    def untrained(self, sites: int, classes: int, members: int = 1) -> Network:
        """Return the trainable network before training, as `Previewable.untrained` does."""
        module, layers = self._ensemble([self._new_module(sites, classes, 0) for _ in range(members)])
        return Network(module, self.preprocess, layers=layers, package=self.package)

    def fit(
        self,
        stimuli: StimulusSet,
        responses: NDArray[np.floating],
        validation: NDArray[np.integer],
        training: Training,
    ) -> TrainedNetwork:
        """Train the network, or each member of an ensemble, as `itbench.TrainableModel.fit` describes.

        Raises
        ------
        BadOption, BadRecordings, UnknownName, NoSpace
        """
        recipe, device = training.recipe, resolve_device(training.device)
        training_rows = np.setdiff1d(np.arange(len(stimuli)), validation)
        if len(training_rows) < recipe.batch:
            raise BadOption(
                f"{len(training_rows)} training images are fewer than a batch of {recipe.batch}.",
                todo=f"Use --recipe batch={max(1, len(training_rows) // 4)}.",
            )
        if recipe.patience and not len(validation):
            raise BadOption(
                f"None of the {len(stimuli)} training images is left for validation, which stops the training.",
                todo="Use a larger share, such as --recipe validation=0.2, or no early stopping: patience=0.",
            )
        scale = ResponseScale.of(responses[training_rows], recipe)
        targets = self._targets(stimuli, responses, scale, training)
        checkpoint = Checkpoint(training.checkpoint)
        preprocessing = Network(nn.Identity(), self.preprocess)
        random_state = torch.random.fork_rng(range(torch.cuda.device_count()) if device == "cuda" else [])
        preprocess_all = partial(
            PreprocessedImages.of, memory=training.memory // 2, scratch=training.scratch, reporter=training.reporter
        )
        sizes = responses.shape[1], len(training.classes)
        forward: Forward = forward_images
        then: Callable[[Tensor], Tensor] | None = None
        first = self._new_module(*sizes, training.seed)
        if has_frozen_features(first, recipe):
            then, forward = frozen_features(first, recipe, device), forward_features
        del first  # frees its copy on a GPU once the features are computed
        with random_state, preprocess_all(preprocessing.prepare, stimuli, then=then) as images:
            then = None
            data = LoopData(images, targets, training_rows, validation, forward)
            for seed in range(training.seed + len(checkpoint.finished), training.seed + recipe.members):
                module = self._new_module(*sizes, seed)
                if recipe.probe and checkpoint.current is None:
                    start_from_ridge(module.to(device), data, device)
                checkpoint.finish(vars(train(module, data, training, device, seed, checkpoint)))
        histories = [History(**finished) for finished in checkpoint.finished]
        account = {**_summary(histories), "device": device}
        return self._trained([history.state for history in histories], scale, *sizes, account)

    def restore(self, state: Mapping[str, NDArray[Any]], sites: int, classes: int) -> TrainedNetwork:
        """Return the trained network from the `state` of an earlier training.

        Raises
        ------
        NoWeights
            If it does not fit the network.
        """
        scale = ResponseScale(state["mean"], state["scale"], bool(state["rates"]))
        members: dict[str, dict[str, Tensor]] = {}
        for key, values in state.items():
            number, dot, name = key.partition(".")
            if dot:
                members.setdefault(number, {})[name] = torch.from_numpy(np.array(values))
        return self._trained([members[number] for number in sorted(members, key=int)], scale, sites, classes, {})

    def _trained(
        self,
        states: Sequence[Mapping[str, Tensor]],
        scale: ResponseScale,
        sites: int,
        classes: int,
        account: Mapping[str, Any],
    ) -> TrainedNetwork:
        modules = []
        for state in states:
            modules.append(self._new_module(sites, classes, 0))
            load_state(modules[-1], state, "the trained state")
        module, layers = self._ensemble(modules)
        return TrainedNetwork(module, self.preprocess, scale, layers=layers, package=self.package, account=account)

    def _ensemble(self, modules: Sequence[nn.Module]) -> tuple[nn.Module, tuple[str, ...]]:
        if len(modules) == 1:
            return modules[0], self.layers
        return Members(modules), tuple(f"members.0.{layer}" for layer in self.layers)

    def _new_module(self, sites: int, classes: int, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, NETWORK))
            return copy.deepcopy(self.build(sites, classes))  # `build` may return one module again and again

    def _targets(
        self, stimuli: StimulusSet, responses: NDArray[np.floating], scale: ResponseScale, training: Training
    ) -> Targets:
        complete = bool(np.isfinite(responses).all())
        teacher = None if training.teacher_predictions is None else scale.to_output(training.teacher_predictions)
        classes = None
        if training.classes:
            names = np.asarray(stimuli.metadata[training.recipe.label]).astype(str)
            classes = torch.from_numpy(np.searchsorted(np.array(training.classes), names))
        return Targets(scale.to_output(responses), teacher, classes, complete)


class TrainedNetwork(Network):
    """Trained network: a network trained on recordings, as an `itbench.Predictor`."""

    def __init__(
        self,
        module: nn.Module,
        preprocess: Callable[[Any], Tensor],
        scale: ResponseScale,
        *,
        account: Mapping[str, Any],
        **options: Any,
    ) -> None:
        super().__init__(module, preprocess, **options)
        self.scale, self.account = scale, account

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """Arrays of the trained network by name: tensors of each member, ``NUMBER.NAME``, and the response scale."""
        members = self.module.members if isinstance(self.module, Members) else [self.module]
        tensors = {
            f"{number}.{name}": tensor.detach().cpu().numpy()
            for number, member in enumerate(members)
            for name, tensor in member.state_dict().items()
        }
        return {**tensors, "mean": self.scale.mean, "scale": self.scale.scale, "rates": np.array(self.scale.rates)}

    def predict(self, images: Images) -> Array:
        """Return the trained network's responses (image, site) to images (image, y, x, 3), in units of the recordings.

        Raises
        ------
        BadOption
            If it was not trained on responses.
        """
        predictions = []
        for start in range(0, images.shape[0], BATCH):
            outputs = self._outputs(self.prepare(images[start : start + BATCH]))
            if "responses" not in outputs:
                raise BadOption(
                    f"It predicts no responses, but {', '.join(outputs)}.",
                    todo="Use a readout of its layers: --metric ridge",
                )
            predictions.append(outputs["responses"].float().cpu())
        return self.scale.to_responses(torch.cat(predictions))

    def _outputs(self, batch: Tensor) -> Outputs:
        with torch.inference_mode(), self._autocast():
            return outputs_by_name(self.module(batch.to(self.device, memory_format=torch.channels_last)))


def _summary(histories: Sequence[History]) -> dict[str, Any]:
    """Return the training summary of a trained network: means over its members, and the history of each."""
    best = [history.history[history.best_epoch - 1] for history in histories]
    validation = {
        f"inner_{name.removeprefix('inner_')}": float(np.mean([epoch[name] for epoch in best]))
        for name in ("explained_variance", "correlation", "accuracy", "inner_loss")
        if all(name in epoch for epoch in best)
    }
    epochs = [history.epochs for history in histories]
    single = len(histories) == 1
    return {
        "epochs": epochs[0] if single else epochs,
        "best_epoch": histories[0].best_epoch if single else [history.best_epoch for history in histories],
        **validation,
        "history": histories[0].history if single else [history.history for history in histories],
    }


class Members(nn.Module):
    """Ensemble of trained networks whose outputs are averaged.

    Parameters
    ----------
    modules : iterable of torch.nn.Module
        Of one architecture; each is called ``members.NUMBER``.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(modules)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the mean of every output over the trained networks of the ensemble, for images (batch, 3, y, x)."""
        outputs = [outputs_by_name(member(images)) for member in self.members]
        return {name: torch.stack([member[name] for member in outputs]).mean(0) for name in outputs[0]}
