"""Means, intervals and differences over seeds, from the tidy table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from aebench.errors import AebenchError
from aebench.statistics.tidy import (
    CASE,
    CONFIDENCE,
    METRIC_COLUMNS,
    SUMMARY_COLUMNS,
    check,
    check_columns,
    sort_metrics,
)


class Difference(NamedTuple):
    """Mean of left minus right with its interval, and the number of seeds (the fewer side's)."""

    mean: float
    low: float
    high: float
    seeds: int


def summarise(metrics: pd.DataFrame) -> pd.DataFrame:
    """Mean and 95% Student-t interval over the seeds of each case.

    Parameters
    ----------
    metrics : DataFrame
        The tidy table: dataset, variant, code_size, seed, split, metric, value.

    Returns
    -------
    DataFrame
        dataset, variant, code_size, split, metric, seeds, mean, low, high, sorted by
        `sort_metrics`. One seed has no interval (low and high are NaN); seeds of exactly equal
        values, as deterministic methods give, have one of zero width.

    Raises
    ------
    AebenchError
        When a seed occurs twice in a case, or a column is missing.
    """
    check(metrics)
    values = metrics["value"].astype(float)
    cases = values.groupby([metrics[column] for column in CASE], sort=False)
    found = cases.agg(["size", "count", "mean", "std", "min", "max"]).reset_index()
    n = found["size"].to_numpy()
    mean = found["mean"].where(found["count"] == n)  # unknown where one seed has no value
    mean = mean.mask((found["min"] == found["max"]) & mean.notna(), found["min"])
    half = _quantile(np.maximum(n - 1, 1)) * found["std"].to_numpy() / np.sqrt(n)
    half = np.where(n > 1, np.where(found["min"] == found["max"], 0.0, half), math.nan)
    table = found[CASE].assign(seeds=n, mean=mean, low=mean - half, high=mean + half)
    return sort_metrics(table[SUMMARY_COLUMNS])


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean, low and high of the 95% Student-t interval of the mean of `values`, at least one."""
    n = len(values)
    if n > 1 and (values == values[0]).all():
        return (float(values[0]),) * 3
    mean = float(np.mean(values))
    if n < 2:
        return mean, math.nan, math.nan
    half = float(_quantile(n - 1)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return mean, mean - half, mean + half


def difference(
    metrics: pd.DataFrame, left: Mapping[str, object], right: Mapping[str, object]
) -> Difference:
    """Mean of left minus right with a 95% interval.

    Parameters
    ----------
    metrics : DataFrame
        The tidy table.
    left, right : mapping of column to value
        What selects one value a seed, such as `{"dataset": "mnist", "variant": "deep",
        "code_size": 30, "split": "test", "metric": "squared_error"}`.

    Returns
    -------
    Difference
        When both sides have the same seeds, of the differences seed by seed; otherwise unpaired,
        with Welch's degrees of freedom. One seed on either side: no interval, low and high are NaN.
        A selection without rows: all NaN and `seeds` 0, which claims read as "not measured".

    Raises
    ------
    AebenchError
        When a selection names an unknown column or has more than one value a seed.
    """
    check_columns(metrics)
    a, b = _select(metrics, left), _select(metrics, right)
    if a.empty or b.empty:
        return Difference(math.nan, math.nan, math.nan, 0)
    if a.index.equals(b.index):
        return Difference(*interval((a - b).to_numpy(dtype=float)), len(a))
    bounds = _welch(a.to_numpy(dtype=float), b.to_numpy(dtype=float))
    return Difference(*bounds, min(len(a), len(b)))


def _welch(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Mean, low and high of mean(a) - mean(b), variances unequal (Welch 1947, Biometrika 34:28)."""
    mean = float(np.mean(a) - np.mean(b))
    if min(len(a), len(b)) < 2:
        return mean, math.nan, math.nan
    if (a == a[0]).all() and (b == b[0]).all():
        return (float(a[0] - b[0]),) * 3
    va, vb = float(np.var(a, ddof=1)) / len(a), float(np.var(b, ddof=1)) / len(b)
    freedom = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    half = float(_quantile(freedom)) * math.sqrt(va + vb)
    return mean, mean - half, mean + half


def _quantile(freedom: float | np.ndarray) -> Any:
    """Student-t quantile of the two-sided 95% interval (scipy.stats takes a second to import)."""
    from scipy.special import stdtrit

    return stdtrit(freedom, (1 + CONFIDENCE) / 2)


def _select(metrics: pd.DataFrame, selection: Mapping[str, object]) -> pd.Series:
    """Values of a selection by seed, ascending."""
    chosen = pd.Series(True, index=metrics.index)
    for column, value in selection.items():
        if column not in metrics:
            raise AebenchError(
                f"cannot select by '{column}'; allowed: {', '.join(METRIC_COLUMNS[:-1])}."
            )
        chosen &= metrics[column] == value
    values = metrics[chosen].set_index("seed")["value"].sort_index()
    if values.index.has_duplicates:
        raise AebenchError(
            f"selection {dict(selection)} has more than one value for a seed; "
            f"it must name all of: {', '.join(CASE)}."
        )
    return values
