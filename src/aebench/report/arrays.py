"""Shapes of the arrays that the report reads, so that a damaged file is told in one message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from aebench.errors import AebenchError, shown

_KL = ("kl_rho_hat", "kl_value_formula", "kl_value_autograd")
TOYS = {
    "seeds": "s",
    "denoiser_points": "n 2",
    **dict.fromkeys(("denoiser_grid", "denoiser_field", "plain_field"), "m 2"),
    **dict.fromkeys(("denoiser_cosine", "plain_cosine", "bottleneck_linear"), "s"),
    **dict.fromkeys(("compression_sizes", "compression_floor"), "k"),
    **{
        f"compression_{data}_{kind}": "s k"
        for data in ("random", "structured")
        for kind in ("pca", "autoencoder")
    },
    "linear_epochs": "e",
    "linear_angle": "s e",
    **dict.fromkeys(("linear_axes", "linear_axes_pca"), "s"),
    "kl_rho": "",
    **dict.fromkeys((*_KL, "kl_gradient_formula", "kl_gradient_autograd"), "q"),
    "sparsity_rho": "r",
    "sparsity_kl_weights": "w",
    "sparsity_kl": "s w r",
    "sparsity_l1_weights": "v",
    "sparsity_l1": "s v",
    **dict.fromkeys(("contractive_formula", "contractive_autograd"), "s"),
    "contraction_weights": "c",
    **dict.fromkeys(("contraction_norm", "contraction_left"), "s c"),
}
"""Of toys.npz, see `aebench.stages.toys`: axes of the same letter are of the same length."""

_IMAGES = dict.fromkeys(("clean", "noisy", "missing", "halved"), "i f") | {"walks": "w t f"}
EXHIBITS = {"indices": "i", "deviations": "d"} | _IMAGES
OF_VARIANT = _IMAGES | {
    "code_size": "",
    "perturbed_units": "u",
    "perturbed": "u d f",
    "filter_units": "m",
    "filters": "m f",
}
"""Of exhibits.npz, see `aebench.stages.exhibits`; f is the number of features."""


def check_toys(found: Mapping[str, np.ndarray], path: Path) -> None:
    """Refuse a toys.npz without some array, or with one of another shape."""
    _check(found, TOYS, TOYS, {}, path)


def check_exhibits(found: Mapping[str, np.ndarray], n_features: int, path: Path) -> None:
    """Refuse an exhibits.npz without some array, or with one of another shape."""
    sizes = _check(found, EXHIBITS, EXHIBITS, {"f": n_features}, path)
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, array in found.items():
        variant, _, part = name.rpartition("/")
        if variant:
            parts.setdefault(variant, {})[part] = array
    for own in parts.values():
        _check(own, ("code_size", "clean"), OF_VARIANT, sizes, path)


def _check(
    found: Mapping[str, np.ndarray],
    needed: Iterable[str],
    shapes: Mapping[str, str],
    sizes: Mapping[str, int],
    path: Path,
) -> dict[str, int]:
    """Check finite arrays by their shapes; return how long each axis is."""
    missing = [name for name in needed if name not in found]
    if missing:
        raise AebenchError(f"{path} has no array {', '.join(missing)}. Delete it and run again.")
    known = dict(sizes)
    for name, shape in shapes.items():
        if name in found:
            axes, lengths = shape.split(), found[name].shape
            fits = len(axes) == len(lengths) and 0 not in lengths
            for axis, length in zip(axes, lengths, strict=False):
                fits = fits and length == (
                    int(axis) if axis.isdigit() else known.setdefault(axis, length)
                )
            if not fits or not np.isfinite(found[name]).all():
                raise AebenchError(
                    f"{path}: '{shown(name)}' has shape {list(lengths)} or numbers that are not "
                    "finite, which does not go with the others. Delete it and run again."
                )
    return known
