"""The training loop against loops written by hand, and what it promises of order, resumption and the best epoch."""

import math
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from itbench.data.stimuli import StimulusSet
from itbench.errors import BadOption, NoSpace
from itbench.models.recipe import Recipe
from itbench.training.batches import PreprocessedImages
from itbench.training.checkpoint import Checkpoint
from itbench.training.loop import LoopData, train
from itbench.training.losses import Targets
from itbench.training.trainable_model import Training
from itbench.util.progress import SilentReporter

N, SITES = 46, 4  # 46 is no multiple of a batch
PLAIN = {"epochs": 3, "batch": 8, "patience": 0, "validation": 0.0, "clip": None}


def network(seed=0, norm=False, dropout=0.0):
    torch.manual_seed(seed)
    parts = OrderedDict(conv=nn.Conv2d(3, 5, 3, 2), norm=nn.BatchNorm2d(5), relu=nn.ReLU(), flat=nn.Flatten())
    parts |= OrderedDict(drop=nn.Dropout(dropout), hidden=nn.Linear(45, 6), head=nn.Linear(6, SITES))
    if not norm:
        del parts["norm"]
    return nn.Sequential(parts)


@pytest.fixture
def prepared(tmp_path):
    """Images of noise; the first value of each is its row."""
    images = np.random.default_rng(0).integers(0, 256, (N, 8, 8, 3), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(N)
    stimuli = StimulusSet(tuple(map(str, range(N))), images)

    def prepare(some):
        return torch.from_numpy(some).permute(0, 3, 1, 2).float() / 128 - 1

    with PreprocessedImages.of(prepare, stimuli, memory=10**9, scratch=tmp_path, reporter=SilentReporter()) as made:
        yield made


def rows_of(images):
    return ((images[:, 0, 0, 0] + 1) * 128).round().long().numpy()


def responses():
    return torch.from_numpy(np.random.default_rng(0).standard_normal((N, SITES), np.float32))


def lesson_of(prepared, validation=()):
    held = np.array(validation, int)
    return LoopData(prepared, Targets(responses()), np.setdiff1d(np.arange(N), held), held)


def learn(module, lesson, *, seed=3, path=None, reporter=None, **recipe):
    told = Training(Recipe(**(PLAIN | recipe)), reporter=reporter or SilentReporter())
    return train(module, lesson, told, "cpu", seed, Checkpoint(path))


def watched(module):
    """Return a list that fills with the images of every batch that the network learns from."""
    seen = []

    def look(part, inputs):
        if part.training:
            seen.append(inputs[0].clone())

    module.register_forward_pre_hook(look)
    return seen


def at_every_step(register, look):
    """Call `look(parameters)` at every step of an optimiser; give what it returned, and how to stop."""
    found = []
    handle = register(
        lambda optimiser, *_: found.append(look([p for g in optimiser.param_groups for p in g["params"]]))
    )
    return found, handle


def assert_same(one, other):
    for (name, first), second in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(first, second), name


def by_hand(module, batches, targets, recipe):
    """Train with nothing but PyTorch; as many steps as there are batches."""
    module = module.to(memory_format=torch.channels_last).train()
    groups = []
    for name, parameter in module.named_parameters():
        learns = not any(name.startswith(pattern.rstrip("*")) for pattern in recipe.freeze)
        parameter.requires_grad_(learns)
        factor = next((own for pattern, own in recipe.lr_by.items() if name.startswith(pattern.rstrip("*"))), 1.0)
        decay = 0.0 if parameter.ndim == 1 else recipe.weight_decay
        if learns:
            groups.append({"params": [parameter], "weight_decay": decay, "factor": factor})
    optimiser = torch.optim.AdamW(groups, lr=recipe.lr)
    steps, rise = len(batches), round(recipe.warmup * len(batches))
    for step, images in enumerate(batches):
        up = (step + 1) / (rise + 1)
        down = 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise))) if recipe.schedule == "cosine" else 1.0
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr * group["factor"] * (up if step < rise else down)
        optimiser.zero_grad()
        nn.functional.mse_loss(module(images), targets[rows_of(images)]).backward()
        if recipe.clip:
            nn.utils.clip_grad_norm_(module.parameters(), recipe.clip)
        optimiser.step()
    return module


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"clip": 0.05},
        {"weight_decay": 0.5},
        {"warmup": 0.6},
        {"schedule": "constant"},
        {"lr_by": {"conv.*": 0.1, "head.*": 3.0}},
        {"freeze": ["hidden.*"]},
    ],
    ids=lambda changes: next(iter(changes), "plain"),
)
def test_the_loop_is_adamw_written_by_hand_to_the_bit(changes, prepared):
    module = network()
    seen = watched(module)
    learn(module, lesson_of(prepared), lr=0.01, **changes)
    recipe = Recipe(**(PLAIN | {"lr": 0.01} | changes))
    assert len(seen) == 3 * math.ceil(N / 8)
    assert_same(module, by_hand(network(), seen, responses(), recipe))
    if changes:  # and it makes a difference
        assert not torch.equal(
            by_hand(network(), seen, responses(), Recipe(**PLAIN, lr=0.01)).conv.weight, module.conv.weight
        )


