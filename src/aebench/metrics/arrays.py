"""Arrays of any library: measurements run where their arrays lie.

What is costly is written against the array API standard. The same lines run in numpy and, on a
GPU, in torch, which is never imported here.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

import numpy as np
from array_api_compat import to_device

Array: TypeAlias = Any
"""A numpy array, or one of another library that follows the array API standard."""

Place: TypeAlias = Callable[[np.ndarray], Array]
"""Moves a numpy array to where the work is done."""


def here(array: np.ndarray) -> Array:
    """Leave an array in numpy."""
    return array


def to_numpy(array: Array) -> np.ndarray:
    """Bring an array back."""
    return np.asarray(to_device(array, "cpu"))


T = TypeVar("T")
R = TypeVar("R")


def in_threads(
    work: Callable[[T], R], parts: Iterable[T], threads: int | None = None
) -> Iterator[R]:
    """Yield what `work` gives for each of the parts, in their order.

    Sorting and matrix products let other threads run. Each of `threads` then does its products
    alone; by default there are as many as numpy's linear algebra has been granted.
    """
    from threadpoolctl import threadpool_info, threadpool_limits

    granted = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    threads = threads or max(granted, default=1)
    if threads == 1:
        yield from map(work, parts)
        return
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, parts)
