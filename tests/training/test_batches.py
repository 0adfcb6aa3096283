"""Images of training: what comes is what was preprocessed, in order, whatever the threads do."""

import itertools
import random
import threading
import time

import numpy as np
import pytest
import torch

from itbench.data.stimuli import StimulusSet
from itbench.errors import NoSpace
from itbench.training.augment import Augment
from itbench.training.batches import PreprocessedImages, batches
from itbench.util.progress import SilentReporter

N = 130  # two blocks and a few


def prepare(images):
    """Half of the size, scaled: (batch, y, x, 3) → (batch, 3, y, x)."""
    time.sleep(random.random() / 200)
    return torch.from_numpy(images[:, ::2, ::2].copy()).permute(0, 3, 1, 2).float() / 255 - 0.4


def stimuli(n=N, dtype=np.uint8):
    images = np.random.default_rng(0).integers(0, 256, (n, 12, 10, 3)).astype(dtype)
    return StimulusSet(tuple(f"{number:03d}" for number in range(n)), images)


@pytest.fixture(params=["memory", "file"])
def prepared(request, tmp_path):
    memory = 10**9 if request.param == "memory" else 0
    with PreprocessedImages.of(
        prepare, stimuli(), memory=memory, scratch=tmp_path / "s", reporter=SilentReporter()
    ) as made:
        yield made


def orders(*sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, N, size) for size in sizes]


def working():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_images_are_what_preprocessing_gives(prepared):
    expected = prepare(stimuli().images)
    rows = np.random.default_rng(1).permutation(N)
    assert prepared.shape == (N, 3, 6, 5)
    assert len(prepared) == N
    assert prepared.nbytes == expected.numel() * 4
    assert torch.equal(prepared[rows], expected[rows])
    assert torch.equal(prepared[np.array([7, 7, 3])], expected[[7, 7, 3]])
    assert prepared[rows].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("memory", [0, 10**9])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_images_are_kept_in_float32(dtype, memory, tmp_path):
    def low(images):
        return prepare(images).to(dtype)

    with PreprocessedImages.of(low, stimuli(5), memory=memory, scratch=tmp_path, reporter=SilentReporter()) as made:
        assert made[np.arange(5)].dtype == torch.float32
        assert torch.equal(made[np.arange(5)], low(stimuli(5).images).float())


@pytest.mark.parametrize("memory", [0, 10**9])
@pytest.mark.parametrize("shape", [(90,), (18, 5), (5, 6, 3)], ids=["vector", "tokens", "map"])
def test_features_are_kept_in_place_of_images(shape, memory, tmp_path):
    def features(batch):
        assert threading.current_thread() is threading.main_thread()  # with all the cores that a network may use
        return batch.flatten(1).reshape(-1, *shape) ** 2

    about = {"memory": memory, "scratch": tmp_path, "reporter": SilentReporter()}
    with PreprocessedImages.of(prepare, stimuli(), then=features, **about) as made:
        assert made.shape == (N, *shape)
        rows = np.array([100, 3, 3])
        expected = prepare(stimuli().images).flatten(1).reshape(-1, *shape) ** 2
        (batch,) = batches(made, [rows], "cpu")
        assert torch.equal(made[rows], expected[rows])
        assert torch.equal(batch, expected[rows])


def test_a_batch_is_a_copy(prepared):
    rows = np.array([1, 2])
    before = prepared[rows]
    prepared[rows].zero_()
    assert torch.equal(prepared[rows], before)


@pytest.mark.parametrize("rows", [[0, N], [-1], [3, -N]])
def test_rows_that_do_not_exist_are_refused(rows, prepared):
    with pytest.raises(IndexError):
        prepared[np.array(rows)]


def test_images_lie_in_memory_only_as_far_as_it_is_granted(tmp_path):
    scratch, size = tmp_path / "scratch", N * 3 * 6 * 5 * 4
    told: list[str] = []
    reporter = SilentReporter()
    reporter.note = told.append
    with PreprocessedImages.of(prepare, stimuli(), memory=size, scratch=scratch, reporter=reporter):
        assert not told
        assert not scratch.exists()
    with PreprocessedImages.of(prepare, stimuli(), memory=size - 1, scratch=scratch, reporter=reporter):
        assert told == [f"0.0 GB of scratch space in {scratch}, freed at the end"]
        assert not list(scratch.iterdir())  # a file without a name


