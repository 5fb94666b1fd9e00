"""Means over seeds with their 95% intervals, as curves and as rows of dots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from aebench.report.evidence import Measured, by_column

BAR: dict[str, Any] = {"capsize": 2, "elinewidth": 0.9}


class Row(NamedTuple):
    """A row of dots: its words, what was measured, and how it looks."""

    words: str
    measured: Measured
    colour: str
    marker: str = "o"


def reach(found: Sequence[Measured]) -> np.ndarray:
    """How far intervals go below and above their means [2, n], 0 where there is none."""
    means, lows, highs = np.array(found, dtype=float).reshape(-1, 3).T
    return np.fmax([means - lows, highs - means], 0)


def curve(
    ax: Axes, xs: Sequence[float] | np.ndarray, values: np.ndarray, colour: str, **look: Any
) -> None:
    """Means by column of an array [seeds, columns], and their intervals."""
    found = by_column(values)
    means = [each.mean for each in found]
    ax.errorbar(xs, means, yerr=reach(found), color=colour, **{"lw": 1.4, "ms": 4.5, **BAR, **look})


def dots(ax: Axes, rows: Sequence[Row], decimals: int = 2) -> None:
    """A row each, the first on top; the mean stands beside it in numbers."""
    for place, row in enumerate(rows):
        mean = row.measured.mean
        look = {"color": row.colour, "marker": row.marker, "ls": "", "ms": 6, **BAR}
        ax.errorbar([mean], [place], xerr=reach([row.measured]), **look)
        ax.annotate(
            f"{mean:.{decimals}f}",
            (mean, place),
            xytext=(0, 4.5),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    ax.set_yticks(range(len(rows)), [row.words for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.7)
    ax.grid(False, axis="y")
