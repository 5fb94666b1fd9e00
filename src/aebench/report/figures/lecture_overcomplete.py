"""Codes larger than the input, with a penalty and without."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from aebench.report import evidence, names, palette
from aebench.report.figures.intervals import Row, dots
from aebench.report.figures.shared import WIDTH, nothing
from aebench.report.results import Results

METRICS = {
    "squared_error": ("squared error", 1),
    "squared_error_unseen": ("squared error\non other data", 0),
    "logistic_accuracy": ("logistic accuracy\nfrom the code", 3),
}


def draw(results: Results) -> Figure:
    """Error, error on other data and accuracy; a row a variant, data sets below each other."""
    sets = evidence.overcomplete_sets(results)
    if not sets:
        return nothing(f"{evidence.COPY} was not run")
    variants = (evidence.COPY, *evidence.PENALISED)
    figure = Figure(figsize=(WIDTH, 0.4 + (0.7 + 0.33 * len(variants)) * len(sets)))
    grid = figure.subplots(len(sets), len(METRICS), squeeze=False, sharey="row")
    for axes, (dataset, size) in zip(grid, sets, strict=True):
        shown = [v for v in variants if results.row(dataset, v, size, "squared_error") is not None]
        for ax, (metric, (words, decimals)) in zip(axes, METRICS.items(), strict=True):
            missing = evidence.Measured(np.nan, np.nan, np.nan)
            rows = [
                Row(
                    variant,
                    evidence.case(results, dataset, variant, size, metric) or missing,
                    palette.colour(variant),
                    palette.marker(variant),
                )
                for variant in shown
            ]
            dots(ax, rows, decimals)
            if metric.startswith("squared_error"):
                ax.set_xlim(0, None)
            ax.margins(x=0.15)
            ax.set_title(f"{names.title(dataset)}: {words}" if ax is axes[0] else words)
    return figure
