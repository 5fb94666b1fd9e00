"""A denoiser's reconstruction minus input, on a spiral."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aebench.report import palette
from aebench.report.evidence import over_seeds
from aebench.report.figures.shared import WIDTH, nothing
from aebench.report.results import Results

PANELS = {
    "denoiser": ("trained on noisy inputs", "denoising-gaussian"),
    "plain": ("trained without noise", "deep"),
}
LENGTH = 0.4
"""Of an arrow, as a share of its true length: they would cover each other."""


def draw(results: Results) -> Figure:
    """Two fields side by side: with noise in training and without."""
    toys = results.toys
    if "denoiser_grid" not in toys:
        return nothing("the experiments on made-up data were not run")
    figure = Figure(figsize=(WIDTH, 4.1))
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, (name, (words, variant)) in zip(axes, PANELS.items(), strict=True):
        _field(ax, toys["denoiser_points"], toys["denoiser_grid"], toys[f"{name}_field"], variant)
        cosine = over_seeds(toys[f"{name}_cosine"])
        ax.set_title(f"{words}\nmean cosine {cosine.text()}")
    return figure


def _field(ax: Axes, points: np.ndarray, grid: np.ndarray, field: np.ndarray, variant: str) -> None:
    ax.scatter(points[:800, 0], points[:800, 1], s=3, color="#8a8a8a", linewidths=0)
    ax.quiver(
        *grid.T,
        *(LENGTH * field.T),
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.004,
        headwidth=4,
        headlength=4,
        headaxislength=3.5,
        color=palette.colour(variant),
    )
    ax.set_aspect("equal")
    ax.grid(False)
    ax.set_xlim(-1.25, 1.25)
    ax.set_ylim(-1.25, 1.25)
