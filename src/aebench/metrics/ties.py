"""Retrieval measures of ranked lists with ties: expected values over a random order inside ties.

Closed forms after McSherry & Najork (2008), "Computing information retrieval performance measures
efficiently in the presence of tied scores", ECIR. Where it is cheap also the values in the worst
and the best order of the tied items.

All lists of a block lie end to end, and so do the relevant items in them and the groups of tied
items. What is summed are whole numbers (see `_running`): any device, any size of blocks gives the
same bits.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace, device

from aebench.metrics.arrays import Array
from aebench.metrics.ranking import Lists

RECALLS = tuple(i / 10 for i in range(11))
"""Recall levels of the precision-recall curve."""


class Band(NamedTuple):
    """A value of each list [n_lists]: in the worst order of tied items, expected, in the best."""

    worst: Array
    expected: Array
    best: Array


class Groups(NamedTuple):
    """The tied items of ranked lists.

    Attributes
    ----------
    starts : array [n_lists + 1]
        Where each list starts; all have the same length.
    tied : array [n_positions] of bool
        Does an item tie with another?
    first, end : array [n_groups]
        Where the groups of equal distance start and end; groups of at least two.
    bounds : array [n_lists + 1]
        Where the groups of each list begin among all groups.
    """

    starts: Array
    tied: Array
    first: Array
    end: Array
    bounds: Array


class Relevant(NamedTuple):
    """Where the relevant items stand, in all and in groups of tied items.

    Attributes
    ----------
    groups : Groups
    hits : array [n_hits]
        Positions of the relevant items.
    bounds : array [n_lists + 1]
        Where the relevant items of each list begin among all.
    count : array [n_lists]
        How many there are.
    before, size, relevant, above : arrays [n_groups] of float
        Of each group: how many items rank above it, how many it has, how many of them are
        relevant, and how many relevant ones rank above it.
    """

    groups: Groups
    hits: Array
    bounds: Array
    count: Array
    before: Array
    size: Array
    relevant: Array
    above: Array


def find_groups(lists: Lists) -> Groups:
    """Find the groups of equal distance. The closing key of a list ties with nothing."""
    distance, (n_lists, width) = lists.distances(), lists.keys.shape
    xp, where = array_namespace(distance), device(distance)
    with_next = distance[1:] == distance[:-1]
    no = xp.zeros(1, dtype=xp.bool, device=where)
    with_next, with_last = xp.concat([with_next, no]), xp.concat([no, with_next])
    first = xp.nonzero(with_next & ~with_last)[0]
    starts = xp.arange(n_lists + 1, device=where) * width
    return Groups(
        starts=starts,
        tied=with_next | with_last,
        first=first,
        end=xp.nonzero(with_last & ~with_next)[0] + 1,
        bounds=xp.searchsorted(first, starts),
    )


def find_relevant(groups: Groups, hits: Array) -> Relevant:
    """Count what is relevant in and above each group; `hits` are the positions, ascending."""
    xp = array_namespace(hits)
    bounds = xp.searchsorted(hits, groups.starts)
    found = xp.searchsorted(hits, groups.first)
    numbers = (
        groups.first - _of_each(groups.starts[:-1], groups.bounds),
        groups.end - groups.first,
        xp.searchsorted(hits, groups.end) - found,
        found - _of_each(bounds[:-1], groups.bounds),
    )
    floats = (xp.astype(number, xp.float64) for number in numbers)
    return Relevant(groups, hits, bounds, bounds[1:] - bounds[:-1], *floats)


def relevant_found(items: Relevant, k: int | Array) -> Band:
    """Numbers of relevant items among the first `k` of each list, an int or one a list.

    Only a group across k needs expectation: each of its n items is among its first m with
    probability m/n.
    """
    groups, cut = items.groups, items.groups.starts[:-1] + k
    xp = array_namespace(cut)
    # Inside a tie the irrelevant items come first: the keys are in the worst order.
    found = xp.astype(xp.searchsorted(items.hits, cut) - items.bounds[:-1], xp.float64)
    if groups.first.shape[0] == 0:
        return Band(found, found, found)
    group = xp.searchsorted(groups.first, cut) - 1  # the last that begins before the cut
    group = xp.where(group < 0, 0, group)
    across = (groups.first[group] < cut) & (cut < groups.end[group])
    inside = xp.astype(cut - groups.first[group], xp.float64)
    relevant, above = items.relevant[group], items.above[group]
    expected = above + relevant * inside / items.size[group]
    best = above + xp.where(inside < relevant, inside, relevant)
    return Band(found, xp.where(across, expected, found), xp.where(across, best, found))


def of_all_relevant(items: Relevant, values: Array) -> Array:
    """Divide by the number of relevant items; NaN for a list without any."""
    xp = array_namespace(values)
    some = xp.astype(xp.where(items.count > 0, items.count, 1), xp.float64)
    return xp.where(items.count > 0, values / some, xp.nan)


def average_precision(items: Relevant) -> Band:
    """Mean over the relevant items of the precision at each; NaN for a list without any.

    A group of n items, r relevant, follows s items, R relevant. Its j-th place holds a relevant
    item with probability r/n, and then (j-1)(r-1)/(n-1) more are expected above it in the group,
    so it is expected to gain r/n sum_j (R + 1 + (j-1)(r-1)/(n-1)) / (s+j). sum_j 1/(s+j) is a
    difference of harmonic numbers, and sum_j (j-1)/(s+j) = n - (s+1) sum_j 1/(s+j). In the best
    order the relevant ones stand at s+1 to s+r, in the worst at s+n-r+1 to s+n, and
    sum_j (R+j)/(a+j) = r + (R-a) sum_j 1/(a+j).
    """
    which, bounds, rank = _alone(items)
    xp, width = array_namespace(rank), _width(items)
    gain = _counts(items, which, bounds) / xp.astype(rank, xp.float64)
    alone = _sums(gain, bounds, width)

    s, n, r, R = items.before, items.size, items.relevant, items.above
    harmonic = xp.asarray(_harmonic(width), device=device(rank))
    inverse = _difference(harmonic, s, s + n)
    rate = (r - 1) / (n - 1)
    expected = r / n * (rate * n + (R + 1 - rate * (s + 1)) * inverse)
    best = r + (R - s) * _difference(harmonic, s, s + r)
    worst = r + (R - s - n + r) * _difference(harmonic, s + n - r, s + n)
    return Band(*(_average(items, alone, gained) for gained in (worst, expected, best)))


def _average(items: Relevant, alone: Array, gained: Array) -> Array:
    """Average precision of what is gained by items alone and by groups."""
    return of_all_relevant(items, alone + _sums(gained, items.groups.bounds, _width(items)))


def ndcg(layers: Sequence[Relevant], cutoffs: Sequence[int]) -> list[Array]:
    """Normalised discounted cumulative gain at each cutoff; NaN for a list without relevant items.

    Gain is the grade of an item, discount 1 / log2(1 + rank), the ideal list has the highest
    grades first (Järvelin & Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques",
    ACM TOIS; as in trec_eval). A tied item is expected to gain the mean of its group.

    Parameters
    ----------
    layers : sequence of Relevant
        The t-th are the items of grade t or more: as grades are their number of layers, gains add
        up over layers, those of the ideal list too.
    cutoffs : sequence of int
        At most the length of the lists.

    Returns
    -------
    list of array [n_lists]
        Expected values.
    """
    gained = [_discounted(items, cutoffs) for items in layers]
    xp, width = array_namespace(layers[0].hits), _width(layers[0])
    discounts = xp.asarray(_discounts(width), device=device(layers[0].hits))
    values = []
    for column, k in enumerate(cutoffs):
        ideal = sum(discounts[_at_most(items.count, k)] for items in layers)
        gain = sum(gain[column] for gain in gained)
        some = layers[0].count > 0
        values.append(xp.where(some, gain / xp.where(some, ideal, 1), xp.nan))
    return values


def _discounted(items: Relevant, cutoffs: Sequence[int]) -> list[Array]:
    """Expected sums of the discounts of the relevant items above each cutoff."""
    which, bounds, rank = _alone(items)
    xp, width = array_namespace(rank), _width(items)
    discounts = xp.asarray(_discounts(width), device=device(rank))
    hits = items.hits[which]
    running = _running(discounts[rank] - discounts[rank - 1], width)
    share, end = items.relevant / items.size, items.before + items.size
    values = []
    for k in cutoffs:
        within = xp.searchsorted(hits, items.groups.starts[:-1] + k)
        gained = share * _difference(discounts, _at_most(items.before, k), _at_most(end, k))
        tied = _sums(gained, items.groups.bounds, width)
        values.append(_between(running, bounds[:-1], within, width) + tied)
    return values


def interpolated_precision(items: Relevant) -> list[Array]:
    """Precision at recall 0.0, 0.1 ... 1.0: the highest at this recall or a higher one.

    So trec_eval defines it (Manning, Raghavan & Schütze 2008, "Introduction to information
    retrieval", section 8.4). The expectation of a maximum has no closed form. In its place stands
    the interpolation of the expected curve: of R relevant items, F(k) expected among the first k
    (`relevant_found`), recall is F(k)/R and precision F(k)/k, for real k. Between two items F is
    linear, so the highest precision stands where F reaches a whole number: the j-th of r relevant
    items among n tied ones counts as if it stood at j n/r in the group. Without ties it is the
    usual interpolated precision.

    Returns
    -------
    list of array [n_lists]
        One a level of `RECALLS`; NaN for a list without relevant items.
    """
    xp, where = array_namespace(items.hits), device(items.hits)
    if items.hits.shape[0] == 0:
        return [xp.astype(items.count, xp.float64) + xp.nan] * len(RECALLS)
    precision = _spread_precisions(items)
    tenth = -(-int(xp.max(items.count)) // 10)
    steps = xp.arange(tenth + 1, device=where)
    highest, levels = xp.zeros(items.count.shape[0], dtype=xp.float64, device=where), []
    for level in reversed(range(len(RECALLS))):
        # The relevant item that reaches this recall, and those until the next level is reached.
        reached = (level * items.count + 9) // 10
        reached = xp.where(reached > 0, reached, 1)
        ordinal = reached[:, None] + steps
        last = items.bounds[1:, None] - 1
        position = items.bounds[:-1, None] + ordinal - 1
        position = xp.where(position < last, position, last)
        position = xp.where(position > 0, position, 0)
        candidate = xp.max(precision[position], axis=1)
        highest = xp.where(candidate > highest, candidate, highest)
        levels.append(xp.where(items.count > 0, highest, xp.nan))
    return levels[::-1]


def _spread_precisions(items: Relevant) -> Array:
    """Precision at each relevant item, those of a group spread evenly over it."""
    xp = array_namespace(items.hits)
    count = _counts(items, xp.arange(items.hits.shape[0], device=device(items.hits)), items.bounds)
    rank = xp.astype(_ranks(items, items.hits, items.bounds), xp.float64)
    tied = xp.nonzero(items.groups.tied[items.hits])[0]
    if tied.shape[0]:
        times = xp.astype(items.relevant, xp.int64)
        inside = count[tied] - xp.repeat(items.above, times)
        step = items.size / xp.where(times > 0, items.relevant, 1)
        rank[tied] = xp.repeat(items.before, times) + inside * xp.repeat(step, times)
    return count / rank


def _alone(items: Relevant) -> tuple[Array, Array, Array]:
    """Which of the relevant items tie with nothing, where those of each list begin, their ranks."""
    xp = array_namespace(items.hits)
    which = xp.nonzero(~items.groups.tied[items.hits])[0]
    bounds = xp.searchsorted(which, items.bounds)
    return which, bounds, _ranks(items, items.hits[which], bounds)


def _ranks(items: Relevant, hits: Array, bounds: Array) -> Array:
    """Ranks, from 1, of these positions."""
    return hits - _of_each(items.groups.starts[:-1] - 1, bounds)


def _counts(items: Relevant, which: Array, bounds: Array) -> Array:
    """Of some of the relevant items: how many of their list there are up to each."""
    xp = array_namespace(which)
    return xp.astype(which + 1 - _of_each(items.bounds[:-1], bounds), xp.float64)


def _of_each(values: Array, bounds: Array) -> Array:
    """Repeat the value of each list for all that lies in its bounds."""
    return array_namespace(bounds).repeat(values, bounds[1:] - bounds[:-1])


def _width(items: Relevant) -> int:
    return items.groups.tied.shape[0] // (items.groups.starts.shape[0] - 1)


def _at_most(values: Array, limit: int) -> Array:
    return array_namespace(values).where(values < limit, values, limit)


def _difference(table: Array, lower: Array, upper: Array) -> Array:
    xp = array_namespace(table)
    return table[xp.astype(upper, xp.int64)] - table[xp.astype(lower, xp.int64)]


def _sums(values: Array, bounds: Array, width: int) -> Array:
    """Sum values of at most 1 an item from each bound to the next, in any order exactly."""
    return _between(_running(values, width), bounds[:-1], bounds[1:], width)


def _running(values: Array, width: int) -> Array:
    """Running sums of values rounded to whole multiples of about width / 2**62.

    64-bit integers hold every sum over a list of `width` items. Over many lists they overflow,
    which cancels in differences. For 10,000 items values are rounded to 4e-15.
    """
    xp = array_namespace(values)
    return xp.cumulative_sum(xp.astype(values * _unit(width) + 0.5, xp.int64))


def _between(running: Array, lower: Array, upper: Array, width: int) -> Array:
    """Sums from the lower positions to the upper ones."""
    xp = array_namespace(running)
    if running.shape[0] == 0:
        return xp.zeros(lower.shape[0], dtype=xp.float64, device=device(running))
    ends = [xp.where(at > 0, running[at - 1], 0) for at in (lower, upper)]
    return xp.astype(ends[1] - ends[0], xp.float64) / _unit(width)


def _unit(width: int) -> float:
    return 2.0 ** (62 - width.bit_length())


@lru_cache(maxsize=2)
def _harmonic(n: int) -> np.ndarray:
    """Harmonic numbers 0 to n - 1, summed in numpy: elsewhere the order of the sum is not known."""
    return np.concatenate([[0.0], np.cumsum(1 / np.arange(1, n))])


@lru_cache(maxsize=2)
def _discounts(n: int) -> np.ndarray:
    """Sums of the first 0 to n - 1 discounts.

    They are rounded to multiples of 2**-36 (1e-11), so that float64 holds every sum up to a
    million items exactly: an ideal list has 1, not 1 and a rounding error.
    """
    discounts = np.rint(2.0**36 / np.log2(np.arange(2, n + 1)))
    return np.concatenate([[0.0], np.cumsum(discounts)]) / 2.0**36
