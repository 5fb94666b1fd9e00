"""Rate and distortion: what codes are worth when every unit may have only a few bits.

Each unit is quantised by the scalar quantiser of least squared error (Lloyd 1957, published 1982,
IEEE Trans. Inf. Theory 28:129; Max 1960, IRE Trans. Inf. Theory 6:7), designed on training codes.
"""

import math
from typing import NamedTuple

import numpy as np

from aebench.metrics.measured import Measured, Model, measured
from aebench.metrics.reconstruction import Decoded, headline
from aebench.metrics.sampling import Matrix

BITS = (1, 2, 3, 4, 5, 6, 7, 8)
"""Bits a unit."""

ITERATIONS = 20
_POINTS = 2048  # stand for the training codes of a unit
_UNITS = 64  # sorted at a time: there is no second copy of all codes


class Distribution(NamedTuple):
    """How the training codes of each unit are distributed.

    `points` [n_units, n_points] are codes in units of their range, those of unit j from 2 j to
    2 j + 1, so that all units together rise and can be searched at once; each is worth `weight`
    items. A code is `offset` + `scale` * point, both [n_units].
    """

    points: np.ndarray
    weight: float
    offset: np.ndarray
    scale: np.ndarray


def rate_scores(
    model: Model, X: Matrix, kind: str, codes_train: np.ndarray, codes_test: np.ndarray
) -> Measured:
    """Reconstruct from codes of 1 to 8 bits a unit.

    Parameters
    ----------
    model : Model
    X : ndarray or CSR matrix [n, n_features]
        Test items, a sample will do.
    kind : {"images", "documents"}
    codes_train, codes_test : ndarray [n_train, code_size], [n, code_size]
        float32; of binary codes, uint8, only 1 bit is measured, the codes themselves.

    Returns
    -------
    Measured
        For each number b of bits a unit: `squared_error_at_<b>_bits` of images,
        `perplexity_at_<b>_bits` of documents; and `entropy_at_<b>_bits`, BITS AN ITEM: what an
        entropy coder needs for the units' indices, each with the frequencies it had in training
        (smoothed by 1/2: Krichevsky & Trofimov 1981, IEEE Trans. Inf. Theory 27:199). It can be
        had, unlike the entropy of few test items, which is too small. A unit that is constant in
        training costs nothing.
    """
    if codes_test.dtype == np.uint8:
        return measured(_scores_of_bits(model, X, kind, codes_train, codes_test))
    train = distribution(codes_train)
    first, last = train.points[:, 0], train.points[:, -1]
    test = np.clip((codes_test - train.offset) / train.scale, first, last).T
    scores: dict[str, float] = {}
    for bits in BITS:
        levels, counts = lloyd_max(train.points, 2**bits)
        cells = _cells(levels, test)
        quantised = np.take_along_axis(levels, cells, axis=1).T * train.scale + train.offset
        R = Decoded(model, quantised.astype(np.float32), X.shape[1])
        scores |= headline(X, R, kind, f"_at_{bits}_bits")
        lengths = np.take_along_axis(_lengths(counts * train.weight), cells, axis=1)
        scores[f"entropy_at_{bits}_bits"] = _bits_an_item(lengths[first < last])
    return measured(scores)


def _scores_of_bits(
    model: Model, X: Matrix, kind: str, codes_train: np.ndarray, codes_test: np.ndarray
) -> dict[str, float]:
    ones = codes_train.sum(axis=0, dtype=np.int64)
    zeros = len(codes_train) - ones
    off, on = _lengths(np.stack([zeros, ones], axis=1)).T[:, :, None]
    lengths = np.where(codes_test.T, on, off)[(ones > 0) & (zeros > 0)]
    R = Decoded(model, codes_test, X.shape[1])
    return headline(X, R, kind, "_at_1_bits") | {"entropy_at_1_bits": _bits_an_item(lengths)}


