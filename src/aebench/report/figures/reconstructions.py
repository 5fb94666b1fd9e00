"""Test items above what each variant makes of them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from aebench.report import names
from aebench.report.figures.shared import (
    nothing,
)
from aebench.report.figures.strips import beside, heading, is_ink, is_pca, strip, strip_axes
from aebench.report.results import Results

MOST_IMAGES = 12
MOST = {"autoencoder": 8, "baseline": 5, "control": 2}


def draw(results: Results, dataset: str) -> Figure:
    """Test items above their reconstructions by each variant (Hinton & Salakhutdinov 2006, fig. 2).

    The number beside a row is the mean squared error over ALL test items, not of the shown ones.
    """
    size = results.main_code_size(dataset)
    shape = results.facts[dataset].get("image_shape")
    rows = _reconstructed(results, dataset, size)
    if not shape or not rows:
        return nothing("no reconstructed images to show")
    indices = next(iter(rows.values()))[0]
    chosen = _first_of_each_class(np.asarray(results.items(dataset).test_labels[indices]))
    originals = np.asarray(results.items(dataset).test[indices[chosen]])
    strips = [("original", originals, "")]
    for variant, (_, images) in rows.items():
        row = results.row(dataset, variant, size, "squared_error")
        strips.append((variant, images[chosen], "" if row is None else f"{row['mean']:.2f}"))
    figure, axes = strip_axes(len(strips), len(chosen), max(len(row[0]) for row in strips))
    for ax, (variant, images, error) in zip(axes, strips, strict=True):
        strip(ax, images.reshape(-1, *shape), is_ink(originals))
        beside(ax, variant, error)
    beside(axes[0], "", "squared\nerror")
    title = f"test items and their reconstructions from codes of size {size}"
    heading(figure, f"{names.title(dataset)}: {title}")
    return figure


def _first_of_each_class(labels: np.ndarray) -> np.ndarray:
    """Positions of at most MOST_IMAGES items, spread over the classes in their order."""
    if labels.ndim == 2:
        labels = labels.argmax(axis=1)
    firsts = np.unique(labels, return_index=True)[1]
    return firsts[np.unique(np.linspace(0, len(firsts) - 1, MOST_IMAGES).round().astype(int))]


def _reconstructed(
    results: Results, dataset: str, size: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Positions and reconstructions of PCA and the best of each role, of the lowest seed.

    Of those that agree in the items shown.
    """
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for variant in results.variants(dataset):
        role = results.roles[variant]
        enough = sum(results.roles[other] == role for other in found) >= MOST[role]
        runs = results.runs(dataset, variant, size)
        if runs and (not enough or is_pca(runs[0].facts)):
            samples = runs[0].samples()
            found |= {} if samples is None else {variant: samples}
    if found:
        first = next(iter(found.values()))[0]
        found = {v: s for v, s in found.items() if np.array_equal(s[0], first)}
    return found
