"""Error against the bits an item takes."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from aebench.metrics.rate import BITS
from aebench.report import names, palette
from aebench.report.figures.shared import (
    MOST_OF_A_ROLE,
    WIDTH,
    front,
    handle,
    legend,
    log_axis,
    nothing,
    plain,
)
from aebench.report.results import Results

BITS_A_UNIT = 4
"""Leading variants are the best of those at no more than so many bits a unit."""


class Point(NamedTuple):
    """What codes cost, in bits an item, and the error that is left, with its interval."""

    rate: float
    error: float
    low: float
    high: float


def draw(results: Results, dataset: str) -> Figure:
    """Error against rate, at all code sizes and all numbers of bits a unit that were measured.

    A curve joins the points of a variant that are best at their rate, of whatever code size.
    """
    kind = results.kind(dataset)
    curves = {
        variant: front(points(results, dataset, variant))
        for variant in results.variants(dataset)
        if results.roles[variant] != "control"
    }
    shown = _leading(results, curves, BITS_A_UNIT * results.main_code_size(dataset))
    if not shown:
        return nothing("no error of quantised codes was measured")
    figure = Figure(figsize=(WIDTH, 4.3))
    ax = figure.subplots()
    for variant in shown:
        _curve(ax, variant, curves[variant])
    ax.set_xscale("log", base=2)
    low, high = ax.get_xlim()
    ticks = 2.0 ** np.arange(np.ceil(np.log2(low)), np.floor(np.log2(high)) + 1)
    ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(plain))
    ax.set_xlabel("bits an item, as an entropy coder needs them")
    log_axis(ax)
    ax.set_title(f"{names.metric(names.error_metric(kind), kind).words} (↓ is better)")
    legend(figure, [handle(variant) for variant in shown])
    return figure


def points(results: Results, dataset: str, variant: str) -> list[Point]:
    """Return what was measured of a variant's quantised codes, from one bit an item on."""
    error = names.error_metric(results.kind(dataset))
    found = []
    for size, bits in itertools.product(results.code_sizes(dataset), BITS):
        rate = results.row(dataset, variant, size, f"entropy_at_{bits}_bits")
        row = results.row(dataset, variant, size, f"{error}_at_{bits}_bits")
        if rate and row and rate["mean"] >= 1:
            found.append(Point(rate["mean"], row["mean"], row["low"], row["high"]))
    return found


def _leading(results: Results, curves: dict[str, list[Point]], rate: float) -> list[str]:
    """Return the best variants of each role at no more than a rate, best first."""
    errors = {
        variant: min(point.error for point in curve if point.rate <= rate)
        for variant, curve in curves.items()
        if curve and curve[0].rate <= rate
    }
    ranked = sorted(errors, key=lambda variant: (errors[variant], variant))
    roles = [results.roles[variant] for variant in ranked]
    return [v for i, v in enumerate(ranked) if roles[:i].count(roles[i]) < MOST_OF_A_ROLE]


def _curve(ax: Axes, variant: str, curve: list[Point]) -> None:
    rate, error, low, high = np.array(curve).T
    colour = palette.colour(variant)
    ax.plot(rate, error, color=colour, marker=palette.marker(variant), ms=4.5, lw=1.3)
    known = np.isfinite(low)  # no interval of a single seed
    ax.vlines(
        rate[known],
        np.maximum(low, 0.5 * error)[known],  # a logarithmic axis has no room for zero
        high[known],
        color=colour,
        lw=0.9,
        alpha=0.45,
    )
