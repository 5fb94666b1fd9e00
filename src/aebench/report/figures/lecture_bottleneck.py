"""A code of 50 for 100 independent inputs."""

from __future__ import annotations

from matplotlib.figure import Figure

from aebench.report import evidence, palette
from aebench.report.figures.intervals import Row, dots
from aebench.report.figures.shared import WIDTH, nothing
from aebench.report.results import Results


def draw(results: Results) -> Figure:
    """Share of the variance that three methods leave, beside what theory allows linear ones."""
    found = evidence.bottleneck(results)
    if found is None:
        return nothing("the experiments on made-up data were not run")
    looks = {"PCA": "pca", "linear autoencoder": "linear", "deep autoencoder": "deep"}
    figure = Figure(figsize=(WIDTH, 2.1))
    ax = figure.subplots()
    ax.axvline(found.floor, color="#888888", lw=1, ls="--")
    dots(
        ax,
        [
            Row(words, measured, palette.colour(looks[words]), palette.marker(looks[words]))
            for words, measured in found.left.items()
        ],
        decimals=3,
    )
    ax.set_xlim(0, 1)
    ax.set_xlabel("share of the variance left; dashed: the best that a linear code can do")
    return figure
