"""How fast a fitted model encodes and decodes.

Times differ from run to run: they are kept apart from the scores, which do not.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from aebench.metrics.measured import Model
from aebench.metrics.sampling import Matrix

SECONDS = 0.3
"""Each direction is repeated for about this long, at least once after the warm-up."""

BATCH = 1000
"""Items at a time."""

_WARM_UP = 16


def throughput(model: Model, X: Matrix, codes: np.ndarray) -> dict[str, float]:
    """Time encoding and decoding on the threads that the process has.

    Parameters
    ----------
    model : Model
    X, codes : [n, n_features], [n, code_size]
        Items and their codes; the first thousand are used.

    Returns
    -------
    dict
        `encode_items_per_second` and `decode_items_per_second`, the best of a few repetitions: what
        else runs on the machine can only slow them.
    """
    return {
        "encode_items_per_second": _rate(model.transform, X[:BATCH]),
        "decode_items_per_second": _rate(model.inverse_transform, codes[:BATCH]),
    }


def _rate(function: Callable[[Any], Any], items: Any) -> float:
    """Items per second; a slow function is given fewer of them, so that the time stays bounded."""
    first = items[:_WARM_UP]
    function(first)
    warm = first.shape[0] / _seconds(function, first)
    batch = items[: max(first.shape[0], int(warm * SECONDS))]
    best, spent = float("inf"), 0.0
    while spent < SECONDS:
        seconds = _seconds(function, batch)
        best, spent = min(best, seconds), spent + seconds
    return batch.shape[0] / best


def _seconds(function: Callable[[Any], Any], items: Any) -> float:
    start = perf_counter()
    function(items)
    return perf_counter() - start
