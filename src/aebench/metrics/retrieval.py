"""How well a code finds items of the same class: every test item queries all other test items.

Codes tie, binary ones in large groups, and the order inside a tie is nobody's merit. Every number
here is the EXPECTED value over a random order inside ties, in closed form (McSherry & Najork 2008,
"Computing information retrieval performance measures efficiently in the presence of tied scores",
ECIR), and so does not depend on the order of the items.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

CUTOFFS = (1, 3, 7, 15, 31, 63, 127, 255, 511, 1023)
"""Numbers of retrieved items of Hinton & Salakhutdinov (2006), figure 4."""

_GRID = 2.0**26
_LEVELS = 2.0**28
_SELF = np.iinfo(np.int32).max
_BLOCK_ENTRIES = 2**18


class _Ties(NamedTuple):
    """Groups of at least two tied items, one entry of each array a group.

    `row` is the query, `before` the number of items ranked above the group, `size` its items,
    `relevant` those of them that are relevant, `found` the relevant ones above the group.
    """

    row: np.ndarray
    before: np.ndarray
    size: np.ndarray
    relevant: np.ndarray
    found: np.ndarray


def retrieval_scores(
    codes: np.ndarray, labels: np.ndarray, queries: int | None = None, seed: int = 0
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
    cutoffs = np.array([k for k in CUTOFFS if k < n], dtype=np.intp)
    permuted = labels[np.random.default_rng(seed).permutation(n)]
    chosen = _choose_queries(n, queries, seed)
    precisions, averages, controls = [], [], []
    for rows, keys in _keys(codes, chosen):
        ranked = _rank(keys, rows, labels)
        precision, average = expected_scores(ranked, cutoffs)
        precisions.append(precision)
        averages.append(average)
        controls.append(expected_scores(_rank(keys, rows, permuted), cutoffs[:0])[1])
    every = np.concatenate(precisions)
    scores = {f"precision_at_{k}": _mean(every[:, i]) for i, k in enumerate(cutoffs)}
    scores["mean_average_precision"] = _mean(np.concatenate(averages))
    scores["mean_average_precision_permuted_labels"] = _mean(np.concatenate(controls))
    return scores


def expected_scores(ranked: np.ndarray, cutoffs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expected precision at each cutoff and expected average precision of ranked lists.

    Parameters
    ----------
    ranked : ndarray [n_queries, n_items + 1] of int32
        One ranked list a row: 2 * distance + (1 if relevant else 0), sorted, and one closing
        value that belongs to no item and is larger than every key by 2 or more.
    cutoffs : ndarray [n_cutoffs] of int
        Numbers of retrieved items, at most n_items.

    Returns
    -------
    precision : ndarray [n_queries, n_cutoffs]
    average_precision : ndarray [n_queries]
        NaN for a query without a relevant item.
    """
    n_queries, n_items = ranked.shape[0], ranked.shape[1] - 1
    starts = np.arange(n_queries + 1) * n_items
    # Positions of the relevant items, all lists laid end to end.
    hits = np.flatnonzero(ranked[:, :-1] & 1)
    found_before_row = np.searchsorted(hits, starts)
    relevant = np.diff(found_before_row)
    row = np.repeat(np.arange(n_queries), relevant)
    found = np.arange(len(hits)) - found_before_row[row]
    gain = (found + 1) / (hits - starts[row] + 1)

    ties = _ties(ranked, hits, found_before_row)
    shared = _expected_gain(ties, n_items) / np.maximum(ties.relevant, 1)
    gain[_inside(ties, hits, found_before_row)] = np.repeat(shared, ties.relevant)
    average = np.full(n_queries, np.nan)
    total = np.bincount(row, weights=gain, minlength=n_queries)
    np.divide(total, relevant, out=average, where=relevant > 0)
    return _precision(hits, starts, found_before_row, ties, cutoffs), average


def _ties(ranked: np.ndarray, hits: np.ndarray, found_before_row: np.ndarray) -> _Ties:
    """Find the groups of equal distance in each list."""
    n_items = ranked.shape[1] - 1
    # An item tied with the next one differs from it in the last bit alone, if at all. The closing
    # value ties with nothing, so no group reaches into the next list.
    with_next = np.flatnonzero((ranked[:, 1:] ^ ranked[:, :-1]) < 2)
    new = np.diff(with_next, prepend=-2) != 1
    first = with_next[new]
    end = with_next[np.roll(new, -1)] + 2
    row = first // max(n_items, 1)
    found, found_with = np.searchsorted(hits, first), np.searchsorted(hits, end)
    return _Ties(
        row=row,
        before=first - row * n_items,
        size=end - first,
        relevant=found_with - found,
        found=found - found_before_row[row],
    )


