"""Average ranks over data sets: Friedman's test, and Nemenyi's of the pairs.

After Demsar (2006, "Statistical comparisons of classifiers over multiple data sets", Journal of
Machine Learning Research 7:1). The test of the pairs is that of scikit-posthocs, which also draws
the diagram; autorank, the other library for it, refuses fewer than five data sets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from aebench.statistics.tidy import CONFIDENCE


class Across(NamedTuple):
    """Ranks of variants over data sets, 1 the best.

    Attributes
    ----------
    ranks : Series of variant to average rank, best first
    datasets : list of str
    p : float
        Of Friedman's test that all variants are alike.
    pairs : DataFrame [variant, variant]
        p values of Nemenyi's test; all 1 where Friedman's finds no difference, for then no pair
        may be told apart.
    critical_difference : float
        What two average ranks must differ by for Nemenyi's test at the 5% level.
    """

    ranks: pd.Series
    datasets: list[str]
    p: float
    pairs: pd.DataFrame
    critical_difference: float

    def different(self) -> list[tuple[str, str]]:
        """Pairs that are told apart, the better one first."""
        found = []
        for place, left in enumerate(self.ranks.index):
            for right in self.ranks.index[place + 1 :]:
                if self.pairs.loc[left, right] < 1 - CONFIDENCE:
                    found.append((str(left), str(right)))
        return found


def average_ranks(
    means: Mapping[str, Mapping[str, float]], lower: Mapping[str, bool]
) -> Across | None:
    """Rank the variants that ran on every data set.

    Parameters
    ----------
    means : mapping of data set to mapping of variant to mean score
    lower : mapping of data set to bool
        Whether lower is better.

    Returns
    -------
    Across
        None when fewer than two data sets share three variants: there is nothing to test.
    """
    from scikit_posthocs import posthoc_nemenyi_friedman
    from scipy.stats import friedmanchisquare, studentized_range

    signs = {dataset: 1 if lower[dataset] else -1 for dataset in means}
    table = pd.DataFrame({d: pd.Series(means[d], dtype=float) * signs[d] for d in means})
    table = table.dropna().sort_index().T
    n, k = table.shape
    if n < 2 or k < 3:
        return None
    ranks = table.rank(axis=1).mean().sort_values(kind="stable")
    alike = (table.nunique(axis=1) == 1).all()  # which Friedman's statistic divides by
    p = 1.0 if alike else float(friedmanchisquare(*(table[v] for v in table)).pvalue)
    pairs = pd.DataFrame(np.ones((k, k)), index=table.columns, columns=table.columns)
    if p < 1 - CONFIDENCE:
        found = posthoc_nemenyi_friedman(table.to_numpy())
        pairs = pd.DataFrame(found.to_numpy(), index=table.columns, columns=table.columns)
    quantile = studentized_range.ppf(CONFIDENCE, k, math.inf) / math.sqrt(2)
    critical = float(quantile * math.sqrt(k * (k + 1) / (6 * n)))
    return Across(ranks, list(table.index), p, pairs, critical)