@pytest.mark.parametrize("batch", [1, 7, 8, 23, 45, 46])
def test_every_epoch_sees_every_image_once_in_batches_of_nearly_one_size(batch, prepared):
    module = network()
    seen = watched(module)
    learn(module, lesson_of(prepared, validation=[0, 5, 45]), batch=batch, epochs=2)
    rows = [rows_of(images) for images in seen]
    sizes = [len(own) for own in rows]
    assert max(sizes) <= batch
    assert max(sizes) - min(sizes) <= 1
    half = len(rows) // 2
    learnt = [number for number in range(N) if number not in (0, 5, 45)]
    first, second = np.concatenate(rows[:half]), np.concatenate(rows[half:])
    assert sorted(first) == sorted(second) == learnt
    assert list(first) != list(second)


@pytest.mark.parametrize("augment", [(), ("shift", "flip", "colour")])
def test_another_seed_gives_another_order_and_the_same_seed_the_same_weights(augment, prepared):
    trained = []
    for seed in (3, 3, 4):
        module = network(norm=True, dropout=0.3)
        learn(module, lesson_of(prepared), seed=seed, augment=augment)
        trained.append(module)
    assert_same(trained[0], trained[1])
    assert not torch.equal(trained[0].conv.weight, trained[2].conv.weight)


def test_rates_are_those_of_the_last_pattern_that_fits(prepared):
    """Adam's first step moves every weight by its learning rate, up or down."""
    module, before = network(), network()
    rates = {"*": 0.1, "head.*": 5.0, "*.bias": 0.5}
    learn(module, lesson_of(prepared), epochs=1, batch=N, lr=1e-2, weight_decay=0, warmup=0, lr_by=rates)
    for name, expected in (("conv.weight", 1e-3), ("head.weight", 5e-2), ("head.bias", 5e-3)):
        moved = (module.get_parameter(name) - before.get_parameter(name)).abs()
        np.testing.assert_allclose(moved.median().item(), expected, rtol=1e-2)


@pytest.mark.parametrize("changes", [{"lr_by": {"head.*": 2.0, "kopf.*": 0.1}}, {"freeze": ["conv.*", "kopf.*"]}])
def test_a_pattern_that_fits_nothing_is_refused(changes, prepared):
    with pytest.raises(BadOption, match=r" kopf\.\* fits no parameter.*\n.*such as .*head\.bias"):
        learn(network(), lesson_of(prepared), **changes)


def test_frozen_parts_stay_as_they_are_with_their_statistics(prepared):
    module, before = network(norm=True), network(norm=True)
    learn(module, lesson_of(prepared), freeze=["conv.*", "norm.*"])
    for name, tensor in module.state_dict().items():
        same = torch.equal(tensor, before.state_dict()[name])
        assert same == name.startswith(("conv", "norm")), name
    learn(module := network(norm=True), lesson_of(prepared), freeze=["conv.*"])
    assert not torch.equal(module.norm.running_mean, before.norm.running_mean)


def test_frozen_dropout_lets_everything_through(prepared):
    class Core(nn.Module):
        def __init__(self):
            super().__init__()
            self.core, self.head = network(dropout=0.9), nn.Linear(SITES, SITES)

        def forward(self, images):
            return self.head(self.core(images))

    torch.manual_seed(0)
    module = Core()
    told = []
    module.head.register_forward_pre_hook(lambda part, inputs: told.append(inputs[0]) if part.training else None)
    seen = watched(module)
    learn(module, lesson_of(prepared), freeze=["core.*"], epochs=1)
    expected = torch.cat([network().eval()(images) for images in seen])
    np.testing.assert_allclose(torch.cat(told).numpy(), expected.detach(), atol=1e-6)


def test_to_freeze_everything_is_refused(prepared):
    with pytest.raises(BadOption, match="freezes every parameter"):
        learn(network(), lesson_of(prepared), freeze=["*"])


def test_gradients_are_clipped_to_the_norm_asked_for(prepared):
    def norm(parameters):
        return torch.linalg.vector_norm(torch.cat([p.grad.flatten() for p in parameters])).item()

    norms = []
    for clip in (None, 0.3):
        found, handle = at_every_step(register_optimizer_step_pre_hook, norm)
        learn(network(), lesson_of(prepared), clip=clip, epochs=1, lr=1e-12)  # so small that the weights stay
        handle.remove()
        norms.append(found)
    assert min(norms[0]) < 0.3 < max(norms[0]) or min(norms[0]) > 0.3
    np.testing.assert_allclose(norms[1], np.minimum(norms[0], 0.3), rtol=1e-4)