def _inside(ties: _Ties, hits: np.ndarray, found_before_row: np.ndarray) -> np.ndarray:
    """Say of each relevant item whether it lies in a group of ties."""
    first = ties.found + found_before_row[ties.row]
    change = np.bincount(first, minlength=len(hits) + 1)
    change -= np.bincount(first + ties.relevant, minlength=len(hits) + 1)
    return np.cumsum(change[:-1]) > 0


def _expected_gain(ties: _Ties, n_items: int) -> np.ndarray:
    """Expected sum of the precisions at the relevant items of each group.

    A group of n items, r relevant, follows s items, R relevant. Its j-th place holds a relevant
    item with probability r/n, and then (j-1)(r-1)/(n-1) more are expected above it in the group,
    so the sum is r/n sum_j (R + 1 + (j-1)(r-1)/(n-1)) / (s+j); sum_j 1/(s+j) is a difference
    of harmonic numbers, and sum_j (j-1)/(s+j) = n - (s+1) sum_j 1/(s+j).
    """
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, n_items + 1))])
    s, n, r, R = ties.before, ties.size, ties.relevant, ties.found
    inverse = harmonic[s + n] - harmonic[s]
    return r / n * ((R + 1) * inverse + (r - 1) / (n - 1) * (n - (s + 1) * inverse))


def _precision(
    hits: np.ndarray,
    starts: np.ndarray,
    found_before_row: np.ndarray,
    ties: _Ties,
    cutoffs: np.ndarray,
) -> np.ndarray:
    """Expected precision [n_queries, n_cutoffs]; only a group across a cutoff needs expectation."""
    found = np.searchsorted(hits, starts[:-1, None] + cutoffs) - found_before_row[:-1, None]
    expected = found.astype(np.float64)
    for column, k in enumerate(cutoffs):
        across = np.flatnonzero((ties.before < k) & (k < ties.before + ties.size))
        share = (k - ties.before[across]) / ties.size[across]
        expected[ties.row[across], column] = ties.found[across] + ties.relevant[across] * share
    return expected / cutoffs


def _keys(codes: np.ndarray, queries: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield blocks of (rows, keys): keys [n_rows, n] int32 are 2 * distance to every item."""
    factors = _binary_factors if codes.dtype == np.uint8 else _unit_factors
    left, right, offset = factors(codes)
    step = max(1, _BLOCK_ENTRIES // len(codes))
    for start in range(0, len(queries), step):
        rows = queries[start : start + step]
        distances = left[rows] @ right.T
        distances += offset
        keys = distances.astype(np.int32)
        keys *= 2
        yield rows, keys


def _unit_factors(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Factors of the cosine distance in steps of 2**-28.

    The directions are rounded to multiples of 2**-26 (float32 codes are not known better). All
    sums of their products are then multiples of 2**-52 below 2, which float64 holds without
    rounding: items with the same direction tie exactly, whatever the order of items, the size of
    blocks, the number of threads or the matrix library. Cosines rounded as they come would tie or
    not by accident, and in float32 would tell no angles below 3e-4 apart.
    """
    exact = codes.astype(np.float64)
    norms = np.sqrt((exact * exact).sum(axis=1, keepdims=True))
    units = np.rint(exact / np.where(norms > 0, norms, 1) * _GRID) / _GRID
    # A rounded direction may be a little longer than 1: the margin keeps distances positive.
    return -_LEVELS * units, units, _LEVELS * (1 + 2**-10)


def _binary_factors(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Factors of the Hamming distance |q| + |a| - 2 q.a, whole numbers."""
    bits = codes.astype(np.float64)
    ones, unit = bits.sum(axis=1, keepdims=True), np.ones((len(codes), 1))
    return np.hstack([-2 * bits, ones, unit]), np.hstack([bits, unit, ones]), 0.0


def _rank(keys: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Add relevance as the last bit, move each query itself to the end and sort.

    Sorting values is what numpy does fastest; positions are not needed.
    """
    if labels.ndim == 1:
        relevant = labels[rows, None] == labels
    else:
        topics = labels.astype(np.float32)
        relevant = (topics[rows] @ topics.T) > 0
    ranked = keys + relevant
    ranked[np.arange(len(rows)), rows] = _SELF
    ranked.sort(axis=1)
    return ranked


def _choose_queries(n: int, queries: int | None, seed: int) -> np.ndarray:
    if queries is None or queries >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size=queries, replace=False))


def _mean(values: np.ndarray) -> float:
    """Mean of those that are defined, summed exactly and so the same in any order."""
    defined = values[~np.isnan(values)]
    return math.fsum(defined) / len(defined) if len(defined) else math.nan
