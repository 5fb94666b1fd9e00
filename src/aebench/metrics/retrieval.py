"""How well a code finds items of the same class: every test item queries all other test items.

Codes tie, binary ones in large groups, and the order inside a tie is nobody's merit. Every number
here is the EXPECTED value over a random order inside ties, in closed form (McSherry & Najork 2008,
"Computing information retrieval performance measures efficiently in the presence of tied scores",
ECIR), and so does not depend on the order of the items.

The work on all pairs is written against the array API standard, so that numpy or torch on a GPU
can do it. Distances are whole numbers and what is summed are whole numbers: any device, block size
and number of threads gives the same bits.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array

from aebench.metrics.arrays import Array, Place, here, to_numpy

CUTOFFS = (1, 3, 7, 15, 31, 63, 127, 255, 511, 1023)
"""Numbers of retrieved items of Hinton & Salakhutdinov (2006), figure 4."""

LABELS, PERMUTED = 2, 1
"""The last bits of a key: is the item relevant by the labels, and by the permuted labels?"""

_GRID = 2.0**26
_LEVELS = 2**28
_SELF = 2**31 - 4  # above every key, relevant to nothing
_BLOCK_ROWS = 32  # at least: the matrix product of a single row is slow
_BLOCK_ENTRIES = 2**18
_BLOCK_ENTRIES_ELSEWHERE = 2**23  # a GPU wants more work at a time; below 1 GB


class _Groups(NamedTuple):
    """The tied items of ranked lists laid end to end.

    `tied` says of each item whether it ties with another; `first` and `end` are where the groups
    of equal distance start and end, one entry a group of at least two.
    """

    tied: Array
    first: Array
    end: Array


class _Ties(NamedTuple):
    """What is relevant in groups of tied items, one entry of each array a group.

    `row` is the query, `before` the number of items ranked above the group, `size` its items,
    `relevant` those of them that are relevant, `found` the relevant ones above the group.
    """

    row: Array
    before: Array
    size: Array
    relevant: Array
    found: Array


def retrieval_scores(
    codes: np.ndarray,
    labels: np.ndarray,
    queries: int | None = None,
    seed: int = 0,
    place: Place = here,
) -> dict[str, float]:
    """Expected precision at k and mean average precision.

    Parameters
    ----------
    codes : ndarray [n, d]
        Codes of the test items. float32: ranked by cosine, a zero code has similarity 0 to
        everything. uint8 of 0 and 1: ranked by Hamming distance.
    labels : ndarray [n] of int, or [n, n_classes] of 0 and 1
        Class ids: an item is relevant to a query of its own class. Indicators of several topics:
        relevant when the two share at least one topic.
    queries : int, optional
        Use a seeded random sample of this many queries; the database stays all other items.
    seed : int
        Of the sample, and of the permutation of the control.
    place : callable
        Moves an array to where the work on all pairs is done; by default it stays numpy's.

    Returns
    -------
    dict
        `precision_at_<k>` for the k of `CUTOFFS` below n, means over all queries;
        `mean_average_precision`, mean over the queries that have any relevant item, as trec_eval
        does (NaN when none has);
        `mean_average_precision_permuted_labels`, the control: the same with labels permuted among
        items, which must be at chance.
    """
    n = len(codes)
    cutoffs = [k for k in CUTOFFS if k < n]
    permuted = labels[np.random.default_rng(seed).permutation(n)]
    chosen = _choose_queries(n, queries, seed)
    precisions, averages, controls = [], [], []
    for ranked in _ranked(codes, (labels, permuted), chosen, place):
        groups = _groups(ranked)
        precision, average = expected_scores(ranked, groups, LABELS, cutoffs)
        precisions.append(to_numpy(precision))
        averages.append(to_numpy(average))
        controls.append(to_numpy(expected_scores(ranked, groups, PERMUTED, ())[1]))
    every = np.concatenate(precisions)
    scores = {f"precision_at_{k}": _mean(every[:, i]) for i, k in enumerate(cutoffs)}
    scores["mean_average_precision"] = _mean(np.concatenate(averages))
    scores["mean_average_precision_permuted_labels"] = _mean(np.concatenate(controls))
    return scores


def expected_scores(
    ranked: Array, groups: _Groups, bit: int, cutoffs: Sequence[int]
) -> tuple[Array, Array]:
    """Expected precision at each cutoff and expected average precision of ranked lists.

    Parameters
    ----------
    ranked : array [n_queries, n_items + 1] of int32
        One ranked list a row, as `_ranked` gives it.
    groups : _Groups
        Its ties.
    bit : int
        `LABELS` or `PERMUTED`: the bit that says whether an item is relevant.
    cutoffs : sequence of int
        Numbers of retrieved items, at most n_items.

    Returns
    -------
    precision : array [n_queries, n_cutoffs]
    average_precision : array [n_queries]
        NaN for a query without a relevant item.
    """
    xp, where, (n_queries, width) = array_namespace(ranked), device(ranked), ranked.shape
    starts = xp.arange(n_queries + 1, device=where) * width
    # Positions of the relevant items, all lists laid end to end, and where each list begins there.
    hits = xp.nonzero((xp.reshape(ranked, (-1,)) & bit) != 0)[0]
    bounds = xp.searchsorted(hits, starts)
    relevant = bounds[1:] - bounds[:-1]
    # Few new arrays and no integer divisions: relevant items may be half of all pairs.
    rank = xp.astype(hits, xp.float64)
    rank -= xp.repeat(xp.astype(starts[:-1] - 1, xp.float64), relevant)
    gain = xp.arange(1, hits.shape[0] + 1, dtype=xp.float64, device=where)
    gain -= xp.repeat(xp.astype(bounds[:-1], xp.float64), relevant)
    gain /= rank

    ties = _ties(groups, hits, bounds, width)
    if groups.first.shape[0]:
        gain[groups.tied[hits]] = 0  # what their whole group is expected to gain counts instead
    expected = _expected_gain(ties, width)
    total = _sums(gain, bounds, width)
    total += _sums(expected, xp.searchsorted(groups.first, starts), width)
    some = xp.where(relevant > 0, relevant, 1)
    average = xp.where(relevant > 0, total / xp.astype(some, xp.float64), xp.nan)
    return _precision(hits, starts, bounds, ties, cutoffs), average


def _sums(values: Array, bounds: Array, width: int) -> Array:
    """Sum `values` from each bound to the next, in any order exactly; they are overwritten.

    They are rounded to whole multiples of about width / 2**62 (2e-15 for 10,000 items), so that
    64-bit integers hold every sum.
    """
    xp = array_namespace(values)
    if values.shape[0] == 0:
        return xp.zeros(bounds.shape[0] - 1, dtype=xp.float64, device=device(values))
    unit = 2.0 ** (62 - width.bit_length())
    values *= unit
    values += 0.5
    running = xp.cumulative_sum(xp.astype(values, xp.int64))
    ends = xp.where(bounds > 0, running[bounds - 1], 0)
    return xp.astype(ends[1:] - ends[:-1], xp.float64) / unit


def _groups(ranked: Array) -> _Groups:
    """Find the groups of equal distance. The closing value of a list ties with nothing."""
    xp, where = array_namespace(ranked), device(ranked)
    distance = xp.reshape(ranked, (-1,)) | (LABELS + PERMUTED)
    with_next = distance[1:] == distance[:-1]
    no = xp.zeros(1, dtype=xp.bool, device=where)
    with_next, with_last = xp.concat([with_next, no]), xp.concat([no, with_next])
    return _Groups(
        tied=with_next | with_last,
        first=xp.nonzero(with_next & ~with_last)[0],
        end=xp.nonzero(with_last & ~with_next)[0] + 1,
    )


def _ties(groups: _Groups, hits: Array, bounds: Array, width: int) -> _Ties:
    """Count what is relevant in and above each group."""
    xp = array_namespace(hits)
    row = groups.first // width
    found = xp.searchsorted(hits, groups.first)
    return _Ties(
        row=row,
        before=groups.first - row * width,
        size=groups.end - groups.first,
        relevant=xp.searchsorted(hits, groups.end) - found,
        found=found - bounds[row],
    )


def _expected_gain(ties: _Ties, width: int) -> Array:
    """Expected sum of the precisions at the relevant items of each group.

    A group of n items, r relevant, follows s items, R relevant. Its j-th place holds a relevant
    item with probability r/n, and then (j-1)(r-1)/(n-1) more are expected above it in the group,
    so the sum is r/n sum_j (R + 1 + (j-1)(r-1)/(n-1)) / (s+j); sum_j 1/(s+j) is a difference
    of harmonic numbers, and sum_j (j-1)/(s+j) = n - (s+1) sum_j 1/(s+j).
    """
    xp = array_namespace(ties.row)
    s, n, r, R = (
        xp.astype(part, xp.float64) for part in (ties.before, ties.size, ties.relevant, ties.found)
    )
    harmonic = xp.asarray(_harmonic(width), device=device(ties.row))
    inverse = harmonic[ties.before + ties.size] - harmonic[ties.before]
    return r / n * ((R + 1) * inverse + (r - 1) / (n - 1) * (n - (s + 1) * inverse))


@lru_cache(maxsize=1)
def _harmonic(n: int) -> np.ndarray:
    """Harmonic numbers 0 to n - 1, summed in numpy: elsewhere the order of the sum is not known."""
    return np.concatenate([[0.0], np.cumsum(1 / np.arange(1, n))])


def _precision(
    hits: Array, starts: Array, bounds: Array, ties: _Ties, cutoffs: Sequence[int]
) -> Array:
    """Expected precision [n_queries, n_cutoffs]; only a group across a cutoff needs expectation."""
    xp, where = array_namespace(hits), device(hits)
    expected = xp.empty((starts.shape[0] - 1, len(cutoffs)), dtype=xp.float64, device=where)
    for column, k in enumerate(cutoffs):
        found = xp.searchsorted(hits, starts[:-1] + k) - bounds[:-1]
        expected[:, column] = xp.astype(found, xp.float64)
        across = xp.nonzero((ties.before < k) & (k < ties.before + ties.size))[0]
        before, size, relevant, found = (xp.astype(part[across], xp.float64) for part in ties[1:])
        expected[ties.row[across], column] = found + relevant * ((k - before) / size)
        expected[:, column] /= k
    return expected


def _ranked(
    codes: np.ndarray, labelings: Sequence[np.ndarray], queries: np.ndarray, place: Place
) -> Iterator[Array]:
    """Yield blocks of ranked lists [n_rows, n] int32, a closing `_SELF` in place of the query.

    A key is 4 * distance + one bit of relevance for each of the two labelings. Sorting values is
    what numpy does fastest; positions are not needed.
    """
    relevances = [_relevance(labels, place) for labels in labelings]
    for rows, keys in _keys(codes, queries, place):
        xp = array_namespace(keys)
        for part in _slices(len(rows), _entries(keys) // len(codes)):
            ranked, asked = keys[part, :], rows[part]
            for relevance in relevances:
                ranked *= 2
                ranked += relevance(asked)
            ranked[xp.arange(len(asked), device=device(keys)), asked] = _SELF
            yield xp.sort(ranked, axis=1, stable=False)


def _keys(codes: np.ndarray, queries: np.ndarray, place: Place) -> Iterator[tuple[Array, Array]]:
    """Yield blocks of (rows, keys): keys [n_rows, n] int32 are the distances to every item."""
    n = len(codes)
    factor, scale, offset = (_bits if codes.dtype == np.uint8 else _directions)(codes)
    right, queries = place(factor), place(queries)
    xp, entries = array_namespace(right), _entries(right)
    for part in _slices(len(queries), max(_BLOCK_ROWS, entries // n)):
        rows = queries[part]
        left = right[rows] * -scale
        keys = xp.empty((len(rows), n), dtype=xp.int32, device=device(right))
        for items in _slices(n, entries // len(rows)):
            distances = left @ right[items].T
            distances += offset
            keys[:, items] = distances  # rounded down
        keys -= _LEVELS  # centred, so that two bits of relevance find room
        yield rows, keys


def _slices(n: int, step: int) -> Iterator[slice]:
    step = max(1, step)
    return (slice(start, start + step) for start in range(0, n, step))


def _entries(array: Array) -> int:
    return _BLOCK_ENTRIES if is_numpy_array(array) else _BLOCK_ENTRIES_ELSEWHERE


def _directions(codes: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Factor u of the cosine distance offset - scale u.u' in steps of 2**-28; scale; offset.

    The directions are rounded to multiples of 2**-26 (float32 codes are not known better). All
    sums of their products are then multiples of 2**-52 below 2, which float64 holds without
    rounding: items with the same direction tie exactly, whatever the order of items, the size of
    blocks, the number of threads or the matrix library. Cosines rounded as they come would tie or
    not by accident, and in float32 would tell no angles below 3e-4 apart.
    """
    units = codes.astype(np.float64)
    norms = np.sqrt((units * units).sum(axis=1, keepdims=True))
    units /= np.where(norms > 0, norms, 1)
    units *= _GRID
    np.rint(units, out=units)
    units /= _GRID
    # A rounded direction may be a little longer than 1: the margin keeps distances positive.
    return units, _LEVELS, _LEVELS * (1 + 2**-10)


def _bits(codes: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Factor of the Hamming distance (d - u.u') / 2 of bits as +1 and -1; scale; offset."""
    return codes * 2.0 - 1, 0.5, codes.shape[1] / 2


def _relevance(labels: np.ndarray, place: Place) -> Callable[[Array], Array]:
    """Return a function of queries that says which items are relevant: [n_queries, n] bool."""
    if labels.ndim == 1:
        classes = place(labels)
        return lambda rows: classes[rows][:, None] == classes
    # Many items have the same set of topics: compare sets, not items.
    first, which = np.unique(
        np.packbits(labels, axis=1), axis=0, return_index=True, return_inverse=True
    )[1:]
    topics, of_item = place(labels[first].astype(np.float32)), place(which.ravel())
    xp = array_namespace(topics)
    return lambda rows: xp.take((topics[of_item[rows]] @ topics.T) > 0, of_item, axis=1)


def _choose_queries(n: int, queries: int | None, seed: int) -> np.ndarray:
    if queries is None or queries >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size=queries, replace=False))


def _mean(values: np.ndarray) -> float:
    """Mean of those that are defined, summed exactly and so the same in any order."""
    defined = values[~np.isnan(values)]
    return math.fsum(defined) / len(defined) if len(defined) else math.nan
