"""All data sets together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from aebench.report import overall, palette
from aebench.report.figures.shared import (
    WIDTH,
    nothing,
)
from aebench.report.results import Results
from aebench.statistics import Across


def draw(results: Results) -> Figure:
    """Average ranks over data sets, a panel a task (Demsar 2006, fig. 1)."""
    return diagrams(overall.across(results))


def diagrams(found: Mapping[str, Across]) -> Figure:
    """Draw the average ranks of each task."""
    if not found:
        return nothing("no three variants ran on two data sets")
    most = max(len(ranks.ranks) for ranks in found.values())
    figure = Figure(figsize=(WIDTH, len(found) * (1.15 + 0.12 * most)))
    axes = figure.subplots(len(found), 1, squeeze=False)[:, 0]
    for ax, (task, ranks) in zip(axes, found.items(), strict=True):
        _critical_difference(ax, task, ranks)
    return figure


def _critical_difference(ax: Axes, task: str, found: Across) -> None:
    from scikit_posthocs import critical_difference_diagram

    ax.grid(False)
    ax.set_xlim(0.7, len(found.ranks) + 0.3)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    drawn = critical_difference_diagram(
        found.ranks,
        found.pairs,
        ax=ax,
        label_fmt_left="{label}  {rank:.2f}   ",
        label_fmt_right="   {rank:.2f}  {label}",
        label_props={"fontsize": 8},
        elbow_props={"linewidth": 1.2, "markersize": 6, "markevery": [1, 2]},
        marker_props={"s": 0},
        color_palette={variant: palette.colour(variant) for variant in found.ranks.index},
    )
    left = (len(found.ranks) + 1) // 2  # these are drawn first, the others from the last on
    variants = [*found.ranks.index[:left], *found.ranks.index[: left - 1 : -1]]
    for elbow, variant in zip(drawn["elbows"], variants, strict=True):
        elbow.set_marker(palette.marker(variant))  # at its bend, too: ranks may be equal
    for (bar,) in drawn["crossbars"]:  # through its variants in the order of a set: draw the ends
        xs, ys = np.asarray(bar.get_xdata()), np.asarray(bar.get_ydata())
        bar.set_data([xs.min(), xs.max()], ys[:2])
    told = "" if found.different() else ", nobody told apart"
    ax.set_title(f"{task}: average rank on {len(found.datasets)} data sets{told}", pad=16)
