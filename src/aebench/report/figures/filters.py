"""What the units that see an image first look for in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from aebench.report import names
from aebench.report.figures.shared import nothing
from aebench.report.figures.strips import (
    beside,
    exhibit,
    exhibitors,
    heading,
    labelled,
    signed_strip,
    strip_axes,
)
from aebench.report.results import Results

MOST = {"baseline": 4, "autoencoder": 2}
FILTERS = 14


def draw(results: Results, dataset: str) -> Figure:
    """Weights of the first layer, a row a variant, each filter by its own largest weight."""
    shown = exhibitors(results, dataset, "filters", MOST, _is_one_layer)
    if not shown:
        return nothing("no variant has kept a model whose first layer sees whole images")
    variants = [v for role in MOST for v in shown if results.roles[v] == role]
    words = [labelled(results, dataset, variant) for variant in variants]
    figure, axes = strip_axes(len(variants), FILTERS, max(map(len, words)), right=0.1)
    for ax, variant, name in zip(axes, variants, words, strict=True):
        signed_strip(ax, exhibit(results, dataset, f"{variant}/filters")[:FILTERS], FILTERS)
        beside(ax, name)
    heading(figure, f"{names.title(dataset)}: what the first layer looks for")
    return figure


def _is_one_layer(parameters: Mapping[str, Any]) -> bool:
    """Whether the first layer is the code itself, so that its filters are all that was learned."""
    return parameters.get("hidden") == [] and bool(parameters.get("tied"))