def test_too_small_a_disk_is_refused_before_any_work(tmp_path):
    def enormous(images):
        assert len(images) == 1, "more than the image that tells the size"
        return torch.zeros(1).expand(1, 3, 10**6, 10**6)

    with pytest.raises(NoSpace, match="No space left"):
        PreprocessedImages.of(enormous, stimuli(), memory=10**9, scratch=tmp_path, reporter=SilentReporter())


@pytest.mark.parametrize("memory", [0, 10**9])
def test_a_failure_of_preprocessing_is_raised(memory, tmp_path):
    def fails_later(images):
        if len(images) < 64 and len(images) != 1:
            raise OSError("a broken image")
        return prepare(images)

    with pytest.raises(OSError, match="a broken image"):
        PreprocessedImages.of(fails_later, stimuli(), memory=memory, scratch=tmp_path, reporter=SilentReporter())
    assert not working()


@pytest.mark.parametrize("memory", [0, 10**9])
def test_images_cannot_be_had_after_they_were_freed(memory, tmp_path):
    with PreprocessedImages.of(prepare, stimuli(3), memory=memory, scratch=tmp_path, reporter=SilentReporter()) as made:
        pass
    with pytest.raises(ValueError, match="freed"):
        made[np.arange(2)]


def test_batches_come_in_order_with_what_was_asked(prepared):
    asked = orders(32, 32, 1, 7)
    assert [
        torch.equal(batch, prepared[rows]) for batch, rows in zip(batches(prepared, asked, "cpu"), asked, strict=True)
    ]
    found = list(batches(prepared, asked, "cpu"))
    assert len(found) == 4
    for batch, rows in zip(found, asked, strict=True):
        assert torch.equal(batch, prepared[rows])
        assert batch.is_contiguous(memory_format=torch.channels_last)


def test_changes_get_the_number_of_the_batch(prepared):
    asked = orders(3, 3, 2)
    found = list(batches(prepared, asked, "cpu", lambda batch, number: batch + number))
    for number, (batch, rows) in enumerate(zip(found, asked, strict=True)):
        assert torch.equal(batch, prepared[rows] + number)


def test_batches_are_the_same_whatever_the_threads_do(prepared):
    augment = Augment(["shift", "flip", "colour"])

    def slowly(batch, number):
        time.sleep(random.random() / 50)
        return augment(batch, number)

    asked = orders(*[16] * 6)
    first, second = (list(batches(prepared, asked, "cpu", change)) for change in (slowly, augment))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_a_failure_in_the_thread_comes_in_place_of_its_batch(prepared):
    def fails_at_two(batch, number):
        if number == 2:
            raise RuntimeError("a broken change")
        return batch

    feed = batches(prepared, orders(4, 4, 4, 4), "cpu", fails_at_two)
    assert [len(next(feed)), len(next(feed))] == [4, 4]
    with pytest.raises(RuntimeError, match="a broken change"):
        next(feed)
    assert not working()


@pytest.mark.parametrize("leave", ["exhausted", "left", "raised", "dropped"])
def test_the_thread_ends_with_its_consumer(leave, prepared):
    endless = itertools.cycle(orders(4, 4)) if leave != "exhausted" else orders(4, 4)
    feed = batches(prepared, endless, "cpu", lambda batch, number: batch)
    if leave == "dropped":
        next(feed)
        assert working()
        del feed
    elif leave == "raised":
        with pytest.raises(KeyError), feed:
            raise KeyError(len(next(feed)))
    else:
        with feed:
            for number, _ in enumerate(feed):
                assert working()
                if number == 5:
                    break
    assert not working()


def test_on_a_cpu_no_thread_gathers_what_does_not_change(prepared):
    with batches(prepared, orders(4, 4), "cpu") as feed:
        first = next(feed)
        assert not working()
        assert torch.equal(first, prepared[orders(4, 4)[0]])
        assert len(list(feed)) == 1


@pytest.mark.slow
def test_batches_are_made_while_the_consumer_works(prepared):
    def slow(batch, number):
        time.sleep(0.03)
        return batch

    with batches(prepared, orders(*[4] * 12), "cpu", slow) as feed:
        for _ in feed:
            time.sleep(0.06)
    assert feed.waited < 0.5 * 12 * 0.03


def test_waiting_for_a_slow_change_is_counted(prepared):
    def slow(batch, number):
        time.sleep(0.03)
        return batch

    start = time.perf_counter()
    with batches(prepared, orders(*[4] * 8), "cpu", slow) as feed:
        assert feed.waited == 0
        for _ in feed:
            pass
    assert 8 * 0.03 <= feed.waited <= time.perf_counter() - start
