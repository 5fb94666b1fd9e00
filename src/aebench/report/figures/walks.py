"""Straight walks between two images, through pixels and through codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from aebench.report import names
from aebench.report.figures.shared import nothing
from aebench.report.figures.strips import (
    GROUP_GAP,
    beside,
    exhibit,
    exhibitors,
    heading,
    is_ink,
    strip,
    strip_axes,
)
from aebench.report.results import Results

MOST = {"autoencoder": 2, "baseline": 2}


def draw(results: Results, dataset: str) -> Figure:
    """Two walks beside each other: through pixels first, then through each variant's codes."""
    variants = exhibitors(results, dataset, "walks", MOST, _is_smoothed)
    if not variants:
        return nothing("no variant has kept a model whose codes could be walked between")
    rows = [("pixels", exhibit(results, dataset, "walks"))]
    rows += [(variant, exhibit(results, dataset, f"{variant}/walks")) for variant in variants]
    walks, steps = rows[0][1].shape[:2]
    across = walks * steps + GROUP_GAP * (walks - 1)
    longest = max(len(name) for name, _ in rows)
    figure, axes = strip_axes(len(rows), across, longest, right=0.1)
    ink = is_ink(exhibit(results, dataset, "clean"))
    for ax, (name, images) in zip(axes, rows, strict=True):
        strip(ax, images.reshape(-1, *images.shape[2:]), ink, walks)
        beside(ax, name, weight="normal" if ax is axes[0] else "bold")
    heading(figure, f"{names.title(dataset)}: straight walks between two test items")
    return figure


def _is_smoothed(parameters: Mapping[str, Any]) -> bool:
    """Whether training asks of what lies between the items' codes to be decoded well, too."""
    return parameters.get("code") == "gaussian" or "cycle" in (parameters.get("penalties") or {})
