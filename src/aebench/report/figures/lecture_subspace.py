"""A linear autoencoder: PCA's subspace, not its axes."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from aebench.report import palette
from aebench.report.evidence import LINEAR, PCA, over_seeds
from aebench.report.figures.intervals import Row, dots
from aebench.report.figures.shared import WIDTH, nothing
from aebench.report.results import Results


def draw(results: Results) -> Figure:
    """Angle between the subspaces by epoch, and between axes at the end."""
    toys = results.toys
    if "linear_angle" not in toys:
        return nothing("the experiments on made-up data were not run")
    figure = Figure(figsize=(WIDTH, 2.9))
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    angles = np.maximum(toys["linear_angle"], 0.01)
    for angle in angles:
        left.plot(toys["linear_epochs"], angle, color=palette.colour(LINEAR), lw=1.2)
    left.set_yscale("log")
    left.set_yticks([0.01, 0.1, 1, 10, 90], ["0.01°", "0.1°", "1°", "10°", "90°"])
    left.minorticks_off()
    left.set_xlabel("epoch; a line a seed")
    left.set_title("largest principal angle to PCA's subspace")
    dots(
        right,
        [
            Row("its units", over_seeds(toys["linear_axes"]), palette.colour(LINEAR)),
            Row(
                "PCA on half\nof the items",
                over_seeds(toys["linear_axes_pca"]),
                palette.colour(PCA),
                "s",
            ),
        ],
        decimals=0,
    )
    right.set_xlim(0, 90)
    right.set_xticks([0, 30, 60, 90], ["0°", "30°", "60°", "90°"])
    right.set_title("furthest axis of PCA to\nthe nearest weights")
    return figure
