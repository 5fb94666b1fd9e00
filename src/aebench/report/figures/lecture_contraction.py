"""The contractive penalty: what its weight does, and the variants of the results."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aebench.report import evidence, names, palette
from aebench.report.figures.intervals import Row, curve, dots
from aebench.report.figures.shared import WIDTH, log_axis, nothing
from aebench.report.results import Results


def draw(results: Results) -> Figure:
    """Norm of the Jacobian and error by weight, and the norm by variant on real images."""
    toys = results.toys
    rows = _variants(results)
    if "contraction_norm" not in toys and not rows:
        return nothing("neither the experiments on made-up data nor a contractive variant were run")
    figure = Figure(figsize=(WIDTH, 3.0))
    norm, left, real = figure.subplots(1, 3, width_ratios=[1, 1, 1.15])
    if "contraction_norm" in toys:
        _by_weight(norm, toys, "contraction_norm", "made-up images\n‖J‖² of the encoder")
        log_axis(norm)
        _by_weight(left, toys, "contraction_left", "made-up images\nshare of variance left")
        left.set_ylim(0, None)
    else:
        norm.set_axis_off()
        left.set_axis_off()
    if rows:
        dots(real, rows, decimals=1)
        real.set_xlim(0, None)
        real.margins(x=0.12)
        dataset = evidence.overcomplete_sets(results)[0][0]
        real.set_title(f"{names.title(dataset)}\n‖J‖ of the encoder")
    else:
        real.set_axis_off()
    return figure


def _by_weight(ax: Axes, toys: dict[str, np.ndarray], name: str, title: str) -> None:
    weights = toys["contraction_weights"]
    curve(ax, np.arange(len(weights)), toys[name], palette.colour("contractive"), marker="o")
    ax.set_xticks(range(len(weights)), [f"{weight:g}" for weight in weights])
    ax.set_xlabel("weight of the penalty")
    ax.set_title(title)


def _variants(results: Results) -> list[Row]:
    """Overcomplete variants of the first data set that has any, the most contracted first."""
    found = []
    for dataset, size in evidence.overcomplete_sets(results)[:1]:
        for variant in (evidence.COPY, *evidence.PENALISED):
            measured = evidence.case(results, dataset, variant, size, "jacobian_norm")
            if measured is not None:
                look = palette.colour(variant), palette.marker(variant)
                found.append(Row(variant, measured, *look))
    return sorted(found, key=lambda row: row.measured.mean)
