"""What a unit of the code does: images decoded while it alone is moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from aebench.report import names
from aebench.report.figures.shared import nothing
from aebench.report.figures.strips import (
    GROUP_GAP,
    above,
    beside,
    centres,
    exhibit,
    exhibitors,
    heading,
    is_ink,
    strip,
    strip_axes,
)
from aebench.report.results import Results

MOST = {"autoencoder": 2, "baseline": 2}
UNITS = ("the unit of largest effect", "the next")


def draw(results: Results, dataset: str) -> Figure:
    """One image, decoded with the two units of largest effect moved one at a time."""
    variants = exhibitors(results, dataset, "perturbed", MOST, _is_gaussian)
    if not variants:
        return nothing("no variant has kept a model whose code could be changed")
    steps, units = results.exhibits(dataset)["deviations"], len(UNITS)
    count = units * len(steps)
    longest = max(map(len, variants))
    figure, axes = strip_axes(len(variants), count + GROUP_GAP, longest, right=0.1, top=0.66)
    ink = is_ink(exhibit(results, dataset, "clean"))
    for ax, variant in zip(axes, variants, strict=True):
        images = exhibit(results, dataset, f"{variant}/perturbed")[:units]
        while len(images) < units:  # of a code of one unit there is no next
            images = np.concatenate([images, np.full_like(images[:1], not ink)])
        strip(ax, images.reshape(-1, *images.shape[2:]), ink, units)
        beside(ax, variant)
    columns = centres(count, images.shape[3], units)
    above(axes[0], columns, [_signed(step) for step in steps] * units)
    above(axes[0], columns.reshape(units, -1).mean(axis=1), UNITS, lines=1)
    size = results.main_code_size(dataset)
    heading(
        figure,
        f"{names.title(dataset)}: one of {size} code units moved by standard deviations",
    )
    return figure


def _signed(step: float) -> str:
    return f"{step:+g}".replace("-", "\u2212") if step else "0"


def _is_gaussian(parameters: Mapping[str, Any]) -> bool:
    return parameters.get("code") == "gaussian"