def _lengths(counts: np.ndarray) -> np.ndarray:
    """Bits that each index costs, from how often it was seen, [n_units, n_levels]."""
    counts = counts + 0.5
    return np.log2(counts.sum(axis=1, keepdims=True) / counts)


def _bits_an_item(lengths: np.ndarray) -> float:
    """Mean over items of the sum over units of lengths [n_units, n]."""
    return math.fsum(lengths.sum(axis=0)) / lengths.shape[1]


def distribution(codes: np.ndarray) -> Distribution:
    """Sort the codes [n, n_units] of each unit; means of neighbours stand for more than 2,048."""
    n, n_units = codes.shape
    starts = np.linspace(0, n, min(n, _POINTS), endpoint=False).astype(np.int64)
    sizes = np.diff(starts, append=n)
    points = np.empty((n_units, len(starts)))
    for start in range(0, n_units, _UNITS):
        part = slice(start, start + _UNITS)
        ordered = np.sort(codes[:, part].T, axis=1)
        points[part] = np.add.reduceat(ordered, starts, axis=1, dtype=np.float64) / sizes
    low, scale = points[:, 0], points[:, -1] - points[:, 0]
    scale = np.where(scale > 0, scale, 1)
    offset = low - 2 * np.arange(n_units) * scale
    return Distribution((points - offset[:, None]) / scale[:, None], n / len(starts), offset, scale)


def lloyd_max(points: np.ndarray, n_levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Find levels of which the nearest is near each point, by Lloyd's alternation.

    It starts from the optimum for many levels: their density follows the cube root of that of the
    points (Panter & Dite 1951, Proc. IRE 39:44). Of Gaussian codes the error comes within 2% of
    the least at up to 6 bits; at more it hardly matters.

    Parameters
    ----------
    points : ndarray [n_units, n_points]
        Of a `Distribution`.
    n_levels : int

    Returns
    -------
    levels : ndarray [n_units, n_levels]
        Rising. One that is nearest to no point stays where it was.
    counts : ndarray [n_units, n_levels] of int
        How many points each level is nearest to.
    """
    sums = np.pad(np.cumsum(points, axis=1), ((0, 0), (1, 0)))
    levels = _companded(points, n_levels)
    ends = _ends(points, levels)
    for _ in range(ITERATIONS):
        counts = np.diff(ends, axis=1)
        totals = np.diff(np.take_along_axis(sums, ends, axis=1), axis=1)
        levels = np.divide(totals, counts, out=levels, where=counts > 0)
        before, ends = ends, _ends(points, levels)
        if np.array_equal(before, ends):
            break
    return levels, np.diff(ends, axis=1)


def _companded(points: np.ndarray, n_levels: int) -> np.ndarray:
    """Levels with as many between two points as there is density to the power 1/3, times length.

    Between neighbouring points a gap apart the density is as 1 / gap.
    """
    mass = np.pad(np.cumsum(np.diff(points, axis=1) ** (2 / 3), axis=1), ((0, 0), (1, 0)))
    wanted = (np.arange(n_levels) + 0.5) / n_levels
    return np.stack([np.interp(wanted * m[-1], m, p) for m, p in zip(mass, points, strict=True)])


def _boundaries(levels: np.ndarray) -> np.ndarray:
    return (levels[:, 1:] + levels[:, :-1]) / 2


def _ends(points: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Where the points nearest to each level end, [n_units, n_levels + 1], the first being 0."""
    n_units, n_points = points.shape
    before = n_points * np.arange(n_units)[:, None]
    ends = np.searchsorted(points.ravel(), _boundaries(levels), side="right") - before
    return np.pad(ends, ((0, 0), (1, 1)), constant_values=((0, 0), (0, n_points)))


def _cells(levels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Which level is nearest to values [n_units, n]."""
    boundaries = _boundaries(levels)
    n_units, n_boundaries = boundaries.shape
    before = n_boundaries * np.arange(n_units)[:, None]
    return np.searchsorted(boundaries.ravel(), values, side="left") - before
