"""Ranked lists: a database sorted by distance to each query, a block of queries at a time.

An entry of a list is one whole number, the key of an item: its distance, then its grade by the
labels, then one bit, its relevance by the permuted labels. Sorting values is what numpy does
fastest, and which item it is need not be known. Distances are whole numbers too, so that items
at the same distance tie exactly on every device.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array

from aebench.metrics.arrays import Array, Place, here

_GRID = 2.0**26
_LEVELS = 2**28
_BLOCK_ROWS = 32  # at least: the matrix product of a single row is slow
_BLOCK_ENTRIES = 2**18
_BLOCK_ENTRIES_ELSEWHERE = 2**23  # a GPU wants more work at a time; below 1 GB


class Items(NamedTuple):
    """Queries, or the database.

    Attributes
    ----------
    codes : ndarray [n, d]
        float32, or uint8 of 0 and 1.
    labels, permuted : ndarray [n] of int, or [n, n_classes] of 0 and 1
        Class ids, or indicators of several topics; `permuted` are those of the control.
    """

    codes: np.ndarray
    labels: np.ndarray
    permuted: np.ndarray


class Lists(NamedTuple):
    """Ranked lists of a block of queries.

    Attributes
    ----------
    keys : array [n_queries, n_items + 1] of int32 or int64
        Ascending: of equal distances the irrelevant items come first. A closing key ties with
        nothing and is relevant to nothing.
    grade_bits : int
        A key is (distance * 2**grade_bits + grade) * 2 + relevance by the permuted labels.
    binary : bool
        Are distances Hamming distances?
    """

    keys: Array
    grade_bits: int
    binary: bool

    @property
    def beyond_distance(self) -> int:
        """All bits of a key that are not its distance."""
        return 2 ** (self.grade_bits + 1) - 1

    def relevant(self) -> tuple[Array, Array]:
        """Return positions of the relevant items, all lists end to end, and their grades."""
        xp, flat = array_namespace(self.keys), self._flat()
        hits = xp.nonzero((flat & (self.beyond_distance - 1)) != 0)[0]
        return hits, (flat[hits] & self.beyond_distance) >> 1

    def relevant_by_permuted_labels(self) -> Array:
        """Return positions of the items that are relevant by the permuted labels."""
        return array_namespace(self.keys).nonzero((self._flat() & 1) != 0)[0]

    def distances(self) -> Array:
        """Return what ties or not: keys that differ by distance alone, all lists end to end."""
        return self._flat() | self.beyond_distance

    def within(self, radius: int) -> Array:
        """Count the items of each list [n_queries] at most that far; of binary codes."""
        below = (radius + 1) * 2 ** (self.grade_bits + 1)
        return array_namespace(self.keys).count_nonzero(self.keys < below, axis=1)

    def _flat(self) -> Array:
        return array_namespace(self.keys).reshape(self.keys, (-1,))


class Ranker:
    """Ranks a database for queries.

    Parameters
    ----------
    queries, database : Items
    own : ndarray [n_queries] of int, optional
        Where the queries are items of the database themselves: their positions there. A query
        never finds itself.
    place : callable
        Moves an array to where the work on all pairs is done; by default it stays numpy's.
    """

    def __init__(
        self,
        queries: Items,
        database: Items,
        own: np.ndarray | None = None,
        place: Place = here,
    ) -> None:
        self.n_queries, self.n_items = len(queries.codes), len(database.codes)
        self._binary = queries.codes.dtype == np.uint8
        measure = _bits if self._binary else _directions
        asked, found = measure(queries.codes), measure(database.codes)
        self._lowest = found.lowest
        self._left, self._right = place(asked.factor * -found.scale), place(found.factor)
        self._offset = found.offset
        self._own = None if own is None else place(own)
        self._grades = _shared(queries.labels, database.labels, place)
        self._control = _shared(queries.permuted, database.permuted, place)
        self._grade_bits = _most_shared(queries.labels, database.labels).bit_length()
        self._entries = _BLOCK_ENTRIES if is_numpy_array(self._right) else _BLOCK_ENTRIES_ELSEWHERE
        self._wide = found.highest << (self._grade_bits + 1) >= 2**31 - 2**20

    def blocks(self) -> Iterator[slice]:
        """Return slices of the queries that are worth a piece of work each."""
        return _slices(self.n_queries, max(_BLOCK_ROWS, self._entries // self.n_items))

    def lists(self, block: slice) -> Iterator[Lists]:
        """Yield the ranked lists of a block, in smaller blocks if the database is large."""
        keys = self.distances(block)
        xp, n = array_namespace(keys), self.n_items
        closing = xp.iinfo(keys.dtype).max - (2 ** (self._grade_bits + 1) - 1)
        for part in _slices(keys.shape[0], self._entries // n):
            ranked = keys[part, :]
            rows = slice(block.start + part.start, block.start + part.start + ranked.shape[0])
            items = ranked[:, :n]
            items *= 2**self._grade_bits
            items += self._grades(rows)
            items *= 2
            items += self._control(rows) > 0
            if self._own is None:
                ranked[:, n] = closing
            else:
                ranked[xp.arange(ranked.shape[0], device=device(keys)), self._own[rows]] = closing
            yield Lists(xp.sort(ranked, axis=1, stable=False), self._grade_bits, self._binary)

    def distances(self, block: slice) -> Array:
        """Distances [n_queries, n_items] of a block, and a column for the closing key if needed.

        Whole numbers: Hamming distances, or steps of 2**-28 of cosine distance, less 2**28.
        """
        left, right = self._left[block], self._right
        xp, rows = array_namespace(left), left.shape[0]
        keys = xp.empty(
            (rows, self.n_items + (self._own is None)),
            dtype=xp.int64 if self._wide else xp.int32,
            device=device(left),
        )
        for items in _slices(self.n_items, self._entries // rows):
            distances = left @ right[items].T
            distances += self._offset
            keys[:, items] = distances  # rounded down
        keys += self._lowest
        return keys


class _Measure(NamedTuple):
    """A distance is lowest + floor(offset - scale u.u'), at most `highest`; u are the factors."""

    factor: np.ndarray
    scale: float
    offset: float
    lowest: int
    highest: int


def _directions(codes: np.ndarray) -> _Measure:
    """Cosine distance in steps of 2**-28, less 2**28: centred, it leaves room for more bits.

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
    margin = _LEVELS // 2**10
    return _Measure(units, _LEVELS, _LEVELS + margin, -_LEVELS, _LEVELS + 2 * margin)


def _bits(codes: np.ndarray) -> _Measure:
    """Hamming distance (d - u.u') / 2 of bits as +1 and -1: float32 holds it exactly."""
    d = codes.shape[1]
    return _Measure(codes.astype(np.float32) * 2 - 1, 0.5, d / 2, 0, d)


def _shared(asked: np.ndarray, labels: np.ndarray, place: Place) -> Callable[[slice], Array]:
    """Return a function of a slice of the queries: how many labels each shares with each item."""
    if labels.ndim == 1:
        of_query, of_item = place(asked), place(labels)
        return lambda rows: of_query[rows][:, None] == of_item
    # Many items have the same set of topics: compare with sets, not with items.
    first, which = np.unique(
        np.packbits(labels, axis=1), axis=0, return_index=True, return_inverse=True
    )[1:]
    topics, of_item = place(labels[first].astype(np.float32)), place(which.ravel())
    xp = array_namespace(topics)

    def shared(rows: slice) -> Array:
        counts = place(asked[rows].astype(np.float32)) @ topics.T
        return xp.take(xp.astype(counts, xp.int32), of_item, axis=1)

    return shared


def _most_shared(asked: np.ndarray, labels: np.ndarray) -> int:
    """Bound the number of labels that a query and an item can share; at least 1."""
    if labels.ndim == 1:
        return 1
    return max(1, min(int(part.sum(axis=1).max(initial=0)) for part in (asked, labels)))


def _slices(n: int, step: int) -> Iterator[slice]:
    step = max(1, step)
    return (slice(start, min(start + step, n)) for start in range(0, n, step))
