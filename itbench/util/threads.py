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
    """Return the number of prefetch threads beside a network: half of the cores, 2 to 8."""
    return max(2, min(8, (os.cpu_count() or 2) // 2))


def prefetch(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None
) -> Iterator[tuple[Item, Result]]:
    """Yield every item with its result of `function`, in order, while background threads compute the next results.

    At most one result more than there are threads is in progress or waiting. An exception of `function` is raised in
    the place of its result. When the iterator is exhausted, closed or dropped, the threads end after their current
    items.
    """
    threads = threads or worker_count()
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(threads, "prefetch", initializer=_on_one_core) as pool:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) > threads:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()


def _on_one_core() -> None:
    """Keep a prefetch thread from starting others, which would slow down the forward pass."""
    _libraries().limit(limits=1, user_api="openmp")


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    """Find the libraries that start threads, once, as it takes milliseconds."""
    return ThreadpoolController()