def test_the_average_of_the_weights_is_its_closed_form(prepared):
    """w̄ₙ = Σₖ wₖ (1 − dₖ) Πⱼ₌ₖ₊₁…ₙ dⱼ, with d₁ = 0 and dₙ = min(decay, n / (9 + n)), n from 2."""
    module = network(norm=True)
    weights, handle = at_every_step(
        register_optimizer_step_post_hook, lambda parameters: parameters[0].detach().double().numpy().copy()
    )
    means = []
    module.norm.register_forward_hook(
        lambda part, *_: part.training and means.append(part.running_mean.double().numpy())
    )
    learn(module, lesson_of(prepared), average=0.6, lr=0.05, epochs=4, schedule="constant")
    handle.remove()
    n = np.arange(1, len(weights) + 1)
    decay = np.where(n == 1, 0, np.minimum(0.6, n / (9 + n)))
    share = (1 - decay) * np.append(np.cumprod(decay[:0:-1])[::-1], 1)
    assert decay[1] < 0.6 == decay[-1]
    np.testing.assert_allclose(share.sum(), 1)
    np.testing.assert_allclose(module.conv.weight.detach(), np.tensordot(share, weights, 1), atol=1e-6)
    assert not np.allclose(module.conv.weight.detach(), weights[-1], atol=1e-3)
    np.testing.assert_allclose(module.norm.running_mean, np.tensordot(share, means, 1), atol=1e-6)
    assert module.norm.num_batches_tracked == len(weights)


def test_early_stopping_returns_the_weights_of_the_best_epoch(prepared):
    module, held = network(), np.arange(30, N)
    lesson = lesson_of(prepared, validation=held)
    recipe = {"schedule": "constant", "warmup": 0, "lr": 0.02, "weight_decay": 0}
    course = learn(module, lesson, epochs=60, patience=4, validation=0.3, **recipe)
    values = [epoch["explained_variance"] for epoch in course.history]
    assert course.best_epoch == np.argmax(values) + 1
    assert course.best == max(values)
    assert course.epochs == len(values) == course.best_epoch + 4 < 60
    shorter = network()
    learn(shorter, lesson, epochs=course.best_epoch, validation=0.3, **recipe)  # its last epoch must be the best too
    assert_same(module, shorter)
    predicted = module.eval()(prepared[held]).detach().numpy()
    recorded = responses()[held].numpy()
    ev = 1 - (recorded - predicted).var(axis=0) / recorded.var(axis=0)
    np.testing.assert_allclose(ev.mean(), course.best, atol=1e-5)
    loss = course.history[course.best_epoch - 1]["inner_loss"]
    np.testing.assert_allclose(loss, np.square(recorded - predicted).mean(), rtol=1e-5)


def test_the_loss_of_an_epoch_is_the_mean_over_its_images(prepared):
    course = learn(network(), lesson_of(prepared), batch=9, lr=1e-12, epochs=1)  # so small that the weights stay
    predicted = network()(prepared[np.arange(N)])
    np.testing.assert_allclose(course.history[0]["loss"], (predicted - responses()).square().mean().item(), rtol=1e-5)


def test_without_an_inner_split_the_last_epoch_counts(prepared):
    module, last = network(), []
    module.register_forward_hook(lambda *_: last.append(module.head.bias.detach().clone()))
    course = learn(module, lesson_of(prepared), epochs=4)
    assert course.best_epoch == course.epochs == 4
    assert not torch.equal(module.head.bias, last[-1])  # it moved once more after the last batch was seen


class Scarce(nn.Module):
    """Runs out of memory for more images than `most`."""

    def __init__(self, inner, most):
        super().__init__()
        self.inner, self.most, self.sizes = inner, most, []

    def forward(self, images):
        if len(images) > self.most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        self.sizes.append(len(images))
        return self.inner(images)


@pytest.mark.parametrize(("batch", "most"), [(8, 4), (8, 3), (46, 5), (9, 1)])
def test_batches_taken_in_parts_train_as_whole_ones_do(batch, most, prepared):
    told = []
    reporter = SilentReporter()
    reporter.note = told.append
    lesson = lesson_of(prepared)
    whole, parts = network(), Scarce(network(), most)
    expected = learn(whole, lesson, batch=batch)
    course = learn(parts, lesson, batch=batch, reporter=reporter)
    for one, other in zip(expected.history, course.history, strict=True):
        np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-5)
    assert max(parts.sizes) <= most
    assert sum(parts.sizes) == 3 * N
    assert any("is now taken in" in note for note in told)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        np.testing.assert_allclose(one.detach(), other.detach(), atol=1e-5)


