"""What a code that says nothing must score, known from the labels alone."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import numpy as np

QUANTILE = 3.29
"""Of the normal, two-sided 99.9%: hundreds of controls are checked, and a false alarm is costly."""

_ROUNDING = 1e-6

_CUTOFF = re.compile(r"(precision|recall|ndcg)_at_(\d+)")


class Labels(NamedTuple):
    """Of a data set's test items, as far as chance depends on them.

    Attributes
    ----------
    test : ndarray [n] of int, or [n, n_classes] of 0 and 1
        Class ids, or indicators of several topics.
    queries : ndarray [n_queries] of int, optional
        Positions of those that were retrieval queries; None when they are not known.
    database : ndarray [n_items], optional
        Class ids of what the queries were compared with; by default the other test items.
    """

    test: np.ndarray
    queries: np.ndarray | None = None
    database: np.ndarray | None = None


class Chance(NamedTuple):
    """A score at chance, and the range that 99.9% of scores at chance lie in; NaN if unknown."""

    value: float
    low: float
    high: float

    def holds(self, score: float, width: float = 0.0) -> bool:
        """Say whether a score that is known to within `width` may be at chance."""
        return self.low - width <= score <= self.high + width


def chance(metric: str, labels: Labels | None) -> Chance | None:
    """Return what a code that says nothing scores; None where that is not known.

    - Accuracies: a prediction that knows nothing of an item is right in at most the share of the
      commonest class, so only more than that is suspicious. The range is binomial.
    - Retrieval, of items of a single class: the expected value of a list in random order, in
      closed form, averaged over the queries: exact, and without a range where they are not known.
    - Shares of variance: nothing is explained, and on new items a little less than nothing.
    """
    if metric in ("explained_variance", "factor_recovery"):
        return Chance(0.0, -math.inf, _ROUNDING)
    if metric == "outlier_auroc" or labels is None or labels.test.ndim > 1:
        return None
    if re.search(r"_accuracy($|_at_|_of_)", metric):
        share = float(np.bincount(labels.test).max()) / len(labels.test)
        width = QUANTILE * math.sqrt(share * (1 - share) / len(labels.test))
        return Chance(share, 0.0, share + width)
    return _of_random_order(metric, labels)


def _of_random_order(metric: str, labels: Labels) -> Chance | None:
    """Chance of a retrieval metric whose expectation over random order is known."""
    asked = labels.test if labels.queries is None else labels.test[labels.queries]
    searched = labels.test if labels.database is None else labels.database
    itself = int(labels.database is None)  # is no answer to a query
    classes, times = np.unique(asked, return_counts=True)
    relevant = (searched[:, None] == classes).sum(axis=0) - itself
    expected = _expected(metric, relevant, len(searched) - itself)
    if expected is None:
        return None
    # Precision is defined for every query, the rest for those with anything to find.
    keep = relevant >= (0 if metric.startswith("precision") else 1)
    if not keep.any():
        return None
    mean = float(times[keep] @ expected[keep] / times[keep].sum())
    width = math.nan if labels.queries is None else _ROUNDING * mean
    return Chance(mean, mean - width, mean + width)


def _expected(metric: str, relevant: np.ndarray, n: int) -> np.ndarray | None:
    """Expected score of n items in random order, one a number of `relevant` ones among them."""
    share = relevant / n
    gains = 1 / np.log2(np.arange(n) + 2)
    cut = _CUTOFF.fullmatch(metric)
    k = min(int(cut.group(2)), n) if cut else n
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric == "r_precision" or (cut and cut.group(1) == "precision"):
            return share
        if cut and cut.group(1) == "recall":
            return np.full(len(relevant), k / n)
        if metric == "ndcg" or (cut and cut.group(1) == "ndcg"):
            ideal = np.concatenate([[0.0], np.cumsum(gains)])[np.minimum(relevant, k)]
            return np.asarray(share * gains[:k].sum() / ideal)
        if metric == "mean_average_precision":
            harmonic = float((1 / np.arange(1, n + 1)).sum())
            return np.asarray((harmonic + (relevant - 1) / (n - 1) * (n - harmonic)) / n)
    return None
