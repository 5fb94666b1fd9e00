"""What is left of data of one's own kind and of another kind."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aebench.report import evidence, names, palette
from aebench.report.figures.intervals import reach
from aebench.report.figures.shared import WIDTH, nothing
from aebench.report.results import Results


def draw(results: Results) -> Figure:
    """Two points a variant, own data and other data, a panel a data set."""
    found = {dataset: evidence.unseen(results, dataset) for dataset in evidence.image_sets(results)}
    found = {dataset: rows for dataset, rows in found.items() if rows}
    if not found:
        return nothing("no model was shown data of another kind")
    columns = min(2, len(found))
    lines = -(-len(found) // columns)
    figure = Figure(figsize=(WIDTH, 0.5 + 2.6 * lines))
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for ax, (dataset, rows) in zip(axes, found.items(), strict=False):
        _panel(ax, rows)
        ax.set_title(names.title(dataset))
    for ax in axes[len(found) :]:
        ax.set_axis_off()
    return figure


def _panel(ax: Axes, rows: list[evidence.Unseen]) -> None:
    for place, row in enumerate(rows):
        colour = palette.colour(row.variant)
        ax.plot([row.own.mean, row.other.mean], [place, place], color=colour, lw=1, alpha=0.5)
        for side, fill in ((row.own, colour), (row.other, "white")):
            ax.errorbar(
                [side.mean],
                [place],
                xerr=reach([side]),
                color=colour,
                mfc=fill,
                marker="o",
                capsize=2,
            )
    labels = [
        row.variant if row.code_size == rows[0].code_size else f"{row.variant} ({row.code_size})"
        for row in rows
    ]
    ax.set_yticks(range(len(rows)), labels)
    ax.set_ylim(len(rows) - 0.5, -0.7)
    ax.set_xlim(0, max(1.0, ax.get_xlim()[1]))
    ax.set_xlabel("share of the mean image's error:\n● on its own kind   ○ on another kind")
    ax.grid(False, axis="y")
