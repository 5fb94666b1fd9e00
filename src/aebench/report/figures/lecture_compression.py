"""Random data cannot be compressed, structured data can."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aebench.report import palette
from aebench.report.evidence import PCA, PLAIN
from aebench.report.figures.intervals import curve
from aebench.report.figures.shared import WIDTH, nothing
from aebench.report.results import Results

PANELS = {"random": "100 independent inputs", "structured": "100 inputs of 5 factors"}


def draw(results: Results) -> Figure:
    """Share of the variance that is left by code size, autoencoder and PCA."""
    toys = results.toys
    if "compression_sizes" not in toys:
        return nothing("the experiments on made-up data were not run")
    figure = Figure(figsize=(WIDTH, 3.1))
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (name, title) in zip(axes, PANELS.items(), strict=True):
        _panel(ax, toys, name)
        ax.set_title(title)
    axes[0].set_ylabel("share of the variance left")
    axes[0].legend(loc="lower left")
    return figure


def _panel(ax: Axes, toys: dict[str, np.ndarray], name: str) -> None:
    sizes = toys["compression_sizes"]
    places = np.arange(len(sizes))
    if name == "random":
        ax.plot(
            places,
            toys["compression_floor"],
            color="#222222",
            lw=1,
            ls="--",
            zorder=5,
            label="best linear code, in theory",
        )
    for kind, variant, words in (("autoencoder", PLAIN, "autoencoder"), ("pca", PCA, "PCA")):
        curve(
            ax,
            places,
            toys[f"compression_{name}_{kind}"],
            palette.colour(variant),
            marker=palette.marker(variant),
            label=words,
        )
    ax.set_xticks(places, [f"{size:g}" for size in sizes])
    ax.set_xlabel("code size")
    ax.set_ylim(0, 1.03)
