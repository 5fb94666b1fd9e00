"""Images, what was left of them, and what variants make of that: denoising and inpainting."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
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
    labelled,
    score,
    strip,
    strip_axes,
)
from aebench.report.results import Results

MOST = {"autoencoder": 2, "baseline": 2}
IMAGES = {1: 8, 2: 5}
"""In a group, by the number of groups."""


def draw_denoising(results: Results, dataset: str) -> Figure:
    """Noisy images and their reconstructions."""
    title = "reconstructions of noisy images"
    groups = {"noisy": "Gaussian noise of standard deviation 0.3"}
    return _draw(results, dataset, title, groups, "squared_error_gaussian_0.3")


def draw_inpainting(results: Results, dataset: str) -> Figure:
    """Images of which pixels at random, or the lower half, are missing, and reconstructions."""
    title = "reconstructions of images without half of their pixels"
    groups = {"missing": "missing at random", "halved": "the lower half missing"}
    return _draw(results, dataset, title, groups, "squared_error_missing_0.5")


def _draw(
    results: Results, dataset: str, title: str, groups: Mapping[str, str], metric: str
) -> Figure:
    """Draw a group of images for each corruption; the metric is that of the first."""
    first, count = next(iter(groups)), IMAGES[len(groups)]
    variants = exhibitors(results, dataset, first, MOST, _from_corrupted)
    if not variants:
        return nothing("no variant has kept a model that could be shown such images")

    def shown(names: Iterable[str]) -> np.ndarray:
        return np.concatenate([exhibit(results, dataset, name)[:count] for name in names])

    errors = {variant: score(results, dataset, variant, metric) for variant in variants}
    variants.sort(key=lambda variant: (np.isnan(errors[variant]), errors[variant]))
    of_input = _error_of_input(results, dataset, first, metric)
    rows = [
        ("original", shown(["clean"] * len(groups)), math.nan),
        ("input", shown(groups), of_input),
    ]
    for variant in variants:
        images = shown(f"{variant}/{group}" for group in groups)
        rows.append((labelled(results, dataset, variant), images, errors[variant]))
    originals = rows[0][1]
    across = len(originals) + GROUP_GAP * (len(groups) - 1)
    longest = max(len(name) for name, _, _ in rows)
    figure, axes = strip_axes(len(rows), across, longest, top=0.55)
    for number, (ax, (name, images, error)) in enumerate(zip(axes, rows, strict=True)):
        strip(ax, images, is_ink(originals), len(groups))
        weight = "normal" if number < len(rows) - len(variants) else "bold"
        beside(ax, name, "" if math.isnan(error) else f"{error:.2f}", weight)
    beside(axes[0], "", f"squared\nerror{' (left)' if len(groups) > 1 else ''}")
    columns = centres(len(originals), originals.shape[2], len(groups))
    above(axes[0], columns.reshape(len(groups), -1).mean(axis=1), list(groups.values()))
    heading(figure, f"{names.title(dataset)}: {title}")
    return figure


def _from_corrupted(parameters: Mapping[str, Any]) -> bool:
    """Whether a variant has learned from corrupted items."""
    return parameters.get("corruption", "none") != "none"


def _error_of_input(results: Results, dataset: str, part: str, metric: str) -> float:
    """Return the error of the input itself, which a control that returns its input has."""
    exhibits = results.exhibits(dataset)
    for variant in results.variants(dataset, "control"):
        returned = exhibits.get(f"{variant}/{part}")
        if returned is not None and np.array_equal(returned, exhibits[part]):
            return score(results, dataset, variant, metric)
    return math.nan
