"""The tables: their columns, order and files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from aebench.errors import AebenchError, shown
from aebench.files import atomic

CASE = ["dataset", "variant", "code_size", "split", "metric"]
"""What a mean is taken over the seeds of."""

GROUP = ["dataset", "code_size", "metric"]
"""What variants are compared in: one column of one table."""

METRIC_COLUMNS = ["dataset", "variant", "code_size", "seed", "split", "metric", "value"]
SUMMARY_COLUMNS = [*CASE, "seeds", "mean", "low", "high"]
RANK_COLUMNS = ["dataset", "code_size", "metric", "variant", "rank"]
TEST_COLUMNS = [
    *GROUP,
    "left",
    "right",
    "difference",
    "low",
    "high",
    "freedom",
    "p",
    "p_holm",
    "family",
    "noise_of",
]

CONFIDENCE = 0.95

TEXT = (
    "dataset",
    "variant",
    "split",
    "metric",
    "left",
    "right",
    "family",
    "noise_of",
    "verdict",
)
WHOLE = ("code_size", "seed", "rank")
"""Columns of text, and of whole numbers of at least 0; all others hold numbers."""


def sort_metrics(metrics: pd.DataFrame) -> pd.DataFrame:
    """Sort a tidy table or a summary by its cases, numbers in names as numbers.

    `precision_at_7` comes before `precision_at_15`. Rows that compare equal keep their order.
    """
    return sort(metrics, [c for c in METRIC_COLUMNS if c in metrics and c != "value"])


def sort(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Sort a table by these columns, numbers in names as numbers."""
    return table.sort_values(
        columns, key=_by_number, kind="stable", ignore_index=True, na_position="last"
    )


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table atomically, numbers with nine significant digits and missing ones empty.

    Nine digits hold every float32 and make reading and writing again give the same file.
    """
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.9g", lineterminator="\n")


def read_csv(path: str | Path, columns: Sequence[str], text: Iterable[str] = TEXT) -> pd.DataFrame:
    """Read a table that has these columns, and perhaps others.

    Raises
    ------
    AebenchError
        When it cannot be read, lacks a column, or has something else than numbers where numbers
        are needed.
    """
    types = dict.fromkeys(text, str)
    try:
        # A variant may be called "None" or "nan": only numbers may be missing.
        names = pd.read_csv(path, nrows=0).columns
        empty = {name: ["", "nan"] for name in names if name not in types}
        table = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=empty)
    except (OSError, ValueError, OverflowError) as error:
        raise AebenchError(f"cannot read {path}: {shown(error)}.") from error
    missing = [name for name in columns if name not in table]
    if missing:
        found = shown(", ".join(map(str, table)))
        raise AebenchError(f"{path} has no column {', '.join(missing)}; found: {found}.")
    for name in columns:
        if name not in types and len(table):
            _check_numbers(table[name], path)
    return table


def _check_numbers(column: pd.Series, path: str | Path) -> None:
    needed = "whole numbers of at least 0" if column.name in WHOLE else "numbers"
    numeric = pd.to_numeric(column, errors="coerce")
    wrong = column.notna() & numeric.isna()
    if column.name in WHOLE:
        wrong |= ~(numeric.between(0, 2**32 - 1) & (numeric % 1 == 0))
    if wrong.any() or column.dtype.kind not in "iuf":
        value = column[wrong].iloc[0] if wrong.any() else column.iloc[0]
        raise AebenchError(f"{path}: column {column.name} has {shown(value)}; needed: {needed}.")


def check(metrics: pd.DataFrame) -> None:
    """Refuse a tidy table without a column, or with more than one value for a seed of a case."""
    check_columns(metrics)
    twice = metrics[metrics.duplicated([*CASE, "seed"])]
    if len(twice):
        case = ", ".join(f"{c} {twice.iloc[0][c]}" for c in [*CASE, "seed"])
        raise AebenchError(f"table of metrics has more than one value for {case}; allowed: one.")


def check_columns(metrics: pd.DataFrame) -> None:
    """Refuse a tidy table without a column."""
    missing = [c for c in METRIC_COLUMNS if c not in metrics]
    if missing:
        raise AebenchError(
            f"table of metrics has no column {', '.join(missing)}; "
            f"needed: {', '.join(METRIC_COLUMNS)}."
        )


def _by_number(column: pd.Series) -> pd.Series:
    """Sorting key: runs of digits in text count as numbers."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    keys = {
        text: re.sub(r"\d+", lambda run: run.group().zfill(12), str(text))
        for text in column.unique()
    }
    return column.map(keys)
