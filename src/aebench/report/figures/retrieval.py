"""Precision against the number of retrieved items."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from aebench.report import palette
from aebench.report.figures.shared import (
    MOST_OF_A_ROLE,
    WIDTH,
    handle,
    legend,
    nothing,
    plain,
)
from aebench.report.results import Results


def draw(results: Results, dataset: str) -> Figure:
    """Precision against the number of retrieved items (2006, fig. 4): the best of each role.

    At the main code size and the next one that autoencoders and baselines share. In the panel of
    the smaller size the baselines at the larger one are dashed, as in 2006: a small code that beats
    a larger one of a baseline shows there.
    """
    precision = results.summary[
        (results.summary["dataset"] == dataset)
        & results.summary["metric"].str.fullmatch(r"precision_at_\d+")
        & results.summary["mean"].notna()
    ].copy()
    if precision.empty:
        return nothing("no retrieval precision was measured")
    precision["k"] = precision["metric"].str.removeprefix("precision_at_").astype(int)
    sizes = _retrieval_code_sizes(results, dataset)
    leading = {
        size: results.leading(dataset, "mean_average_precision", size, MOST_OF_A_ROLE)
        for size in sizes
    }
    figure = Figure(figsize=(WIDTH, 3.5))
    axes = figure.subplots(1, len(sizes), squeeze=False, sharey=True)[0]
    shown: set[str] = set()
    dashed = False
    for ax, size in zip(axes, sizes, strict=True):
        for variant in results.variants(dataset):
            if variant in leading[size] and _curve(ax, precision, variant, size):
                shown.add(variant)
            if size == sizes[-1] or results.roles[variant] != "baseline":
                continue
            if variant in shown and variant in leading[sizes[-1]]:
                dashed |= _curve(ax, precision, variant, sizes[-1], dashed=True)
        ax.set_title(f"code size {size}")
        ax.set_xscale("log", base=2)
        ticks = sorted(precision["k"].unique())
        ax.xaxis.set_major_locator(FixedLocator(ticks))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(plain))
        ax.set_xlabel("number of retrieved items k")
    axes[0].set_ylabel("precision at k")
    axes[0].set_ylim(bottom=0)
    handles = [handle(v) for v in results.variants(dataset) if v in shown]
    if dashed:
        handles.append(
            Line2D([], [], color="#555555", ls="--", label=f"baseline, size {sizes[-1]}")
        )
    legend(figure, handles)
    return figure


def _retrieval_code_sizes(results: Results, dataset: str) -> list[int]:
    """Return the main code size and another: a larger one, as in 2006, and of many variants."""
    main = results.main_code_size(dataset)
    others = [size for size in results.compared_code_sizes(dataset) if size != main]
    if not others:
        return [main]
    metric = "mean_average_precision"
    at_main = results.means(dataset, metric, main).keys()
    shared = {size: len(at_main & results.means(dataset, metric, size)) for size in others}
    return sorted([main, max(others, key=lambda size: (size > main, shared[size], size))])


def _curve(
    ax: Axes, precision: pd.DataFrame, variant: str, size: int, dashed: bool = False
) -> bool:
    rows = precision[(precision["variant"] == variant) & (precision["code_size"] == size)]
    rows = rows.sort_values("k")
    if rows.empty:
        return False
    colour = palette.colour(variant)
    if dashed:
        ax.plot(rows["k"], rows["mean"], color=colour, ls=(0, (4, 2)), lw=1.1, alpha=0.9)
        return True
    ax.plot(rows["k"], rows["mean"], color=colour, marker=palette.marker(variant), ms=3.8)
    low, high = rows["low"].clip(lower=0), rows["high"].clip(upper=1)
    ax.fill_between(rows["k"], low, high, color=colour, alpha=0.13, lw=0)
    return True
