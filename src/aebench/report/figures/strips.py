"""Rows of images with words at their left and numbers at their right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aebench.report.figures.shared import (
    WIDTH,
)
from aebench.report.results import Results

GROUP_GAP = 0.4
"""Between groups of images, in widths of an image."""


def strip_axes(
    count: int, images: float, longest: int, right: float = 0.8, top: float = 0.4
) -> tuple[Figure, list[Axes]]:
    """Return a figure of `count` rows with room at the left for a name of `longest` letters.

    `images` are as many as lie in a row, gaps between groups counted; `right` and `top` are the
    inches left for numbers and titles.
    """
    left = 0.2 + 0.082 * longest  # inches
    row = (WIDTH - left - right) / images * 1.08
    height = top + count * row
    figure = Figure(figsize=(WIDTH, height), layout="none")  # type: ignore[arg-type]
    figure.subplots_adjust(left / WIDTH, 0.0, 1 - right / WIDTH, 1 - top / height, hspace=0.08)
    return figure, list(figure.subplots(count, 1, squeeze=False)[:, 0])


def strip(ax: Axes, images: np.ndarray, ink: bool, groups: int = 1) -> None:
    """Show images [m, height, width] or [m, height, width, 3] side by side; `ink` is dark."""
    if ink and images.ndim == 3:
        images = 1 - images
    wide = _side_by_side(images, groups, paper=1.0)
    ax.imshow(np.clip(wide, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_axis_off()


def signed_strip(ax: Axes, images: np.ndarray, places: int) -> None:
    """Show images [m, height, width], each by its own largest value: red above 0, blue below.

    Fewer than there are places for leave the last ones empty.
    """
    largest = np.abs(images).max(axis=(1, 2), keepdims=True)
    scaled = np.full((places, *images.shape[1:]), np.nan)
    scaled[: len(images)] = images / np.where(largest > 0, largest, 1)
    wide = _side_by_side(scaled, 1, paper=np.nan)
    ax.imshow(wide, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    ax.set_axis_off()


def _side_by_side(images: np.ndarray, groups: int, paper: float) -> np.ndarray:
    """Join images by gaps, and equal groups of them by wider ones."""
    width = images.shape[2]
    parts: list[np.ndarray] = []
    for number, image in enumerate(images):
        if number:
            between_groups = number % (len(images) // groups) == 0
            gap = round(GROUP_GAP * width) if between_groups else max(1, width // 14)
            parts.append(np.full((len(image), gap, *image.shape[2:]), paper))
        parts.append(image)
    return np.concatenate(parts, axis=1)


def centres(count: int, width: int, groups: int = 1) -> np.ndarray:
    """Where the middles of `count` images `width` pixels wide lie in a strip, in pixels."""
    numbers = np.arange(count)
    breaks = numbers // (count // groups)
    gap = max(1, width // 14)
    return numbers * (width + gap) + breaks * (round(GROUP_GAP * width) - gap) + (width - 1) / 2


def beside(ax: Axes, name: str, number: str = "", weight: str = "bold") -> None:
    """Write a name at the left of a row of images and a number at its right."""
    middle, place = 0.5, ax.transAxes
    ax.text(-0.012, middle, name, ha="right", va="center", weight=weight, transform=place)
    small = 7.5 if "\n" in number else None
    ax.text(1.012, middle, number, ha="left", va="center", fontsize=small, transform=place)


def above(ax: Axes, xs: np.ndarray, words: Sequence[str], lines: int = 0) -> None:
    """Write words over columns of the first row, `lines` lines above it; xs are pixels."""
    for x, text in zip(xs, words, strict=True):
        ax.annotate(
            text, (x, -0.5), (0, 2 + 10 * lines), "data", "offset points", ha="center", fontsize=7.5
        )


def heading(figure: Figure, words: str) -> None:
    """Write the figure's title into its upper left corner."""
    y = 1 - 0.08 / figure.get_figheight()
    figure.suptitle(words, x=0.01, y=y, ha="left", va="top", fontsize=9.5, fontweight="bold")


def is_ink(images: np.ndarray) -> bool:
    """Whether images are ink on empty paper, unlike a photograph."""
    return bool(np.quantile(images, 0.25) == 0)


# ---------------------------------------------------------------- exhibits


def exhibit(results: Results, dataset: str, name: str) -> np.ndarray:
    """Return images of exhibits.npz with their pixels in rows and columns, in [0, 1]."""
    found = results.exhibits(dataset)[name]
    images = found.reshape(*found.shape[:-1], *results.facts[dataset]["image_shape"])
    return images / 255 if images.dtype == np.uint8 else images.astype(np.float64)


def is_pca(facts: Mapping[str, Any]) -> bool:
    """Whether run.json tells of PCA itself, which all others are measured by."""
    return facts.get("estimator") == "PCA" and "clip" not in (facts.get("parameters") or {})


def exhibitors(
    results: Results,
    dataset: str,
    part: str,
    most: Mapping[str, int],
    makes_a_point: Callable[[Mapping[str, Any]], bool],
) -> list[str]:
    """Return variants that have a part of the exhibits, best first by error.

    PCA, which all are measured by, and those whose parameters make a point; beside them the best
    of each role at the main code size, as many as `most` says. Of those that show the very same
    one is kept.
    """
    exhibits, main = results.exhibits(dataset), results.main_code_size(dataset)
    having = [v for v in results.variants(dataset) if f"{v}/{part}" in exhibits]
    found: list[str] = []

    def add(variant: str) -> bool:
        shown = exhibits[f"{variant}/{part}"]
        new = not any(np.array_equal(shown, exhibits[f"{other}/{part}"]) for other in found)
        found.extend([variant] * new)
        return new

    for variant in having:
        facts = results.runs(dataset, variant)[0].facts
        parameters = facts.get("parameters") or {}
        if is_pca(facts) or makes_a_point(parameters):
            add(variant)
    for role, count in most.items():
        of_role = [v for v in having if results.roles[v] == role and v not in found]
        for variant in of_role:
            if count and exhibits[f"{variant}/code_size"] == main:
                count -= add(variant)
    return [variant for variant in having if variant in found]


def labelled(results: Results, dataset: str, variant: str) -> str:
    """Return a variant's name, with the code size of its exhibits where it is not the main one."""
    size = int(results.exhibits(dataset)[f"{variant}/code_size"])
    return variant if size == results.main_code_size(dataset) else f"{variant} ({size})"


def score(results: Results, dataset: str, variant: str, metric: str) -> float:
    """Return a metric's mean at the code size of the exhibits; NaN when it was not measured."""
    size = int(results.exhibits(dataset)[f"{variant}/code_size"])
    row = results.row(dataset, variant, size, metric)
    return float("nan") if row is None else float(row["mean"])
