"""How the activations of codes are distributed."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from aebench.report import names, palette
from aebench.report.figures.shared import WIDTH, nothing, spread
from aebench.report.results import Results

MOST_OF_A_ROLE = 3
MOST_PANELS = 16
MOST_ITEMS = 2000
NEAR = 0.01
"""Of the largest activation: what is closer to zero counts as near-zero."""

LARGEST = 0.999
"""Quantile of the absolute activations that stands for the largest: one outlier is not."""

BINS = np.linspace(-1.0, 1.0, 42)  # an odd number of bins, so that one has zero in its middle
FLOOR = 1e-4


def draw(results: Results, dataset: str) -> Figure:
    """Histograms of test codes, of leading variants and of those that have a code size of own."""
    panels = _panels(results, dataset)
    if not panels:
        return nothing("no variant has kept its codes")
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(WIDTH, 0.45 + 1.75 * rows))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for ax, ((variant, size), codes) in zip(grid.ravel(), panels.items(), strict=False):
        _histogram(ax, variant, size, codes)
    for ax in grid.ravel()[len(panels) :]:
        ax.set_axis_off()
    for place in range(columns):  # the lowest panel of each column bears the labels
        lowest = grid[(len(panels) - 1 - place) // columns, place]
        lowest.tick_params(labelbottom=True)
    figure.supxlabel("activation, as a share of the largest", fontsize=8.5)
    figure.supylabel("share of activations", fontsize=8.5)
    return figure


def _panels(results: Results, dataset: str) -> dict[tuple[str, int], np.ndarray]:
    """Return codes by variant and code size, of the lowest seed."""
    found = {}
    for variant, size in _chosen(results, dataset):
        runs = results.runs(dataset, variant, size)
        codes = runs[0].codes() if runs else None
        if codes is not None and np.any(codes):
            found[variant, size] = codes[np.sort(spread(len(codes), MOST_ITEMS))]
    return dict(list(found.items())[:MOST_PANELS])


def _chosen(results: Results, dataset: str) -> list[tuple[str, int]]:
    """Return the best of each role at the main code size, and whoever has other sizes alone.

    Those are the codes larger than the items' own dimension, which need a penalty, and bits.
    """
    main = results.main_code_size(dataset)
    error = names.error_metric(results.kind(dataset))
    chosen = [
        (variant, main)
        for variant in results.leading(dataset, error, main, MOST_OF_A_ROLE)
        if results.roles[variant] != "control"
    ]
    for variant in results.variants(dataset):
        sizes = results.code_sizes(dataset, variant)
        if main not in sizes and results.roles[variant] != "control":
            chosen.append((variant, sizes[0]))
    return chosen


def near_zero(codes: np.ndarray) -> tuple[np.ndarray, float]:
    """Activations as shares of the largest, and how many of them are near zero."""
    largest = np.quantile(np.abs(codes), LARGEST) or np.abs(codes).max()
    shares = codes.astype(np.float64) / largest
    return shares, float((np.abs(shares) < NEAR).mean())


def _histogram(ax: Axes, variant: str, size: int, codes: np.ndarray) -> None:
    shares, near = near_zero(codes)
    counts = np.histogram(np.clip(shares, -1, 1), BINS)[0] / shares.size
    ax.stairs(
        np.maximum(counts, FLOOR), BINS, baseline=FLOOR, fill=True, color=palette.colour(variant)
    )
    ax.set_yscale("log")
    ax.set_ylim(FLOOR, 1)
    ax.yaxis.set_major_locator(FixedLocator([1e-4, 1e-3, 1e-2, 1e-1, 1]))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(_percent))
    ax.set_xticks([-1, 0, 1])
    ax.set_title(variant, pad=14, fontsize=min(9.0, 9.0 * 19 / len(variant)))
    words = f"size {size}, near zero {near:.0%}"
    if codes.dtype == np.uint8:
        words = f"{size} bits, {near:.0%} are 0"
    ax.text(0, 1.02, words, transform=ax.transAxes, va="bottom", fontsize=7.5)


def _percent(share: float, _: object = None) -> str:
    return f"{100 * share:g}%"
