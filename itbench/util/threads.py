"""Prefetch: run a function over items in background threads, results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")


def worker_count() -> int:
    """Return how many threads may work beside a network: half of the cores, 2 to 8."""
    return max(2, min(8, (os.cpu_count() or 2) // 2))


def prefetch(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None
) -> Iterator[tuple[Item, Result]]:
    """Yield every item and what `function` makes of it, in order, while other threads work on the next ones.

    As many results as there are threads, and one more, are under way or waiting. An exception of `function` is raised
    where its result would have come. The threads end with the iterator, exhausted, closed or dropped, once
    they have done what they are at.
    """
    threads = threads or worker_count()
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(threads, "ahead", initializer=_on_one_core) as pool:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) > threads:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()


def _on_one_core() -> None:
    """Keep this thread from starting more: they would spin against the forward pass."""
    _libraries().limit(limits=1, user_api="openmp")


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    """Return the libraries that start threads; looking for them takes milliseconds, so it is done once."""
    return ThreadpoolController()
