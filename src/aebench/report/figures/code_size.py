"""Errors and accuracies against code size."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from aebench.report import names
from aebench.report.figures.shared import (
    WIDTH,
    curve_with_intervals,
    handle,
    legend,
    log_axis,
    nothing,
    plain,
)
from aebench.report.results import Results


def draw(results: Results, dataset: str) -> Figure:
    """Error, accuracies and mean average precision against code size, with 95% intervals.

    Of the variants that have all the compared code sizes that any has.
    """
    kind = results.kind(dataset)
    candidates = [
        names.error_metric(kind),
        "knn_accuracy",
        "logistic_accuracy",
        "mean_average_precision",
    ]
    chosen = [metric for metric in candidates if results.measured(dataset, metric)]
    if not chosen:
        return nothing("no metric was measured")
    columns = min(2, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(WIDTH, 0.7 + 2.35 * rows))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    sizes, variants = _of_several_sizes(results, dataset)
    ratio = min([3.0, *(b / a for a, b in itertools.pairwise(sizes))])
    step = ratio ** (0.2 / max(1, len(variants) - 1))
    for ax, metric in zip(grid, chosen, strict=False):
        for place, variant in enumerate(variants):
            # Side by side, so that intervals at one code size do not hide each other.
            shift = step ** (place - (len(variants) - 1) / 2)
            _against_size(ax, results, dataset, variant, metric, shift, sizes)
        _size_axis(ax, sizes)
        shown = names.metric(metric, kind)
        ax.set_title(f"{shown.words} ({'↓' if shown.better == 'lower' else '↑'} is better)")
        if shown.better == "lower":
            # An interval of few seeds may nearly reach zero, which is far on a logarithmic axis.
            means = [results.means(dataset, metric, size) for size in sizes]
            least = min((at[v] for at in means for v in variants if v in at), default=0.0)
            ax.set_ylim(bottom=max(ax.get_ylim()[0], 0.6 * least))
            log_axis(ax)
    for ax in grid[len(chosen) :]:
        ax.set_axis_off()
    legend(figure, [handle(variant) for variant in variants])
    return figure


def _of_several_sizes(results: Results, dataset: str) -> tuple[list[int], list[str]]:
    """Code sizes and variants for curves: those variants that have the most compared sizes."""
    sizes = results.compared_code_sizes(dataset)
    variants = results.variants(dataset)
    metric = names.error_metric(results.kind(dataset))
    counts = {
        variant: sum(results.row(dataset, variant, size, metric) is not None for size in sizes)
        for variant in variants
    }
    most = max(counts.values())
    kept = [variant for variant in variants if counts[variant] == most]

    def has(size: int) -> bool:
        return any(results.row(dataset, variant, size, metric) is not None for variant in kept)

    return [size for size in sizes if has(size)], kept


def _against_size(
    ax: Axes,
    results: Results,
    dataset: str,
    variant: str,
    metric: str,
    shift: float,
    sizes: Sequence[int],
) -> None:
    rows = [results.row(dataset, variant, size, metric) for size in sizes]
    found = pd.DataFrame([row for row in rows if row is not None])
    if found.empty:
        return
    spread = (found["high"] - found["mean"]).fillna(0.0)
    room = names.metric(metric, results.kind(dataset)).range[1] - found["mean"]
    reach = [np.minimum(spread, found["mean"] * 0.999), np.minimum(spread, room)]
    curve_with_intervals(ax, variant, found["code_size"] * shift, found["mean"], reach)


def _size_axis(ax: Axes, sizes: Sequence[int]) -> None:
    ax.set_xscale("log")
    ax.set_xlim(sizes[0] / 1.35, sizes[-1] * 1.35)
    ax.xaxis.set_major_locator(FixedLocator(list(sizes)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(plain))
    ax.set_xlabel("code size")
