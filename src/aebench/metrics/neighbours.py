"""The k nearest neighbours, exactly: a fast filter finds the few that matter, then they are ranked.

Distances of all pairs by one matrix product are fast but rounded. They serve to leave out what is
surely too far; the few dozen candidates that remain for each query are ranked by distances taken
directly, in float64, of equal ones the first item. So the result is the same on every device.
"""

from collections.abc import Iterator

import numpy as np
from array_api_compat import array_namespace, is_numpy_array

from aebench.metrics.arrays import Place, here, to_numpy

_GROUPS = 512
_ROOM = 16
_BLOCK_ENTRIES = 2**21
_BLOCK_ENTRIES_ELSEWHERE = 2**24


def neighbours(train: np.ndarray, queries: np.ndarray, k: int, place: Place = here) -> np.ndarray:
    """Find the k items of `train` that are nearest to each query, Euclidean.

    Parameters
    ----------
    train, queries : ndarray [n_train, d], [n_queries, d], float32
    k : int
        At most n_train.
    place : callable
        Moves an array to where the work on all pairs is done; by default it stays numpy's.

    Returns
    -------
    ndarray [n_queries, k] of int
        Positions in train, nearest first; of equally near ones the first in train.
    """
    found = np.empty((len(queries), k), dtype=np.intp)
    todo = np.arange(len(queries))
    if is_numpy_array(place(train[:0])):
        # Half the time of float64, but where codes lie in tight clusters it leaves too many.
        todo = _search(train, queries, todo, found, np.float32, _ROOM * k, place)
    if len(todo):
        kept = _first_copies(train, k)
        _search(train[kept], queries, todo, found, np.float64, len(train), place)
        found[todo] = kept[found[todo]]
    return found


def _search(
    train: np.ndarray,
    queries: np.ndarray,
    todo: np.ndarray,
    found: np.ndarray,
    precision: type,
    room: int,
    place: Place,
) -> np.ndarray:
    """Fill `found` for the queries `todo`; return those with more than `room` candidates each."""
    k, crowded = found.shape[1], [todo[:0]]
    for rows, query, item in _candidates(train, queries, todo, k, precision, place):
        if len(item) > room * len(rows):
            crowded.append(rows)
            continue
        order = np.lexsort((item, _squared_distances(train, queries, rows[query], item), query))
        first = np.searchsorted(query, np.arange(len(rows)))
        found[rows] = item[order[first[:, None] + np.arange(k)]]
    return np.concatenate(crowded)


def _candidates(
    train: np.ndarray,
    queries: np.ndarray,
    todo: np.ndarray,
    k: int,
    precision: type,
    place: Place,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield for blocks of `todo` what may be among the k nearest.

    Items are dealt into groups. The k-th smallest of the nearest distances of the groups is a
    bound: k items at least lie within it. It is widened by what rounding may do.

    Yields
    ------
    rows, query, item : ndarrays
        Queries of the block; candidates as pairs of a position in `rows`, ascending, and one in
        train.
    """
    groups = max(k, min(_GROUPS, len(train)))
    size = -(-len(train) // groups)
    factor = place(_padded(train, groups * size, precision))
    xp = array_namespace(factor)
    entries = _BLOCK_ENTRIES if is_numpy_array(factor) else _BLOCK_ENTRIES_ELSEWHERE
    step = max(1, entries // (groups * size))
    unit = (train.shape[1] + 4) * np.finfo(precision).eps / 2  # of rounding in one distance
    for start in range(0, len(todo), step):
        rows = todo[start : start + step]
        block = np.hstack([queries[rows], np.ones((len(rows), 1), queries.dtype)])
        distances = place(block.astype(precision)) @ factor.T
        nearest = xp.min(xp.reshape(distances, (len(rows), size, groups)), axis=1)
        bound = to_numpy(xp.sort(nearest, axis=1, stable=False)[:, k - 1]).astype(np.float64)
        bound += _slack(bound, np.square(block[:, :-1].astype(np.float64)).sum(axis=1), unit)
        close = distances <= place(np.nextafter(bound.astype(precision), np.inf))[:, None]
        pairs = to_numpy(xp.nonzero(xp.reshape(close, (-1,)))[0])
        yield rows, *divmod(pairs, groups * size)


def _padded(train: np.ndarray, size: int, precision: type) -> np.ndarray:
    """Factor [size, d + 1] whose product with [q, 1] is |x|^2 - 2 q.x, infinite beyond train."""
    factor = np.zeros((size, train.shape[1] + 1), precision)
    factor[len(train) :, -1] = np.inf
    factor[: len(train), :-1] = -2 * train
    factor[: len(train), -1] = np.square(train.astype(np.float64)).sum(axis=1)
    return factor


def _slack(bound: np.ndarray, norms: np.ndarray, unit: float) -> np.ndarray:
    """By how much rounding may have moved the bound and a distance at it, with a margin of 2.

    One distance |x|^2 - 2 q.x is off by at most unit * (|x| + |q|)^2, and an item within the
    bound has |x| <= |q| + sqrt(bound + |q|^2).
    """
    reach = 2 * np.sqrt(norms) + np.sqrt(np.maximum(bound + norms, 0))
    return 4 * unit * reach**2


def _squared_distances(
    train: np.ndarray, queries: np.ndarray, query: np.ndarray, item: np.ndarray
) -> np.ndarray:
    """Squared distances of pairs, taken directly."""
    distances = np.empty(len(item))
    step = max(1, _BLOCK_ENTRIES // train.shape[1])
    for start in range(0, len(item), step):
        pairs = slice(start, start + step)
        difference = train[item[pairs]].astype(np.float64) - queries[query[pairs]]
        distances[pairs] = np.einsum("if,if->i", difference, difference)
    return distances


def _first_copies(train: np.ndarray, k: int) -> np.ndarray:
    """Positions of all items but the copies of an item beyond its k-th, which are never needed."""
    rows = np.ascontiguousarray(train).view(f"V{train.itemsize * train.shape[1]}")[:, 0]
    which, times = np.unique(rows, return_inverse=True, return_counts=True)[1:]
    order = np.argsort(which, kind="stable")
    copy = np.arange(len(order)) - np.repeat(np.cumsum(times) - times, times)
    return np.sort(order[copy < k])
