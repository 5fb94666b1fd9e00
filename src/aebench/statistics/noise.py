"""Noise between seeds: how far apart two trainings of the same variant come out.

Two seeds of one variant say little about its noise (one degree of freedom, where the 95% quantile
of Student's t is 12.7). The variants of one table column are measured alike, so they can lend each
other what they know. But variants differ in noise, some are louder than the rest by far, and
pooling would hide both. So, after the empirical Bayes of Smyth (2004, "Linear models and empirical
Bayes methods for assessing differential expression", Statistical Applications in Genetics and
Molecular Biology 3:3):

- The variances of the variants of a table column are taken to scatter about a typical one. How much
  they scatter says how many degrees of freedom the others lend a variant: many where all are alike,
  hardly any where each is a case of its own.
- A variant's variance is the typical one or its own, whichever is larger. Smyth takes a mean of the
  two, which suits tests whose two sides share one variance. Between two variants that differ in
  noise it is too optimistic: with two seeds, six variants, and standard deviations that scatter by
  a factor of 1.6, it calls 8% of true ties different at the 5% level and 2% at the 0.5% level,
  which Holm's correction asks for; the larger of the two calls 5% and 0.7%.
- The degrees of freedom lent are never more than all variants of the column have together.

Methods that are exact, as PCA is, have no noise: a variant whose every metric is the same for every
seed of a data set and code size counts as such, and lends nothing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aebench.statistics.tidy import GROUP

_PLACE = ["dataset", "variant", "code_size"]


def between_seeds(metrics: pd.DataFrame) -> pd.DataFrame:
    """Variance of every case over its seeds, guarded as the module says.

    Parameters
    ----------
    metrics : DataFrame
        The tidy table; its test split is used. Missing values are left out.

    Returns
    -------
    DataFrame
        One row a dataset, code_size, metric and variant: `seeds`; `mean`; `exact`, whether the
        variant gives the same for every seed; `variance` of one value, 0 for exact ones, NaN when
        no variant of the table column has two seeds; `freedom`, its degrees of freedom, infinite
        for exact ones.
    """
    rows = metrics[(metrics["split"] == "test") & metrics["value"].notna()]
    values = rows["value"].astype(float).groupby([rows[c] for c in [*GROUP, "variant"]], sort=False)
    cases = values.agg(["size", "mean", "var", "min", "max"]).reset_index()
    same = cases["min"] == cases["max"]
    cases["own"] = cases["var"].mask(same, 0.0).fillna(0.0)
    cases["mean"] = cases["mean"].mask(same, cases["min"])
    alike = (same & (cases["size"] > 1)).groupby([cases[c] for c in _PLACE])
    cases["exact"] = alike.transform("all")

    cases["own"] = cases["own"].mask(cases["size"] < 2)
    noisy = cases[~cases["exact"] & cases["own"].notna()]
    lent = _lent(noisy)
    columns = pd.MultiIndex.from_frame(cases[GROUP])
    lent = lent.reindex(columns).reset_index(drop=True)
    freedom = np.minimum(lent["freedom"] + cases["size"] - 1, lent["total"])
    exact = cases["exact"].to_numpy()
    return cases[[*GROUP, "variant", "mean", "exact"]].assign(
        seeds=cases["size"],
        variance=np.where(exact, 0.0, np.fmax(lent["typical"], cases["own"])),
        freedom=np.where(exact, np.inf, freedom),
    )


def _lent(noisy: pd.DataFrame) -> pd.DataFrame:
    """What the variants of each table column know together (Smyth, section 6.2).

    Logarithms of variances scatter by chance, by trigamma(freedom / 2), and because the variants
    differ; the freedom to lend follows from the second part. It is taken from all table columns of
    a metric together: one of three variants says too little.

    Returns
    -------
    DataFrame
        Index dataset, code_size, metric: `typical` variance, `freedom` lent, and the `total` of
        the variants' own.
    """
    from scipy.special import polygamma

    # Equal accuracies of two seeds are a tie of counts; their logarithm says nothing.
    positive = noisy["own"].where(noisy["own"] > 0)
    freedom = noisy["size"] - 1
    table = noisy[GROUP].assign(
        logs=np.log(positive) - polygamma(0, freedom / 2) + np.log(freedom / 2),
        chance=polygamma(1, freedom / 2),
        own=freedom,
        squares=freedom * noisy["own"],
    )
    found = table.groupby(GROUP, sort=False).agg(
        count=("logs", "count"),
        logs=("logs", "mean"),
        spread=("logs", "var"),
        chance=("chance", "mean"),
        total=("own", "sum"),
        squares=("squares", "sum"),
    )
    prior = found.index.get_level_values("metric").map(_priors(found)).to_numpy(dtype=float)
    pooled = found["squares"] / found["total"]
    shared = (prior > 0) & np.isfinite(prior) & (pooled > 0)
    half = np.where(shared, prior / 2, 1.0)
    typical = np.exp(found["logs"] + polygamma(0, half) - np.log(half))
    typical = np.where(shared, typical, pooled)
    return found[["total"]].assign(typical=typical, freedom=prior)


def _priors(columns: pd.DataFrame) -> dict[str, float]:
    """Degrees of freedom to lend, by metric; infinite where variances scatter by chance alone."""
    usable = columns[columns["count"] > 1]
    priors = dict.fromkeys(columns.index.get_level_values("metric"), 0.0)
    for metric, rows in usable.groupby("metric"):
        weights = rows["count"] - 1
        excess = float(np.average(rows["spread"] - rows["chance"], weights=weights))
        priors[str(metric)] = 2 * _inverse_trigamma(excess) if excess > 0 else np.inf
    return priors


def _inverse_trigamma(x: float) -> float:
    """Return the y > 0 at which trigamma(y) is x, by Newton's method (Smyth, appendix)."""
    from scipy.special import polygamma

    y = 0.5 + 1 / x
    for _ in range(50):
        step = polygamma(1, y) * (1 - polygamma(1, y) / x) / polygamma(2, y)
        y += step
        if abs(step) < 1e-9 * y:
            break
    return float(y)
