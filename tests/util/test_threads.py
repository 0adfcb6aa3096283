"""Prefetch in background threads: results in order, a bounded number at once, and no thread left behind."""

import itertools
import random
import threading
import time

import pytest
from torch import get_num_threads

from itbench.util.threads import prefetch


def working():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def square(number):
    time.sleep(random.random() / 100)
    return number**2


@pytest.mark.parametrize("threads", [None, 1, 3, 8])
@pytest.mark.parametrize("n", [0, 1, 2, 30])
def test_results_come_in_the_order_of_their_items(n, threads):
    assert list(prefetch(square, range(n), threads)) == [(number, number**2) for number in range(n)]
    assert not working()


@pytest.mark.parametrize("threads", [1, 4])
def test_items_are_taken_only_as_they_are_needed(threads):
    taken = []
    endless = (taken.append(number) or number for number in itertools.count())
    results = prefetch(square, endless, threads)
    for number in range(5):
        assert next(results) == (number, number**2)
        assert len(taken) <= number + 1 + threads
    results.close()
    assert not working()


def test_an_exception_comes_in_place_of_its_result():
    def fails_at_three(number):
        return 1 // (3 - number)

    results = prefetch(fails_at_three, range(9))
    assert [next(results)[0] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert not working()


def test_threads_work_while_the_consumer_is_elsewhere():
    done = threading.Event()
    results = prefetch(lambda number: done.set() if number == 1 else None, range(2), 1)
    assert next(results) == (0, None)
    assert done.wait(5)
    results.close()


@pytest.mark.parametrize("leave", ["close", "drop", "raise"])
def test_threads_end_with_the_iterator(leave):
    def some():
        for number, _ in prefetch(square, itertools.count(), 2):
            assert working()
            if number == 2 and leave == "raise":
                raise KeyError
            yield number

    numbers = some()
    assert [next(numbers), next(numbers)] == [0, 1]
    if leave == "close":
        numbers.close()
    elif leave == "drop":
        del numbers
    else:
        with pytest.raises(KeyError):
            next(numbers)
    assert not working()


def test_threads_start_no_others():
    before = get_num_threads()
    assert [threads for _, threads in prefetch(lambda _: get_num_threads(), range(4))] == [1] * 4
    assert get_num_threads() == before
