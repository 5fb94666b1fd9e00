"""Which variants differ: one procedure for tests, ranks and the marks of the tables.

All pairs of variants of one table column (data set, code size, metric) are tested, corrected by
Holm's method (1979, Scandinavian Journal of Statistics 6:65), and ordered by what is left. There
are two families, each held to 5% of false findings in any of its comparisons: the question, every
autoencoder against the best baseline, which is asked beforehand; and all pairs, which takes in
whatever a reader of the table may compare. Among hundreds of pairs much goes unseen that the
question alone shows. Both put variants in the same order, so no mark contradicts a rank.

A score is a mean over test items and over seeds, and another draw of either would change it. With
values y[i, s] of item i and seed s, crossed, both random, the variance of the mean over n items and
S seeds is

    (MS_items + MS_seeds - MS_rest) / (n S),

the mean squares being those of the two-way analysis of variance (Searle, Casella & McCulloch 1992,
"Variance Components", chapter 4; the same terms as the two-way clustering of Cameron, Gelbach &
Miller 2011, Journal of Business & Economic Statistics 29:238). Its degrees of freedom are those of
Satterthwaite (1946, Biometrics Bulletin 2:110). Here it is the variance of a difference: both
variants see the same items, so the part of the items is that of the difference item by item, and
is small for variants that fail on the same items; their seeds have nothing in common, so the
parts of the seeds add up. The part of the seeds is the one of `noise`, pooled and guarded, because
one degree of freedom a variant would decide nothing.

Where values of items are missing (a metric that is not a mean over items), the seeds alone speak,
about these test items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from aebench.statistics.noise import between_seeds
from aebench.statistics.tidy import CONFIDENCE, GROUP, RANK_COLUMNS, TEST_COLUMNS, sort

Items = Callable[[str, int, str, str], "np.ndarray | None"]
"""Values of items [n_seeds, n_items] of a data set, code size, variant and metric; None when
there are none."""

SAME_ORDER = {"perplexity": "cross_entropy", "cross_entropy_per_word": "cross_entropy"}
"""Of one set of documents these rise and fall together: two variants are compared once."""

_ROUNDING = 1e-6
"""Relative difference below which two exact methods computed the same thing in another order."""


class Question(NamedTuple):
    """Which variants are to beat which, and in what direction.

    Attributes
    ----------
    left, right : sequence of str
        Autoencoders and baselines: each of `left` is asked about against the best of `right`.
    better : mapping of metric to "lower" or "higher"
        Of a metric that is not in it nothing is asked.
    """

    left: Sequence[str]
    right: Sequence[str]
    better: Mapping[str, str]


class Comparison(NamedTuple):
    """All pairs of variants of one table column; matrices [n_variants, n_variants].

    Attributes
    ----------
    variants : list of str
    difference : ndarray
        Mean of the row's variant minus that of the column's.
    error : ndarray
        Its standard error; NaN where nothing is known of the noise between seeds.
    freedom : ndarray
        Degrees of freedom of the standard error.
    p, p_holm : ndarray
        Two-sided, alone and corrected in its family; NaN where the error is.
    items : ndarray of bool
        Whether the standard error is over items and seeds; otherwise over seeds.
    asked : ndarray of bool
        Whether the pair belongs to the question; otherwise its family is all pairs.
    """

    variants: list[str]
    difference: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    p: np.ndarray
    p_holm: np.ndarray
    items: np.ndarray
    asked: np.ndarray

    def lower(self) -> np.ndarray:
        """Say of each row's variant whether it is shown to lie below the column's.

        What follows from two findings is a finding: a below b and b below c put a below c. So is
        what follows from one and from two variants that are the same, item by item.
        """
        shown = (self.p_holm < 1 - CONFIDENCE) & (self.difference < 0)
        same = (self.difference == 0) & (self.error == 0)
        while True:
            steps = (shown | same).astype(int)
            more = shown | (shown.astype(int) @ steps > 0) | (steps @ shown.astype(int) > 0)
            if (more == shown).all():
                return shown
            shown = more


def compare(
    metrics: pd.DataFrame, items: Items | None = None, question: Question | None = None
) -> dict[tuple[str, int, str], Comparison]:
    """Test all pairs of variants of every data set, code size and metric.

    Parameters
    ----------
    metrics : DataFrame
        The tidy table, of the variants to compare alone; its test split is used.
    items : callable, optional
        See `Items`.
    question : Question, optional
        What is asked beforehand, a family of its own in each table column.

    Returns
    -------
    dict of (dataset, code_size, metric) to Comparison
        Sorted. A metric of `SAME_ORDER` has the p values of the one it
        follows, where that was measured.
    """
    cases = sort(between_seeds(metrics), [*GROUP, "variant"])
    found = {}
    for (dataset, size, metric), rows in cases.groupby(GROUP, sort=False):
        place = (str(dataset), int(str(size)), str(metric))
        pairs = _pairs(rows, *_item_parts(rows, place, items))
        found[place] = _ask(pairs, question, place[2], rows["mean"].to_numpy())
    for place, comparison in found.items():
        twin = found.get((*place[:2], SAME_ORDER.get(place[2], "")))
        if twin and twin.variants == comparison.variants:
            found[place] = _as_sure_as(twin, comparison)
    return found


def _as_sure_as(twin: Comparison, comparison: Comparison) -> Comparison:
    """Take over the test of a twin: differences in units of the error, and so the p values."""
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = np.abs(comparison.difference / twin.difference)  # Cramer's delta method
    error = np.where(np.isfinite(unit), unit * twin.error, comparison.error)
    return twin._replace(difference=comparison.difference, error=error)


def _item_parts(
    rows: pd.DataFrame, place: tuple[str, int, str], items: Items | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return variance over items of each pair's difference, variance of the rest, and n_items.

    Both are of means, MS / (n S); NaN for a variant without values of items.
    """
    n = len(rows)
    over_items, rest = np.full((n, n), np.nan), np.full(n, np.nan)
    means: dict[int, np.ndarray] = {}
    dataset, size, metric = place
    for i, variant in enumerate(rows["variant"]):
        values = items(dataset, size, variant, metric) if items else None
        if values is not None and values.shape[1] > 1:
            means[i], rest[i] = _mean_and_rest(values)
    lengths = {len(mean) for mean in means.values()}
    if len(lengths) != 1:  # none, or measured on different items: nothing can be paired
        return over_items, rest, 0
    for i, mean in means.items():
        for j, other in means.items():
            if i < j:
                over_items[i, j] = over_items[j, i] = np.var(mean - other, ddof=1) / len(mean)
    return over_items, rest, lengths.pop()


