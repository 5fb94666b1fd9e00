"""Tables of the report: built once, shown as HTML by the page and as Markdown by report.md."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aebench import statistics
from aebench.report import names
from aebench.report.results import Results

MISSING = "\u2013"
"""Stands where nothing was measured."""

BETTER, WORSE, EVEN = "better", "worse", "even"
_SIGNS = {BETTER: " ▲", WORSE: " ▼", EVEN: " ≈", "": ""}


@dataclass(frozen=True)
class Cell:
    """One cell: text, smaller text after it, and a mark that says what the value means."""

    text: str
    detail: str = ""
    mark: str = ""
    best: bool = False

    @property
    def sign(self) -> str:
        """Return the mark as a sign, so that colour is never the only difference."""
        return _SIGNS.get(self.mark, "")


@dataclass
class Table:
    """Columns, rows and a note; the first `words` columns hold words, the others numbers.

    With `grouped`, rows of equal first cells belong together: the page shows that cell as a
    heading over them instead of a column, which leaves room on a phone.
    """

    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    words: int = 1
    note: str = ""
    grouped: bool = False

    @property
    def groups(self) -> list[tuple[Cell | None, list[list[Cell]]]]:
        """Return headings and the rows under them, without the cell that became the heading."""
        if not self.grouped:
            return [(None, self.rows)]
        groups = itertools.groupby(self.rows, key=lambda row: row[0])
        return [(heading, [row[1:] for row in rows]) for heading, rows in groups]

    def markdown(self) -> str:
        """Return the table in GitHub's Markdown."""
        align = [":--" if i < self.words else "--:" for i in range(len(self.columns))]
        lines = [[escape(name) for name in self.columns], align]
        lines += [[_markdown(cell) for cell in row] for row in self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"{table}\n\n{escape(self.note)}\n" if self.note else f"{table}\n"


def escape(text: object) -> str:
    """Make text safe inside a Markdown table: neither HTML nor a new column nor emphasis."""
    safe = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in "\\`*_[]|$":
        safe = safe.replace(sign, f"\\{sign}")
    return " ".join(safe.split())


def number(value: float, decimals: int) -> str:
    """Return a number with thousands separators, a missing one as a dash."""
    return MISSING if math.isnan(value) else f"{value:,.{decimals}f}".replace("-", "\u2212")


def measured(results: Results, dataset: str, variant: str, size: int, metric: str) -> Cell:
    """Return mean and half width of the 95% interval of one case, or its ends if one is cut."""
    row = results.row(dataset, variant, size, metric)
    if row is None:
        return Cell(MISSING)
    shown = names.metric(metric, results.kind(dataset))
    half = row["high"] - row["mean"]
    low, high = max(row["low"], shown.range[0]), min(row["high"], shown.range[1])
    if math.isnan(half) or half == 0:
        interval = ""
    elif (low, high) == (row["low"], row["high"]):
        interval = f"±\u2009{number(half, shown.decimals)}"
    else:
        interval = f"[{number(low, shown.decimals)}, {number(high, shown.decimals)}]"
    return Cell(number(row["mean"], shown.decimals), interval)


def _about_intervals(rows: list[list[Cell]]) -> str:
    """Return what a note must add when an interval was cut at the range of its metric."""
    if not any(cell.detail.startswith("[") for row in rows for cell in row):
        return ""
    return (
        " [low, high] is an interval that would reach past the values its metric can take, cut "
        "there; summary.csv has it whole."
    )


# ---------------------------------------------------------------- headline


def best(
    results: Results, dataset: str, size: int, metric: str, variants: Iterable[str]
) -> str | None:
    """Return the variant with the best mean of a metric, None when none was measured."""
    means = results.means(dataset, metric, size)
    found = {variant: means[variant] for variant in variants if variant in means}
    if not found:
        return None
    lower = names.metric(metric, results.kind(dataset)).better == "lower"
    return (min if lower else max)(found, key=lambda variant: found[variant])


def compare(
    results: Results, dataset: str, size: int, metric: str, left: str, right: str
) -> tuple[statistics.Difference, str]:
    """Difference of two variants at a code size, and what it means for the left one.

    The meaning is "better" or "worse" when the interval over seeds excludes 0, "even" when it does
    not, and empty when there is no interval.
    """
    where = {"dataset": dataset, "code_size": size, "split": "test", "metric": metric}
    found = statistics.difference(
        results.metrics, where | {"variant": left}, where | {"variant": right}
    )
    if found.seeds == 0 or math.isnan(found.low):
        return found, ""
    if found.low <= 0 <= found.high:
        return found, EVEN
    lower = names.metric(metric, results.kind(dataset)).better == "lower"
    return found, BETTER if (found.mean < 0) == lower else WORSE


def headline_metrics(kind: str) -> list[str]:
    """Metrics of the headline table: one for compressing, two for classifying, one for finding."""
    return [
        names.error_metric(kind),
        "knn_accuracy",
        "logistic_accuracy",
        "mean_average_precision",
    ]


def headline(results: Results) -> Table:
    """Best baseline against every autoencoder, at the headline code sizes."""
    table = Table(
        [
            "data set, code size",
            "variant",
            _headline_error(results),
            "kNN acc. ↑",
            "logistic acc. ↑",
            "MAP ↑",
        ],
        words=2,
        grouped=True,
    )
    for dataset in results.datasets:
        for size in results.headline_code_sizes(dataset):
            table.rows += _headline_group(results, dataset, size)
    both = "error ↓" in table.columns
    table.note = (
        f"{'Error: squared error per image, perplexity per word of a document. ' if both else ''}"
        "± is half of the 95% interval over seeds; none is shown for a single seed or for a method "
        f"that gives the same value for every seed.{_about_intervals(table.rows)} Against the best "
        "baseline of the same column: ▲ better, ▼ worse (the interval of the difference excludes "
        "0), ≈ no difference shown."
    )
    return table


def _headline_error(results: Results) -> str:
    """Return the name of the error column: the metric where one kind of data is shown."""
    kinds = {results.kind(dataset) for dataset in results.datasets}
    metrics = {names.metric(names.error_metric(kind), kind).short for kind in kinds}
    return f"{metrics.pop() if len(metrics) == 1 else 'error'} ↓"


def _headline_group(results: Results, dataset: str, size: int) -> list[list[Cell]]:
    kind = results.kind(dataset)
    where = Cell(names.title(dataset), f"code size {size}")
    baselines = results.variants(dataset, "baseline")
    rows = []
    if baselines:
        cells = [where, Cell("best baseline", baselines[0] if len(baselines) == 1 else "")]
        for metric in headline_metrics(kind):
            winner = best(results, dataset, size, metric, baselines)
            cell = measured(results, dataset, winner, size, metric) if winner else Cell(MISSING)
            name = winner if winner and len(baselines) > 1 else ""
            cells.append(Cell(cell.text, f"{cell.detail} {name}".strip()))
        rows.append(cells)
    for variant in results.variants(dataset, "autoencoder"):
        cells = [where, Cell(variant)]
        for metric in headline_metrics(kind):
            cell = measured(results, dataset, variant, size, metric)
            rival = best(results, dataset, size, metric, baselines)
            mark = ""
            if rival and cell.text != MISSING:
                mark = compare(results, dataset, size, metric, variant, rival)[1]
            cells.append(Cell(cell.text, cell.detail, mark))
        if any(cell.text != MISSING for cell in cells[2:]):
            rows.append(cells)
    return rows


# ---------------------------------------------------------------- of a data set


def of_dataset(results: Results, dataset: str) -> Table:
    """Every variant at every code size; the best mean of a code size is marked."""
    kind = results.kind(dataset)
    metrics = [m for m in names.table_metrics(kind) if results.measured(dataset, m)]
    arrows = {"lower": "↓", "higher": "↑"}
    shown = [names.metric(metric, kind) for metric in metrics]
    table = Table(
        ["code size", "variant", *(f"{m.short} {arrows[m.better]}" for m in shown)],
        words=2,
        grouped=True,
    )
    for size in results.code_sizes(dataset):
        variants = results.variants(dataset)
        winners = [_winner(results, dataset, size, metric) for metric in metrics]
        for variant in variants:
            cells = [measured(results, dataset, variant, size, metric) for metric in metrics]
            if all(cell.text == MISSING for cell in cells):
                continue
            cells = [
                Cell(cell.text, cell.detail, best=variant == winner)
                for cell, winner in zip(cells, winners, strict=True)
            ]
            table.rows.append([Cell(f"code size {size}"), Cell(variant), *cells])
    seeds = results.metrics.loc[results.metrics["dataset"] == dataset, "seed"].nunique()
    intervals = "with half of the 95% interval over seeds" if seeds > 1 else "of one seed"
    table.note = (
        f"Test split, means {intervals}. The best mean of a code size is bold, which by itself "
        f"claims no difference{': compare the intervals' if seeds > 1 else ''}."
        f"{_about_intervals(table.rows)}"
    )
    for role, words in (("baseline", "Baselines"), ("control", "Controls")):
        found = results.variants(dataset, role)
        table.note += f" {words}: {', '.join(found)}." if found else ""
    return table


def _winner(results: Results, dataset: str, size: int, metric: str) -> str | None:
    """Return the variant with the best mean; nobody wins alone."""
    if len(results.means(dataset, metric, size)) < 2:
        return None
    return best(results, dataset, size, metric, results.variants(dataset))


def costs(results: Results, dataset: str) -> Table:
    """Training time, size and memory of every variant, means over seeds."""
    table = Table(
        ["variant", "code size", "seconds a seed", "parameters", "peak memory (MB)", "device"],
        note=(
            "Seconds of training alone, as measured on the machine that made this report; other "
            "jobs may have run beside. Peak memory is that of the whole training process."
        ),
    )
    for variant in results.variants(dataset):
        for size in results.code_sizes(dataset):
            facts = [run.facts for run in results.runs(dataset, variant, size)]
            facts = [fact for fact in facts if fact]
            if not facts:
                continue
            seconds = _mean(facts, "seconds")
            table.rows.append(
                [
                    Cell(variant),
                    Cell(str(size)),
                    Cell(number(seconds, 1 if seconds < 100 else 0)),
                    Cell(number(_mean(facts, "parameters_count"), 0)),
                    Cell(number(_mean(facts, "peak_memory_mb"), 0)),
                    Cell(str(facts[0].get("device", MISSING))),
                ]
            )
    return table


def stages(results: Results) -> Table:
    """What every stage of the workflow took, over all data sets."""
    table = Table(
        ["stage", "jobs", "CPU seconds", "longest job (s)", "peak memory (MB)"],
        note=(
            "CPU seconds of all jobs together. Peak memory is that of the largest job, program "
            "and libraries included. The report itself and rules of one's own are not counted."
        ),
    )
    for stage, used in results.used().items():
        if not used:
            continue
        longest = max(used, key=lambda name: used[name]["seconds"])
        detail = longest.removesuffix(f"-{stage}") if len(used) > 1 else ""
        table.rows.append(
            [
                Cell(stage),
                Cell(str(len(used))),
                Cell(number(sum(each["cpu_seconds"] for each in used.values()), 0)),
                Cell(number(used[longest]["seconds"], 0), detail),
                Cell(number(max(each["peak_memory_mb"] for each in used.values()), 0)),
            ]
        )
    return table


def _mean(facts: list[dict[str, Any]], key: str) -> float:
    values = [fact[key] for fact in facts if isinstance(fact.get(key), int | float)]
    return float(np.mean(values)) if values else math.nan


def controls(results: Results, dataset: str) -> Table:
    """What the controls give, and what codes give when the labels are permuted."""
    size = results.main_code_size(dataset)
    kind = results.kind(dataset)
    at_size = results.means(dataset, names.error_metric(kind), size)
    variants = [name for name in results.variants(dataset, "control") if name in at_size]
    table = Table(
        ["metric", *variants, "labels permuted, all variants"],
        note=(
            f"Code size {size}. A code that carries nothing must score at chance: permuted labels "
            "at the share of the commonest class or below, and near the precision of the mean. "
            "Anything above is a fault of the measurement, not a result."
        ),
    )
    for name in (names.error_metric(kind), "knn_accuracy", "mean_average_precision"):
        if not results.measured(dataset, name):
            continue
        table.rows.append(
            [
                Cell(names.metric(name, kind).words),
                *(measured(results, dataset, control, size, name) for control in variants),
                Cell(_range(results, dataset, f"{name}_permuted_labels")),
            ]
        )
    return table


def _range(results: Results, dataset: str, metric: str) -> str:
    rows = results.summary[
        (results.summary["dataset"] == dataset) & (results.summary["metric"] == metric)
    ]["mean"].dropna()
    return f"{rows.min():.3f} to {rows.max():.3f}" if len(rows) else MISSING


def _markdown(cell: Cell) -> str:
    text = escape(f"{cell.text} {cell.detail}".strip()) + cell.sign
    return f"**{text}**" if cell.best else text
