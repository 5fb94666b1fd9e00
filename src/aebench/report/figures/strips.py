"""Rows of images with words at their left and numbers at their right."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aebench.report.figures.shared import (
    WIDTH,
)


def strip_axes(count: int, images: int, longest: int) -> tuple[Figure, list[Axes]]:
    """Return a figure of `count` rows with room at the left for a name of `longest` letters."""
    left, right, top = 0.2 + 0.082 * longest, 0.8, 0.4  # inches
    row = (WIDTH - left - right) / images * 1.08
    height = top + count * row
    figure = Figure(figsize=(WIDTH, height), layout="none")  # type: ignore[arg-type]
    figure.subplots_adjust(left / WIDTH, 0.0, 1 - right / WIDTH, 1 - top / height, hspace=0.08)
    return figure, list(figure.subplots(count, 1, squeeze=False)[:, 0])


def strip(ax: Axes, images: np.ndarray, ink: bool) -> None:
    """Show images [m, height, width] or [m, height, width, 3] side by side; `ink` is dark."""
    gap = max(1, images.shape[2] // 14)
    padding = [(0, 0), (0, 0), (0, gap)] + [(0, 0)] * (images.ndim - 3)
    wide = np.concatenate(list(np.pad(images, padding, constant_values=1.0)), axis=1)[:, :-gap]
    if wide.ndim == 2 and ink:
        wide = 1 - wide
        wide[:, np.arange(wide.shape[1]) % (images.shape[2] + gap) >= images.shape[2]] = 1.0
    ax.imshow(np.clip(wide, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_axis_off()
