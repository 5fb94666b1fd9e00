"""Maps of two-dimensional codes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aebench.report import palette
from aebench.report.figures.shared import (
    WIDTH,
    dot,
    legend,
    nothing,
    spread,
)
from aebench.report.results import Results

MOST_POINTS = 4000
LOOKED_AT = 1000
"""Codes that tell whether they are worth a map."""

MOST_CLASSES = len(palette.CLASSES)


def draw(results: Results, dataset: str) -> Figure:
    """2-D codes of test items by each variant, coloured by class (2006, fig. 3)."""
    maps = panels(results, dataset)
    if not maps:
        return nothing("no variant has a 2-D code to show")
    colours, classes = class_colours(results, dataset)
    shown = spread(len(colours), MOST_POINTS)
    columns = min(len(maps), 3 if len(maps) <= 6 else 4)
    rows = -(-len(maps) // columns)
    side = WIDTH / max(columns, 3)
    figure = Figure(figsize=(WIDTH, rows * (side + 0.42) + 0.3))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (variant, codes) in zip(grid, maps.items(), strict=False):
        _map(ax, codes[shown], colours[shown])
        row = results.row(dataset, variant, 2, "knn_accuracy")
        ax.set_title(variant if len(variant) < 24 else f"{variant[:22]}…", pad=15)
        if row is not None:
            words = f"kNN accuracy {row['mean']:.3f}"
            ax.text(0, 1.02, words, transform=ax.transAxes, va="bottom", fontsize=8)
    for ax in grid[len(maps) :]:
        ax.set_axis_off()
    below = legend(figure, [dot(c, words) for words, c in classes.items()], most_columns=10)
    figure.set_figheight(figure.get_figheight() + below)
    return figure


def panels(results: Results, dataset: str) -> dict[str, np.ndarray]:
    """Return the 2-D codes of all test items, of every variant that has some worth a map."""
    found = {}
    for variant in results.variants(dataset):
        runs = results.runs(dataset, variant, 2)
        codes = runs[0].codes() if runs else None
        if codes is not None and _worth_a_map(codes):
            found[variant] = codes.astype(np.float64)
    return found


def _worth_a_map(codes: np.ndarray) -> bool:
    """Not those of the mean, which has one code for everything, nor binary ones: four points."""
    return codes.dtype != np.uint8 and len(np.unique(codes[:LOOKED_AT], axis=0)) > 4


def _map(ax: Axes, codes: np.ndarray, colours: np.ndarray) -> None:
    """Scatter codes [n, 2]; a few far away ones are cut off so that the rest can be seen."""
    low, high = np.quantile(codes, [0.005, 0.995], axis=0)
    pad = 0.04 * np.maximum(high - low, 1e-9)
    x, y = codes.T
    area = float(np.clip(200 / np.sqrt(len(codes)), 3.2, 10))
    ax.scatter(x, y, c=colours, s=area, linewidths=0, alpha=0.75, rasterized=True)
    ax.set_xlim(low[0] - pad[0], high[0] + pad[0])
    ax.set_ylim(low[1] - pad[1], high[1] + pad[1])
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_box_aspect(1)
    for side in ax.spines.values():
        side.set_visible(True)
        side.set_color("#cccccc")


def class_colours(results: Results, dataset: str) -> tuple[np.ndarray, dict[str, str]]:
    """Colour of every test item, and the legend.

    Up to ten classes have a colour each. More are put together by the first part of their name
    (`rec.autos`: rec) when that gives at most ten groups; otherwise the nine most frequent have
    a colour and the rest share a light grey.
    """
    labels = np.asarray(results.items(dataset).test_labels)
    if labels.ndim == 2:
        labels = _rarest_label(labels)
    classes = results.facts[dataset].get("classes") or []
    words = [str(name) for name in classes] or [str(i) for i in range(int(labels.max()) + 1)]
    groups = words
    if len(words) > MOST_CLASSES:
        groups = [name.split(".")[0] for name in words]
    kinds = list(dict.fromkeys(groups))
    if len(kinds) > MOST_CLASSES:
        counts = np.bincount(labels, minlength=len(words))
        frequent = sorted(np.argsort(-counts, kind="stable")[: MOST_CLASSES - 1])
        kinds = [words[i] for i in frequent]
        groups = [name if name in kinds else "other classes" for name in words]
    legend = dict(zip(kinds, palette.CLASSES, strict=False))
    if set(groups) - set(kinds):
        legend["other classes"] = palette.OTHERS
    return np.array([legend[group] for group in groups])[labels], legend


def _rarest_label(indicator: np.ndarray) -> np.ndarray:
    """Return the most telling class of each item with several: its rarest."""
    found = np.zeros(len(indicator), np.int64)
    # The rarest last, so that it stays; class by class, for there may be many items.
    for label in np.argsort(indicator.sum(axis=0), kind="stable")[::-1]:
        found[indicator[:, label] > 0] = label
    return found
