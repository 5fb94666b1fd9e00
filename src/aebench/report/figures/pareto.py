"""Training time against error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from aebench.report import names, palette
from aebench.report.figures.shared import (
    MOST_OF_A_ROLE,
    WIDTH,
    dot,
    front,
    handle,
    legend,
    log_axis,
    nothing,
    plain,
)
from aebench.report.results import Results

OTHERS = "#b9b9b9"
LINE = 0.16
"""Inches between names."""


class Trained(NamedTuple):
    """Means over seeds: what training took, and the error that is left."""

    seconds: float
    error: float
    variant: str


def draw(results: Results, dataset: str) -> Figure:
    """Error against seconds of training at the main code size, and the Pareto front."""
    size, kind = results.main_code_size(dataset), results.kind(dataset)
    found = trained(results, dataset, size)
    if not found:
        return nothing("no variant recorded how long it trained")
    best = front(found)
    leading = results.leading(dataset, names.error_metric(kind), size, MOST_OF_A_ROLE)
    figure = Figure(figsize=(WIDTH, 4.4))
    ax = figure.subplots()
    shown = []
    for point in found:
        if point in best or point.variant in leading:
            shown.append(point.variant)
            marker, colour = palette.marker(point.variant), palette.colour(point.variant)
            ax.plot(point.seconds, point.error, marker, color=colour, ms=7, zorder=3)
        else:
            ax.plot(point.seconds, point.error, "o", color=OTHERS, ms=4)
    ax.step(
        [point.seconds for point in best],
        [point.error for point in best],
        where="post",
        color="#555555",
        lw=1,
        ls=(0, (4, 2)),
        zorder=2,
    )
    _axes(ax, results, dataset, size)
    _name(ax, best)
    handles = [handle(variant, ls="") for variant in shown]
    if len(shown) < len(found):
        handles.append(dot(OTHERS, "others"))
    legend(figure, handles)
    return figure


def trained(results: Results, dataset: str, size: int) -> list[Trained]:
    """Return the variants that say how long they trained, without controls, best error first."""
    means = results.means(dataset, names.error_metric(results.kind(dataset)), size)
    found = []
    for variant in results.variants(dataset):
        runs = results.runs(dataset, variant, size)
        seconds = [run.facts["seconds"] for run in runs if run.facts.get("seconds")]
        if seconds and variant in means and results.roles[variant] != "control":
            found.append(Trained(float(np.mean(seconds)), means[variant], variant))
    return found


def _axes(ax: Axes, results: Results, dataset: str, size: int) -> None:
    kind = results.kind(dataset)
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    subs = (1.0, 2.0, 5.0) if high / low < 1000 else (1.0,)
    ax.xaxis.set_major_locator(LogLocator(subs=subs))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(plain))
    ax.set_xlabel("seconds of training, a seed")
    words = names.metric(names.error_metric(kind), kind).words
    ax.set_title(f"{words} at code size {size} (↓ is better)")
    log_axis(ax)


def _make_room(ax: Axes, best: list[Trained]) -> None:
    """Widen the axis to the left until the names, which end at their points, fit."""
    low, high = np.log(ax.get_xlim())
    for point in best:
        share = (0.075 * len(point.variant) + 0.1) / 6.6  # of the width of the axes, in inches
        low = min(low, (np.log(point.seconds) - share * high) / (1 - share))
    ax.set_xlim(np.exp(low), np.exp(high))


def _name(ax: Axes, best: list[Trained]) -> None:
    """Write names below the front, where no point is; each below the one before."""
    _make_room(ax, best)
    bottom, top = ax.get_ylim()
    logarithmic = ax.get_yscale() == "log"
    low, high = np.log([bottom, top]) if logarithmic else (bottom, top)
    inch = (high - low) / 2.9  # of the axes, once the legend is below them
    place = np.inf
    for point in best:
        error = np.log(point.error) if logarithmic else point.error
        place = min(error - 0.1 * inch, place - LINE * inch)
        ax.annotate(
            point.variant,
            (point.seconds, point.error),
            (point.seconds * 0.93, np.exp(place) if logarithmic else place),
            ha="right",
            va="center",
            fontsize=8,
            arrowprops={"arrowstyle": "-", "lw": 0.5, "color": "#999999", "shrinkB": 3},
        )
    low = min(low, place - LINE * inch)
    ax.set_ylim(np.exp(low) if logarithmic else low, top)
