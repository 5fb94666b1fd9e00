"""The two figures of the benchmark, in the look of the report's."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from aebench.report import figures, palette
from works.measure import Point, Row, exponent

TARGETS = {
    ("training epoch", "its matrix products alone"): 1.20,
    ("RBM epoch", "scikit-learn BernoulliRBM"): 1 / 2.5,
    ("time to test squared error 3", "authors' code, Octave (published, not measured here)"): 300
    / (13 * 3600),
}
"""Ratios that this suite must not exceed."""

FASTER, SLOWER, TARGET = palette.COOL[1], palette.WARM[0], "#333333"
COLOURS = (*palette.COOL, *palette.WARM)
MARKERS = palette.MARKERS[1:]
TICKS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


def save(figure: Figure, stem: Path) -> None:
    """Write `<stem>.svg` and `<stem>.png`."""
    figures.save(figure, stem)


def ratios(rows: Sequence[Row]) -> Figure:
    """Our seconds divided by each peer's, on a logarithmic axis; works without a peer in words."""
    raced = [row for row in rows if row.ratio is not None]
    alone = [row for row in rows if row.ratio is None]
    with matplotlib.style.context(figures.STYLE):
        figure = Figure(figsize=(figures.WIDTH, 1.7 + 0.3 * len(raced) + 0.16 * len(alone)))
        ax = figure.subplots()
        for place, row in enumerate(reversed(raced)):
            _ratio(ax, place, row)
        _frame(ax, raced)
        figure.suptitle(
            "This suite beside its peers: ratio = our seconds / peer's seconds",
            x=0.01,
            ha="left",
            weight="bold",
            fontsize=9.5,
        )
        if alone:
            figure.supxlabel(
                "Without a peer:  " + "\n".join(_words(row) for row in alone),
                x=0.01,
                ha="left",
                fontsize=7.5,
            )
    return figure


def _ratio(ax: Axes, place: int, row: Row) -> None:
    ratio = row.ratio
    assert ratio is not None
    ax.plot([1, ratio], [place, place], color="#bbbbbb", lw=1.2, zorder=1)
    ax.plot(ratio, place, "o", color=FASTER if ratio <= 1 else SLOWER, ms=6)
    target = TARGETS.get((row.work, row.peer))
    if target is not None:
        ax.plot([target, target], [place - 0.36, place + 0.36], color=TARGET, lw=1.6)
    seconds = f"{ratio:.3g}   ({row.our_seconds:.3g} s / {row.peer_seconds:.3g} s)"
    ax.text(1.01, place, seconds, transform=ax.get_yaxis_transform(), va="center", fontsize=7.5)


def _frame(ax: Axes, raced: Sequence[Row]) -> None:
    labels = []
    previous = ""
    for row in raced:
        work = row.work if row.work != previous else ""
        labels.append(f"{work}  vs  {row.peer.split(' (')[0]}" if work else f"vs  {row.peer}")
        previous = row.work
    ax.set_yticks(range(len(raced)), labels[::-1])
    ax.set_ylim(-0.6, len(raced) - 0.4)
    ax.axvline(1, color="#555555", lw=0.9)
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, 0.5), max(high, 2))
    ax.xaxis.set_major_locator(FixedLocator(TICKS))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("← this suite is faster      ratio      the peer is faster →   (bar: target)")


def _words(row: Row) -> str:
    seconds = "not reached" if row.our_seconds is None else f"{row.our_seconds:.3g} s"
    return f"{row.work} ({row.size}): {seconds}"


def growth(points: Sequence[Point]) -> Figure:
    """Seconds against each quantity that grows, on logarithmic axes, with the fitted exponents."""
    quantities = list(dict.fromkeys(point.against for point in points))
    names = list(dict.fromkeys(point.work for point in points))
    looks = {name: (COLOURS[i], MARKERS[i]) for i, name in enumerate(names)}
    with matplotlib.style.context(figures.STYLE):
        columns = min(2, len(quantities))
        lines = -(-len(quantities) // columns)
        figure = Figure(figsize=(figures.WIDTH, 0.6 + 2.9 * lines))
        grid = figure.subplots(lines, columns, squeeze=False).ravel()
        for ax, against in zip(grid, quantities, strict=False):
            _growth(ax, [point for point in points if point.against == against], looks)
            ax.set_title(f"against {against}")
            ax.set_xlabel(against)
        for ax in grid[len(quantities) :]:
            ax.set_axis_off()
        for ax in grid[::columns]:
            ax.set_ylabel("seconds")
        figure.suptitle(
            "How cost grows; in brackets the fitted exponent (1: linear, 2: quadratic)",
            x=0.01,
            ha="left",
            weight="bold",
            fontsize=9.5,
        )
    return figure


def _growth(ax: Axes, points: Sequence[Point], looks: dict[str, tuple[str, str]]) -> None:
    for work, (colour, marker) in looks.items():
        found = [point for point in points if point.work == work]
        if len(found) < 2:
            continue
        values, seconds = [p.value for p in found], [p.seconds for p in found]
        words = f"{work} ({exponent(values, seconds):.2f})"
        ax.plot(values, seconds, color=colour, marker=marker, label=words)
    ax.set_xscale("log")
    ax.set_yscale("log")
    values = sorted({point.value for point in points})
    shown = [v for i, v in enumerate(values) if i == 0 or v / values[i - 1] > 1.4]
    ax.xaxis.set_major_locator(FixedLocator(shown))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.legend(loc="best", fontsize=7.5)
