"""The two figures of the benchmark, in the look of the report's."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from aebench.report import figures, palette
from aebench.report.figures.shared import STYLE, WIDTH
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


def save(figure: Figure, stem: Path) -> None:
    """Write `<stem>.svg` and `<stem>.png`."""
    figures.save(figure, stem)


def ratios(rows: Sequence[Row]) -> Figure:
    """Our seconds divided by each peer's, on a logarithmic axis; works without a peer in words."""
    raced = [row for row in rows if row.ratio is not None]
    alone = [row for row in rows if row.ratio is None]
    lines = _lines(raced)
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.1 + 0.2 * len(lines) + 0.17 * len(alone)))
        figure.get_layout_engine().set(w_pad=0.1)
        ax = figure.subplots()
        for place, (_, row) in enumerate(lines):
            if row is not None:
                _ratio(ax, place, row)
        _frame(ax, lines)
        _title(figure, "This suite beside its peers: ratio = our seconds / peer's seconds")
        if alone:
            words = "\n".join(f"{row.work} ({row.size}): {_seconds(row)}" for row in alone)
            figure.supxlabel(words, x=0.01, ha="left", fontsize=7.5)
    return figure


def _lines(raced: Sequence[Row]) -> list[tuple[str, Row | None]]:
    """Lines of the figure from the top: a work's name, below it each of its peers."""
    lines: list[tuple[str, Row | None]] = []
    for row in raced:
        if row.work not in (name for name, _ in lines):
            lines.append((row.work, None))
        lines.append((row.peer, row))
    return lines


def _ratio(ax: Axes, place: int, row: Row) -> None:
    ratio = row.ratio
    assert ratio is not None
    ax.plot([1, ratio], [place, place], color="#bbbbbb", lw=1.2, zorder=1)
    ax.plot(ratio, place, "o", color=FASTER if ratio <= 1 else SLOWER, ms=5.5)
    target = TARGETS.get((row.work, row.peer))
    if target is not None:
        ax.plot([target, target], [place - 0.45, place + 0.45], color=TARGET, lw=1.8)
    seconds = f"{_number(row.our_seconds)} s / {_number(row.peer_seconds)} s"
    beside = ax.get_yaxis_transform()
    ax.text(1.10, place, f"{ratio:.2g}", transform=beside, va="center", ha="right", fontsize=8)
    ax.text(1.13, place, seconds, transform=beside, va="center", fontsize=7.5, color="#555555")


def _frame(ax: Axes, lines: Sequence[tuple[str, Row | None]]) -> None:
    ax.set_yticks(range(len(lines)), [name for name, _ in lines])
    ax.tick_params(axis="y", length=0)
    for label, (_, row) in zip(ax.get_yticklabels(), lines, strict=True):
        label.set_fontsize(8 if row is None else 7.5)
        label.set_fontweight("bold" if row is None else "normal")
    ax.set_ylim(len(lines) - 0.4, -0.6)
    ax.axvline(1, color="#555555", lw=0.9)
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, 0.4), max(high, 2.5))
    shown = (0.001, 0.01, 0.1, 1, 10, 100) if high / low > 300 else (0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
    _plain_ticks(ax.xaxis, shown)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("below 1 this suite is faster, above 1 the peer; a black bar is a target")


def _seconds(row: Row) -> str:
    return "not reached" if row.our_seconds is None else f"{_number(row.our_seconds)} s"


def _number(seconds: float | None) -> str:
    """Three digits, and no exponent: `46,800`, `12.8`, `0.118`."""
    assert seconds is not None
    return f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.3g}"


def growth(points: Sequence[Point]) -> Figure:
    """Seconds against each quantity that grows, on logarithmic axes, with the fitted exponents."""
    quantities = list(dict.fromkeys(point.against for point in points))
    names = list(dict.fromkeys(point.work for point in points))
    looks = {name: (COLOURS[i], MARKERS[i]) for i, name in enumerate(names)}
    with matplotlib.style.context(STYLE):
        columns = min(2, len(quantities))
        lines = -(-len(quantities) // columns)
        figure = Figure(figsize=(WIDTH, 0.9 + 2.6 * lines))
        grid = figure.subplots(lines, columns, squeeze=False).ravel()
        for ax, against in zip(grid, quantities, strict=False):
            _growth(ax, [point for point in points if point.against == against], looks)
            ax.set_xlabel(against)
        for ax in grid[len(quantities) :]:
            ax.set_axis_off()
        for ax in grid[::columns]:
            ax.set_ylabel("seconds")
        _title(figure, "How cost grows; at each line its exponent (1: linear, 2: quadratic)")
        handles = [
            Line2D([], [], color=colour, marker=marker, label=name)
            for name, (colour, marker) in looks.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=5, handlelength=1.8)
    return figure


def _growth(ax: Axes, points: Sequence[Point], looks: dict[str, tuple[str, str]]) -> None:
    ends: list[tuple[float, float, str, str]] = []
    for work, (colour, marker) in looks.items():
        found = [point for point in points if point.work == work]
        if len(found) < 2:
            continue
        values, seconds = [p.value for p in found], [p.seconds for p in found]
        ax.plot(values, seconds, color=colour, marker=marker)
        ends.append((values[-1], seconds[-1], f"{exponent(values, seconds):.2f}", colour))
    ax.set_xscale("log")
    ax.set_yscale("log")
    low, high = ax.get_xlim()
    ax.set_xlim(low, high * (high / low) ** 0.12)  # room for the exponents
    _plain_ticks(ax.xaxis, [d * 10**e for e in range(6) for d in (1, 3)])
    _plain_ticks(ax.yaxis, [d * 10.0**e for e in range(-5, 3) for d in (1, 3)])
    _exponents(ax, ends)


def _exponents(ax: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Write each exponent beside the end of its line, moved up where another stands there."""
    to_axes = ax.transAxes.inverted()
    taken: list[tuple[float, float]] = []
    for value, second, words, colour in sorted(ends, key=lambda end: end[1]):
        x, y = to_axes.transform(ax.transData.transform((value, second)))
        for other_x, other_y in taken:  # from below
            if abs(x - other_x) < 0.12:
                y = max(y, other_y + 0.055)
        taken.append((x, y))
        look = {"color": colour, "weight": "bold", "fontsize": 7.5, "va": "center"}
        ax.text(x + 0.03, y, words, transform=ax.transAxes, **look)


def _title(figure: Figure, words: str) -> None:
    figure.suptitle(words, x=0.01, ha="left", weight="bold", fontsize=9.5)


def _plain_ticks(axis: Axis, places: Sequence[float]) -> None:
    axis.set_major_locator(FixedLocator(list(places)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