def _mean_and_rest(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the mean over seeds [n_items], and MS_rest / (n S) of values [S, n_items]."""
    values = values[:, ~np.isnan(values).any(axis=0)].astype(np.float64)
    seeds, n = values.shape
    mean = values.mean(axis=0)
    if seeds == 1:
        return mean, 0.0
    rest = values - mean - values.mean(axis=1, keepdims=True) + values.mean()
    return mean, float((rest**2).sum()) / ((n - 1) * (seeds - 1)) / (n * seeds)


def _pairs(rows: pd.DataFrame, over_items: np.ndarray, rest: np.ndarray, n: int) -> Comparison:
    """Test all pairs of one table column."""
    from scipy.special import stdtr

    mean = rows["mean"].to_numpy()
    difference = mean[:, None] - mean
    of_seeds = (rows["variance"] / rows["seeds"]).to_numpy()
    over_seeds = of_seeds[:, None] + of_seeds
    freedom = np.minimum.outer(rows["freedom"].to_numpy(), rows["freedom"].to_numpy())
    paired = ~np.isnan(over_items)
    over_items = np.where(paired, over_items, 0.0)
    twice = np.where(paired, rest[:, None] + rest, 0.0)  # the rest is in both other parts
    variance = np.maximum(over_seeds + over_items - twice, np.maximum(over_seeds, over_items))
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = over_seeds**2 / freedom + over_items**2 / max(1, n - 1)
        freedom = np.where(variance > 0, variance**2 / parts, freedom)
        p = 2 * stdtr(freedom, -np.abs(difference) / np.sqrt(variance))
    p = np.where(variance == 0, 0.0, p)
    equal = np.abs(difference) <= _ROUNDING * np.maximum.outer(np.abs(mean), np.abs(mean))
    p = np.where(equal & ~np.isnan(variance), 1.0, p)
    above = np.triu_indices(len(p), 1)
    p_holm = np.full(p.shape, np.nan)
    p_holm[above] = p_holm.T[above] = holm(p[above])
    asked = np.zeros(p.shape, dtype=bool)
    error = np.sqrt(variance)
    return Comparison(list(rows["variant"]), difference, error, freedom, p, p_holm, paired, asked)


def _ask(
    pairs: Comparison, question: Question | None, metric: str, means: np.ndarray
) -> Comparison:
    """Correct the comparisons of the question among themselves, which are fewer than all pairs.

    A smaller family never has the larger corrected p values.
    """
    if question is None or metric not in question.better:
        return pairs
    sign = 1 if question.better[metric] == "lower" else -1
    right = [i for i, variant in enumerate(pairs.variants) if variant in question.right]
    left = [i for i, variant in enumerate(pairs.variants) if variant in question.left]
    if not left or not right:
        return pairs
    best = min(right, key=lambda i: (sign * means[i], pairs.variants[i]))
    p_holm, asked = pairs.p_holm.copy(), pairs.asked.copy()
    p_holm[left, best] = p_holm[best, left] = holm(pairs.p[left, best])
    asked[left, best] = asked[best, left] = True
    return pairs._replace(p_holm=p_holm, asked=asked)


def holm(p: np.ndarray) -> np.ndarray:
    """Correct p values [n_tests] of one family by Holm's method; NaN are no tests."""
    order = np.argsort(p)  # NaN last
    tests = int(np.isfinite(p).sum())
    corrected = np.full(len(p), np.nan)
    stepped = p[order[:tests]] * np.arange(tests, 0, -1)
    corrected[order[:tests]] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return corrected


def ranks(
    comparisons: Mapping[tuple[str, int, str], Comparison], better: Mapping[str, str]
) -> pd.DataFrame:
    """Shared ranks: 1 + the number of variants shown to be better.

    Parameters
    ----------
    comparisons : mapping
        As `compare` gives them.
    better : mapping of metric to "lower" or "higher"
        Metrics that are not in it have no better and worse, and no ranks.

    Returns
    -------
    DataFrame
        dataset, code_size, metric, variant, rank. Of a metric with one seed all ranks are 1.
    """
    found = []
    for (dataset, size, metric), comparison in comparisons.items():
        if metric in better:
            lower = comparison.lower()
            worse_than = lower.sum(axis=0 if better[metric] == "lower" else 1)
            found += [
                (dataset, size, metric, variant, 1 + int(count))
                for variant, count in zip(comparison.variants, worse_than, strict=True)
            ]
    return pd.DataFrame(found, columns=RANK_COLUMNS)


def tests(
    comparisons: Mapping[tuple[str, int, str], Comparison],
    metrics: Sequence[str],
    left: Sequence[str],
    right: Sequence[str],
) -> pd.DataFrame:
    """Table of every variant of `left` against every one of `right`, in the metrics named.

    Returns
    -------
    DataFrame
        dataset, code_size, metric, left, right; `difference` of the means, left minus right, its
        95% interval `low` to `high`, `freedom` of its standard error; `p` alone and `p_holm` in
        its `family`, "best baseline" (the question) or "all pairs"; `noise_of`: "items and seeds",
        or "seeds".
    """
    from scipy.special import stdtrit

    found = []
    for place, comparison in comparisons.items():
        if place[2] not in metrics:
            continue
        index = {variant: i for i, variant in enumerate(comparison.variants)}
        for a in [variant for variant in left if variant in index]:
            for b in [variant for variant in right if variant in index]:
                at = index[a], index[b]
                mean, freedom = comparison.difference[at], comparison.freedom[at]
                half = stdtrit(freedom, (1 + CONFIDENCE) / 2) * comparison.error[at]
                noise_of = "items and seeds" if comparison.items[at] else "seeds"
                bounds = (mean, mean - half, mean + half, freedom)
                p = (comparison.p[at], comparison.p_holm[at])
                family = "best baseline" if comparison.asked[at] else "all pairs"
                found.append((*place, a, b, *bounds, *p, family, noise_of))
    return pd.DataFrame(found, columns=TEST_COLUMNS)
