"""Greedy layer-wise pretraining: with and without."""

from __future__ import annotations

from matplotlib.figure import Figure

from aebench.report import evidence, names, palette
from aebench.report.figures.intervals import Row, dots
from aebench.report.figures.shared import WIDTH, nothing
from aebench.report.results import Results


def draw(results: Results) -> Figure:
    """Squared error of variants beside the same without pretraining, a panel a data set."""
    pairs = evidence.pretraining(results)
    datasets = list(dict.fromkeys(pair.dataset for pair in pairs))
    if not datasets:
        return nothing("no variant was run both with and without pretraining")
    columns = min(2, len(datasets))
    lines = -(-len(datasets) // columns)
    figure = Figure(figsize=(WIDTH, 0.3 + 2.6 * lines))
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for ax, dataset in zip(axes, datasets, strict=False):
        measured: dict[str, evidence.Measured] = {}
        for pair in (pair for pair in pairs if pair.dataset == dataset):
            measured |= {pair.left: pair.of_left, pair.right: pair.of_right}
        size = results.main_code_size(dataset)
        nothing_at_all = evidence.case(results, dataset, evidence.NOTHING, size, "squared_error")
        if nothing_at_all is not None:
            ax.axvline(nothing_at_all.mean, color="#555555", lw=1, ls=":")
        rows = [
            Row(variant, measured[variant], palette.colour(variant), palette.marker(variant))
            for variant in _order(measured)
        ]
        dots(ax, rows, 1)
        ax.set_xlim(0, None)
        ax.margins(x=0.1)
        ax.set_xlabel("squared error; dotted: mean image")
        ax.set_title(f"{names.title(dataset)}, code size {size}")
    for ax in axes[len(datasets) :]:
        ax.set_axis_off()
    return figure


def _order(measured: dict[str, evidence.Measured]) -> list[str]:
    """Variants with their pretraining above the same without it."""
    order = [variant for pair in evidence.PRETRAINED for variant in pair]
    return sorted(measured, key=lambda variant: max(i for i, v in enumerate(order) if v == variant))
