"""Means, intervals and differences over seeds, from the tidy table."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from aebench.errors import AebenchError
from aebench.files import atomic

CASE = ["dataset", "variant", "code_size", "split", "metric"]
"""What a mean is taken over the seeds of."""

METRIC_COLUMNS = ["dataset", "variant", "code_size", "seed", "split", "metric", "value"]
SUMMARY_COLUMNS = [*CASE, "seeds", "mean", "low", "high"]

CONFIDENCE = 0.95


class Difference(NamedTuple):
    """Mean of left minus right with its interval, and the number of seeds (the fewer side's)."""

    mean: float
    low: float
    high: float
    seeds: int


def sort_metrics(metrics: pd.DataFrame) -> pd.DataFrame:
    """Sort a tidy table or a summary by its cases, numbers in names as numbers.

    `precision_at_7` comes before `precision_at_15`. Rows that compare equal keep their order.
    """
    columns = [c for c in METRIC_COLUMNS if c in metrics and c != "value"]
    return metrics.sort_values(
        columns, key=_by_number, kind="stable", ignore_index=True, na_position="last"
    )


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
    _check_columns(metrics)
    _check_seeds(metrics)
    rows = [
        (*case, len(group), *interval(group["value"].to_numpy(dtype=float)))
        for case, group in metrics.groupby(CASE, sort=False)
    ]
    return sort_metrics(pd.DataFrame(rows, columns=SUMMARY_COLUMNS))


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean, low and high of the 95% Student-t interval of the mean of `values`, at least one."""
    n = len(values)
    if n > 1 and (values == values[0]).all():
        return (float(values[0]),) * 3
    mean = float(np.mean(values))
    if n < 2:
        return mean, math.nan, math.nan
    half = _quantile(n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)
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
    _check_columns(metrics)
    a, b = _select(metrics, left), _select(metrics, right)
    if a.empty or b.empty:
        return Difference(math.nan, math.nan, math.nan, 0)
    if a.index.equals(b.index):
        return Difference(*interval((a - b).to_numpy(dtype=float)), len(a))
    bounds = _welch(a.to_numpy(dtype=float), b.to_numpy(dtype=float))
    return Difference(*bounds, min(len(a), len(b)))


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table atomically, numbers with nine significant digits and missing ones empty.

    Nine digits hold every float32 and make reading and writing again give the same file.
    """
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.9g", lineterminator="\n")


def _welch(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Mean, low and high of mean(a) - mean(b), variances unequal (Welch 1947, Biometrika 34:28)."""
    mean = float(np.mean(a) - np.mean(b))
    if min(len(a), len(b)) < 2:
        return mean, math.nan, math.nan
    if (a == a[0]).all() and (b == b[0]).all():
        return (float(a[0] - b[0]),) * 3
    va, vb = float(np.var(a, ddof=1)) / len(a), float(np.var(b, ddof=1)) / len(b)
    freedom = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    half = _quantile(freedom) * math.sqrt(va + vb)
    return mean, mean - half, mean + half


def _quantile(freedom: float) -> float:
    """Student-t quantile of the two-sided 95% interval (scipy.stats takes a second to import)."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


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


def _check_columns(metrics: pd.DataFrame) -> None:
    missing = [c for c in METRIC_COLUMNS if c not in metrics]
    if missing:
        raise AebenchError(
            f"table of metrics has no column {', '.join(missing)}; "
            f"needed: {', '.join(METRIC_COLUMNS)}."
        )


def _check_seeds(metrics: pd.DataFrame) -> None:
    twice = metrics[metrics.duplicated([*CASE, "seed"])]
    if len(twice):
        case = ", ".join(f"{c} {twice.iloc[0][c]}" for c in [*CASE, "seed"])
        raise AebenchError(f"table of metrics has more than one value for {case}; allowed: one.")


def _by_number(column: pd.Series) -> pd.Series:
    """Sorting key: runs of digits in text count as numbers."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    return column.map(lambda text: re.sub(r"\d+", lambda run: run.group().zfill(12), str(text)))
