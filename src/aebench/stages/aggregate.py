"""The aggregate stage: every score in one tidy table, and what can be said of it.

Five tables: metrics.csv (every value), summary.csv (means and intervals over seeds), audit.csv
(what these seeds can show, and the controls), tests.csv (autoencoders against baselines over
items and seeds), ranks.csv (shared ranks of the variants of each table column).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from aebench import datasets, statistics
from aebench.errors import AebenchError, shown
from aebench.files import read_arrays
from aebench.report import names

TESTED = (
    "squared_error",
    "perplexity",
    "knn_accuracy",
    "logistic_accuracy",
    "mean_average_precision",
)
"""Metrics of tests.csv: those of the headline."""

METRIC = re.compile(r"[a-z][a-z0-9_.]{0,99}")
"""What a metric may be called."""


def run(
    scores: Sequence[str | Path],
    out: str | Path,
    roles: Mapping[str, str],
    database: str = "test",
) -> None:
    """Read scores.csv and items.npz of every run, whose place its folders name; write the tables.

    Parameters
    ----------
    scores : sequence of path
        `<results>/<dataset>/<variant>/d<code size>/seed-<n>/scores.csv`. Beside it may lie
        items.npz; where it does not, tests are over seeds alone. The data set's data.npz says
        what chance is; where it does not lie there, no more than the controls do.
    out : path
        The folder of the tables.
    roles : mapping of variant to "autoencoder", "baseline" or "control"
    database : {"test", "train"}
        What retrieval queries were compared with.
    """
    paths = [Path(path) for path in scores]
    runs = Runs(paths)
    tables = describe(read(paths), roles, runs.items, runs.labels(database))
    for name, table in tables.items():
        statistics.write_csv(table, Path(out) / f"{name}.csv")


def describe(
    metrics: pd.DataFrame,
    roles: Mapping[str, str],
    items: statistics.Items | None = None,
    labels: Mapping[str, statistics.Labels] | None = None,
) -> dict[str, pd.DataFrame]:
    """Return every table by name, the tidy one first; see `statistics` for `items`, `labels`."""
    autoencoders, baselines, controls = (
        sorted(variant for variant, found in roles.items() if found == role)
        for role in ("autoencoder", "baseline", "control")
    )
    better = names.directions(metrics["metric"].unique())
    question = statistics.Question(autoencoders, baselines, better)
    contestants = metrics[~metrics["variant"].isin(controls)]
    compared = statistics.compare(contestants, items, question)
    return {
        "metrics": metrics,
        "summary": statistics.summarise(metrics),
        "audit": statistics.audit(metrics, controls, labels or {}),
        "tests": statistics.tests(compared, TESTED, autoencoders, baselines),
        "ranks": statistics.ranks(compared, better),
    }


def read(scores: Sequence[Path]) -> pd.DataFrame:
    """Return the tidy table."""
    rows = []
    for path in scores:
        place = _place(path)
        rows += [[*place, *score] for score in _scores(path)]
    return statistics.sort_metrics(pd.DataFrame(rows, columns=statistics.METRIC_COLUMNS))


def _scores(path: Path) -> Iterator[tuple[str, str, float]]:
    """Give split, metric and value of each row of a scores.csv."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["split"] not in ("train", "test") or not METRIC.fullmatch(row["metric"]):
                    raise ValueError(f"no split, metric {row['split']!r}, {row['metric']!r}")
                yield row["split"], row["metric"], float(row["value"])
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        why = f"{type(error).__name__}: {shown(error)}"
        raise AebenchError(f"cannot read {path}: {why}. Delete it and run again.") from error


def _place(path: Path) -> tuple[str, str, int, int]:
    """Return data set, variant, code size and seed of a file of a run."""
    dataset, variant, code_size, seed = path.parts[-5:-1]
    return dataset, variant, int(code_size[1:]), int(seed.removeprefix("seed-"))


class Runs:
    """The files that lie beside scores.csv."""

    def __init__(self, scores: Sequence[Path]) -> None:
        self._folders: dict[tuple[str, str, int], list[Path]] = {}
        for path in scores:
            self._folders.setdefault(_place(path)[:3], []).append(path.parent)

    def items(self, dataset: str, size: int, variant: str, metric: str) -> np.ndarray | None:
        """Values of items [n_seeds, n_items] of a metric; None where a seed has none.

        Seeds measured on different numbers of items cannot be laid on each other: None, too.
        """
        found: list[np.ndarray] = []
        for folder in self._folders[dataset, variant, size]:
            path = folder / "items.npz"
            values = self._array(path, item_name(metric))
            if values is not None and (values.ndim != 1 or np.isinf(values).any()):
                raise AebenchError(
                    f"{path}: '{item_name(metric)}' has shape {list(values.shape)} or infinite "
                    "values; one number an item is needed. Delete it and run again."
                )
            if values is None or (found and len(values) != len(found[0])):
                return None
            found.append(values)
        return np.stack(found)

    def labels(self, database: str = "test") -> dict[str, statistics.Labels]:
        """Labels of each data set that lies beside its runs, and which items were queries."""
        found = {}
        for (dataset, _, _), folders in self._folders.items():
            path = folders[0].parents[2] / "data.npz"
            labels = self._array(path, "test_labels")
            if dataset not in found and labels is not None:
                queries = self._array(folders[0] / "items.npz", "queries")
                searched = self._array(path, "train_labels") if database == "train" else None
                found[dataset] = _checked(statistics.Labels(labels, queries, searched), path)
        return found

    def _array(self, path: Path, name: str) -> np.ndarray | None:
        """Return one array of an .npz file; None when there is no such file or array."""
        return read_arrays(path, name).get(name) if path.is_file() else None


def item_name(metric: str) -> str:
    """Return the name in items.npz of what a metric is the mean of."""
    if metric == "mean_average_precision":
        return "average_precision"
    return metric.replace("_accuracy", "_correct")


def _checked(labels: statistics.Labels, path: Path) -> statistics.Labels:
    queries, available = labels.queries, len(labels.test) if labels.test.ndim else 0
    try:
        for each in (labels.test, labels.database):
            if each is not None:
                datasets.check_labels(each)
    except ValueError as error:
        raise AebenchError(f"{path}: {error}. Delete it and run again.") from error
    if queries is not None and (
        queries.ndim != 1
        or queries.dtype.kind not in "iu"
        or not ((queries >= 0) & (queries < available)).all()
    ):
        raise AebenchError(f"items.npz beside {path}: 'queries' are no positions of test items.")
    return labels
