"""What figures share: sizes, legends, axes, and the figure that has nothing to show."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from aebench.report import palette
from aebench.streams import stream

STYLE = Path(__file__).with_name("aebench.mplstyle")
WIDTH = 7.6
"""Inches; the page shows a figure at its whole width."""

MOST_OF_A_ROLE = 5
"""Curves of autoencoders, of baselines and of controls in a panel: the best ones."""


def nothing(why: str) -> Figure:
    """A figure that says why there is nothing to see."""
    figure = Figure(figsize=(WIDTH, 0.8))
    figure.text(0.5, 0.5, f"Nothing to show: {why}.", ha="center", va="center", color="#555555")
    return figure


def handle(variant: str, ls: str = "-") -> Line2D:
    """Entry of a legend for a variant: its line, if it has one, and its marker."""
    look = {"color": palette.colour(variant), "marker": palette.marker(variant), "ls": ls}
    return Line2D([], [], label=variant, **look)  # type: ignore[arg-type]


def curve_with_intervals(ax: Axes, variant: str, x: Any, y: Any, reach: Any) -> None:
    """Draw a variant's points, the line through them, and how far intervals reach down and up."""
    ax.errorbar(
        x,
        y,
        yerr=reach,
        color=palette.colour(variant),
        marker=palette.marker(variant),
        lw=1.2,
        ms=4.5,
        capsize=2,
        elinewidth=0.9,
    )


def dot(colour: str, words: str) -> Line2D:
    """Entry of a legend for a class of items."""
    return Line2D([], [], color=colour, marker="o", ls="", ms=5.5, label=words)


def legend(figure: Figure, handles: Iterable[Line2D], most_columns: int = 4) -> float:
    """Below the panels, where it cannot cover data; return how high it is, in inches."""
    handles = list(handles)
    longest = max((len(str(handle.get_label())) for handle in handles), default=1)
    fitting = max(1, int(WIDTH / (0.066 * longest + 0.6)))
    columns = max(1, min(most_columns, fitting, len(handles)))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, handlelength=1.8)
    return 0.17 * math.ceil(len(handles) / columns)


def spread(n: int, most: int) -> np.ndarray:
    """Positions of at most `most` of n items, a fixed random choice in random order.

    In random order, so that no class lies on top of the others.
    """
    return stream(0, "shown points").permutation(n)[:most]


Point = TypeVar("Point", bound=tuple[Any, ...])


def front(points: Iterable[Point]) -> list[Point]:
    """Return the points (cost, error, ...) than which none costs as little and errs less, by cost.

    Of those that err alike the cheapest is kept.
    """
    best: list[Point] = []
    for point in sorted(points):
        if not best or point[1] < best[-1][1]:
            best.append(point)
    return best


SUBS = (
    (1.0,),
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0),
)
"""Ticks of a decade, of which the first are taken that give four or so."""


def log_axis(ax: Axes) -> None:
    """Logarithmic y with plain numbers, dense enough to read when the range is short."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    decades = np.log10(high / low) if low > 0 else 1.0
    if decades < 0.35:
        ax.set_yscale("linear")
        return
    subs = next((subs for subs in SUBS if decades >= 4 / len(subs)), SUBS[-1])
    ax.yaxis.set_major_locator(LogLocator(subs=subs))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(plain))


def plain(value: float, _: object = None) -> str:
    """Write a number on an axis, as matplotlib asks for it: without powers of ten."""
    return f"{value:g}"
