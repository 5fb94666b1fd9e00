"""The live decoder of the page: which models it runs, and all that it needs to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from aebench.metrics.sampling import in_rounds
from aebench.report import names, palette
from aebench.report.decoder import (
    Int8Layer,
    Layer,
    decode,
    decode_int8,
    in_base64,
    packed,
    quantise,
    read,
)
from aebench.report.figures.strips import is_ink
from aebench.report.results import Results, Run

MOST_UNITS = 12  # sliders that one still turns with pleasure
MOST_IMAGES = 20
MEASURED = 1000  # test images on which the cost of 8 bits is measured
RANGE = (0.005, 0.995)  # quantiles of the test codes between which a slider moves
LINEAR_BASELINE = "pca"


class Cost(NamedTuple):
    """What 8 bits cost, over `items` test images; pixels lie in [0, 1].

    Attributes
    ----------
    squared_error, squared_error_int8 : float
        Summed over pixels, averaged over images.
    mean_difference, largest_difference : float
        Between pixels as both decode them.
    """

    items: int
    squared_error: float
    squared_error_int8: float
    mean_difference: float
    largest_difference: float


@dataclass(frozen=True)
class Model:
    """One side of the live decoder.

    Attributes
    ----------
    units : list of (low, high, start)
        Where each slider begins, ends and stands at first.
    """

    variant: str
    seed: int
    colour: str
    units: list[tuple[float, float, float]]
    cost: Cost
    weights: int
    payload: dict[str, Any]


@dataclass(frozen=True)
class LiveDecoder:
    """All that decoder.html shows; `why` says why there is nothing to show."""

    why: str = ""
    code_size: int = 0
    models: tuple[Model, ...] = ()
    images: list[str] = field(default_factory=list)
    payload: dict[str, Any] = field(default_factory=dict)


def part(results: Results, dataset: str) -> LiveDecoder | None:
    """Return the live decoder of the first data set of images; None for any other."""
    images = [name for name in results.datasets if results.kind(name) == "images"]
    if dataset not in images[:1]:
        return None
    shape = results.facts[dataset].get("image_shape") or ()
    if len(shape) != 2:
        return LiveDecoder("the images are not grey ones of two dimensions")
    runs = chosen(results, dataset)
    if not runs:
        return LiveDecoder(
            "no autoencoder has a decoder of dense layers among its files at a code size at which "
            "a baseline has one that adds up patterns"
        )
    items = results.items(dataset)
    test = np.asarray(items.test)
    test_labels = np.asarray(items.test_labels)
    shown = in_rounds(test_labels, MOST_IMAGES)
    models = tuple(_model(run, test, shown) for run in runs)
    classes = results.facts[dataset].get("classes") or []
    labels = [names.classes(label, classes) for label in test_labels[shown]]
    payload = {
        "shape": list(shape),
        "ink": is_ink(test[shown]),
        "images": in_base64(np.rint(test[shown] * 255).astype(np.uint8)),
        "labels": labels,
        "models": [model.payload for model in models],
    }
    return LiveDecoder("", runs[0].code_size, models, labels, payload)


def chosen(results: Results, dataset: str) -> tuple[Run, ...]:
    """Return the runs of the autoencoder and of the baseline to show; none where there are none.

    The code size is the largest of at most MOST_UNITS at which both have a dense decoder, that of
    the baseline a sum of patterns, else the main one. The autoencoder is the one of least squared
    error, the baseline PCA where it can be.
    """
    main = results.main_code_size(dataset)
    small = [size for size in results.code_sizes(dataset) if size <= MOST_UNITS]
    for size in [*reversed(small), main]:
        autoencoder = next(_decodable(results, dataset, size, "autoencoder"), None)
        decodable = _decodable(results, dataset, size, "baseline")
        baselines = [run for run in decodable if _adds_up(read(run.folder) or [])]
        baselines.sort(key=lambda run: run.variant != LINEAR_BASELINE)
        if autoencoder and baselines:
            return autoencoder, baselines[0]
    return ()


def _decodable(results: Results, dataset: str, size: int, role: str) -> Iterator[Run]:
    """Lowest seeds of variants with a decoder that a page can run, the least error first."""
    errors = results.means(dataset, names.error_metric("images"), size)
    of_role = [variant for variant in errors if results.roles[variant] == role]
    for variant in sorted(of_role, key=lambda name: (errors[name], name)):
        run = min(results.runs(dataset, variant, size), key=lambda run: run.seed)
        sizes = (size, int(results.facts[dataset]["n_features"]))
        if _runs_in_a_page(read(run.folder), *sizes) and run.codes() is not None:
            yield run


def _runs_in_a_page(layers: list[Layer] | None, code_size: int, n_features: int) -> bool:
    """Whether it leads from codes to images and each unit can be computed for itself."""
    if layers is None:
        return False
    if (layers[0].weight.shape[1], len(layers[-1].bias)) != (code_size, n_features):
        return False
    return all(layer.activation != "softmax" for layer in layers)


def _adds_up(layers: list[Layer]) -> bool:
    """Whether an image is a sum of one fixed pattern for each unit, as the page says of it."""
    return [layer.activation in ("linear", "clip") for layer in layers] == [True]


def _model(run: Run, test: np.ndarray, shown: np.ndarray) -> Model:
    """Make a decoder ready for the page."""
    layers, codes = read(run.folder) or [], np.asarray(run.codes(), dtype=np.float32)
    small = quantise(layers)
    starts = codes[shown]
    payload = {"name": run.variant, "codes": in_base64(starts), "layers": packed(small)}
    return Model(
        run.variant,
        run.seed,
        palette.colour(run.variant),
        ranges(codes, starts),
        measured(layers, small, codes[:MEASURED], test[:MEASURED]),
        sum(layer.weight.size for layer in layers),
        payload,
    )


def ranges(codes: np.ndarray, starts: np.ndarray) -> list[tuple[float, float, float]]:
    """Return low end, high end and start of each unit's slider; the shown images lie within."""
    low, high = np.quantile(codes, RANGE, axis=0)
    low, high = np.minimum(low, starts.min(axis=0)), np.maximum(high, starts.max(axis=0))
    still = high - low < 1e-6  # a unit that never changes can still be turned
    low, high = np.where(still, low - 0.5, low), np.where(still, high + 0.5, high)
    rows = zip(low, high, starts[0], strict=True)
    return [(float(f"{a:.5g}"), float(f"{b:.5g}"), float(f"{c:.5g}")) for a, b, c in rows]


def measured(
    layers: list[Layer], small: list[Int8Layer], codes: np.ndarray, images: np.ndarray
) -> Cost:
    """Measure what 8 bits cost on these images [n, n_features] and their codes."""
    exact, rounded = decode(layers, codes).astype(np.float64), decode_int8(small, codes)
    difference = np.abs(exact - rounded)
    errors = [float(((found - images) ** 2).sum(axis=1).mean()) for found in (exact, rounded)]
    return Cost(
        len(images), errors[0], errors[1], float(difference.mean()), float(difference.max())
    )
