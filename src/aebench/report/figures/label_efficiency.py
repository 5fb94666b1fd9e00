"""Accuracy against the number of labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aebench.report.figures.shared import (
    MOST_OF_A_ROLE,
    WIDTH,
    curve_with_intervals,
    handle,
    legend,
    nothing,
)
from aebench.report.results import Results

METRIC = "logistic_accuracy"
SPREAD = 0.22
"""Of the distance between numbers of labels: curves lie beside each other, not on each other."""


def draw(results: Results, dataset: str) -> Figure:
    """Accuracy of logistic regression from few labels to all, of the best of each role.

    At the main code size; controls without it, as the items themselves, at their own.
    """
    labels = _numbers_of_labels(results)
    sizes = _code_sizes(results, dataset)
    shown = [
        variant
        for variant in sizes
        if any(_row(results, dataset, variant, sizes[variant], n) is not None for n in labels)
    ]
    if not labels or not shown:
        return nothing("no accuracy from few labels was measured")
    figure = Figure(figsize=(WIDTH, 3.9))
    ax = figure.subplots()
    for place, variant in enumerate(shown):
        shift = SPREAD * ((place + 0.5) / len(shown) - 0.5)
        rows = [_row(results, dataset, variant, sizes[variant], n) for n in [*labels, 0]]
        _curve(ax, variant, rows, shift)
    ticks = [f"{n:,}" for n in labels] + ["all"]
    ax.set_xticks(range(len(ticks)), ticks)
    ax.set_xlabel("labelled items that logistic regression learns from")
    ax.set_title(
        f"logistic regression accuracy at code size {results.main_code_size(dataset)} (↑ is better)"
    )
    legend(figure, [handle(variant) for variant in shown])
    return figure


def _numbers_of_labels(results: Results) -> list[int]:
    found = (
        re.fullmatch(rf"{METRIC}_at_(\d+)_labels", m) for m in results.metrics["metric"].unique()
    )
    return sorted(int(match.group(1)) for match in found if match)


def _code_sizes(results: Results, dataset: str) -> dict[str, int]:
    """Code sizes of the variants to show, in the order of the data set's variants."""
    main = results.main_code_size(dataset)
    leading = results.leading(dataset, METRIC, main, MOST_OF_A_ROLE)
    found = {}
    for variant in results.variants(dataset):
        sizes = results.code_sizes(dataset, variant)
        if variant in leading:
            found[variant] = main
        elif results.roles[variant] == "control" and main not in sizes:
            found[variant] = sizes[-1]
    return found


def _row(
    results: Results, dataset: str, variant: str, size: int, labels: int
) -> Mapping[Any, Any] | None:
    """Return the summary at a number of labels, of all where that is 0."""
    metric = f"{METRIC}_at_{labels}_labels" if labels else METRIC
    return results.row(dataset, variant, size, metric)


def _curve(ax: Axes, variant: str, rows: list[Mapping[Any, Any] | None], shift: float) -> None:
    found = [(place + shift, row) for place, row in enumerate(rows) if row is not None]
    mean, low, high = (np.array([row[end] for _, row in found]) for end in ("mean", "low", "high"))
    reach = np.nan_to_num(np.stack([mean - np.maximum(low, 0), np.minimum(high, 1) - mean]))
    places = [place for place, _ in found]
    curve_with_intervals(ax, variant, places, mean, np.maximum(reach, 0))