def test_memory_too_short_for_a_single_image_is_raised(prepared):
    with pytest.raises(NoSpace, match="no room for the network"):
        learn(Scarce(network(), 0), lesson_of(prepared))


def test_bfloat16_stays_near_float32(prepared):
    held = np.arange(36, N)
    losses = {}
    for precision in ("float32", "bfloat16", "auto"):
        module = network()
        course = learn(module, lesson_of(prepared, validation=held), precision=precision, epochs=6, lr=0.01)
        losses[precision] = np.array([[epoch["loss"], epoch["inner_loss"]] for epoch in course.history])
        assert all(parameter.dtype == torch.float32 for parameter in module.parameters())
    np.testing.assert_array_equal(losses["auto"], losses["float32"])  # on a CPU
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.03)
    assert (losses["bfloat16"] != losses["float32"]).all()


class Stop(Exception):
    pass


class StopsAfter(SilentReporter):
    def __init__(self, epochs):
        self.epochs = epochs

    def note(self, message):
        if message.startswith(f"epoch {self.epochs} "):
            raise Stop


@pytest.mark.slow
@pytest.mark.parametrize("stopped", [1, 4, 5])
def test_a_training_that_was_stopped_ends_with_the_same_weights(stopped, prepared, tmp_path):
    recipe = {"epochs": 5, "average": 0.9, "augment": ["shift", "flip", "colour"], "patience": 5, "validation": 0.2}
    lesson, path = lesson_of(prepared, validation=range(36, N)), tmp_path / "checkpoint"
    undisturbed = network(norm=True, dropout=0.3)
    expected = learn(undisturbed, lesson, **recipe)
    with pytest.raises(Stop):
        learn(network(norm=True, dropout=0.3), lesson, path=path, reporter=StopsAfter(stopped), **recipe)
    again = network(seed=99, norm=True, dropout=0.3)
    course = learn(again, lesson, path=path, **recipe)
    assert_same(undisturbed, again)
    times = {"seconds", "learning", "waited"}
    for one, other in zip(expected.history, course.history, strict=True):
        assert {key: value for key, value in one.items() if key not in times} == {
            key: value for key, value in other.items() if key not in times
        }


def test_changes_of_images_do_not_touch_the_inner_split(prepared):
    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.learnt, self.looked = network(), [], []

        def forward(self, images):
            (self.learnt if self.training else self.looked).append(images.clone())
            return self.inner(images)

    module, held = Watched(), np.arange(30, N)
    learn(module, lesson_of(prepared, validation=held), augment=["colour"], epochs=2)
    assert torch.equal(torch.cat(module.looked), prepared[np.tile(held, 2)])
    assert not np.isin(torch.cat(module.learnt).numpy(), prepared[np.arange(30)].numpy()).all()


def test_every_batch_of_every_epoch_and_seed_is_changed_in_its_own_way(tmp_path):
    same = np.broadcast_to(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8), (N, 8, 8, 3))
    stimuli = StimulusSet(tuple(map(str, range(N))), same)

    def prepare(some):
        return torch.from_numpy(some.copy()).permute(0, 3, 1, 2).float()

    mirrored = set()
    with PreprocessedImages.of(prepare, stimuli, memory=10**9, scratch=tmp_path, reporter=SilentReporter()) as prepared:
        for seed in (0, 1):
            module = network()
            seen = watched(module)
            learn(module, lesson_of(prepared), batch=23, epochs=2, seed=seed, augment=["flip"], lr=1e-6)
            mirrored |= {tuple((batch != prepare(same[:1])).flatten(1).any(1).tolist()) for batch in seen}
    assert len(mirrored) == 2 * 2 * 2


def test_what_a_network_keeps_from_the_inner_look_can_be_learnt_with(prepared):
    class Keeps(nn.Module):
        """Computes a table at its first call in use, and uses it ever after."""

        def __init__(self):
            super().__init__()
            self.inner, self.table = network(), None

        def forward(self, images):
            if self.table is None and not self.training:
                self.table = torch.ones(1, SITES) * 2
            output = self.inner(images)
            return output if self.table is None else output * self.table

    course = learn(Keeps(), lesson_of(prepared, validation=range(40, N)))
    assert course.epochs == 3


def test_a_loss_that_is_no_number_is_refused_with_epoch_and_rate(prepared):
    with pytest.raises(BadOption, match=r"(nan|inf) in epoch \d, at a learning rate of"):
        learn(network(), lesson_of(prepared), lr=1e30, epochs=5)
