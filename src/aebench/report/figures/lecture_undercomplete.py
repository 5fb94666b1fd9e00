"""The plain autoencoder against PCA at equal code sizes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aebench.report import evidence, names, palette
from aebench.report.figures.intervals import BAR, reach
from aebench.report.figures.shared import WIDTH, handle, legend, log_axis, nothing
from aebench.report.results import Results

COLUMNS = 3


def draw(results: Results) -> Figure:
    """Squared error by code size, a panel a data set of images."""
    found = evidence.undercomplete(results)
    datasets = list(dict.fromkeys(each.dataset for each in found))
    if not datasets:
        return nothing(f"{evidence.PLAIN} and {evidence.PCA} have no code size in common")
    columns = min(COLUMNS, len(datasets))
    rows = -(-len(datasets) // columns)
    figure = Figure(figsize=(WIDTH, 0.6 + 2.4 * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, dataset in zip(axes, datasets, strict=False):
        _panel(ax, [each for each in found if each.dataset == dataset])
        ax.set_title(names.title(dataset))
    for ax in axes[len(datasets) :]:
        ax.set_axis_off()
    legend(figure, [handle(variant) for variant in (evidence.PLAIN, evidence.PCA)])
    return figure


def _panel(ax: Axes, found: list[evidence.Against]) -> None:
    places = range(len(found))
    for shift, variant in ((-0.06, evidence.PLAIN), (0.06, evidence.PCA)):
        sides = [each.of_left if variant == each.left else each.of_right for each in found]
        means = [side.mean for side in sides]
        below, above = reach(sides)
        ax.errorbar(
            [place + shift for place in places],
            means,
            # a bar down to 0 has no end on a logarithmic axis
            yerr=[np.minimum(below, 0.99 * np.array(means)), above],
            color=palette.colour(variant),
            marker=palette.marker(variant),
            **BAR,
        )
    ax.set_xticks(list(places), [f"{each.code_size}" for each in found])
    ax.set_xlim(-0.4, len(found) - 0.6)
    ax.set_xlabel("code size")
    ax.set_ylabel("squared error")
    log_axis(ax)
