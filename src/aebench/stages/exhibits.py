"""The exhibits stage: what saved models make of a few chosen images, for figures to show.

Everything here is chosen before any score is seen: the items by their position and class, the
corruptions by fixed seeds, the units of a code by how much they move the picture.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aebench import datasets, models
from aebench.errors import AebenchError, ParameterError, memory_told
from aebench.files import atomic, read_arrays
from aebench.metrics.contract import check_codes, refuse
from aebench.metrics.robustness import corruptions
from aebench.metrics.sampling import in_rounds
from aebench.models.filters import filters

ITEMS = 8
NOISY, MISSING = "gaussian_0.3", "missing_0.5"
"""Corruptions as `aebench.metrics.robustness` makes them, so that its scores fit the pictures."""

WALKS = ((0, -1), (2, -3))
"""Pairs of the chosen items that are walked between."""

WALK_STEPS = 9
UNITS = 5
DEVIATIONS = np.arange(-3, 4, dtype=np.float32)
"""Steps of a moved unit, in standard deviations of that unit over the training codes."""

FILTERS = 36


@memory_told()
def run(
    data: str | Path, folders: Sequence[str | Path], out: str | Path, *, main_code_size: int
) -> None:
    """Write what models make of chosen test items, one compressed .npz for a data set.

    Parameters
    ----------
    data : path
        A prepared data set of images.
    folders : sequence of path
        Of one seed each, `.../<variant>/d<code size>/seed-<n>`, with a saved estimator and its
        codes; of every variant one.
    out : path
        Images in it are uint8 of 0 to 255, items laid flat. Of the data set: `indices` of the
        items among the test items; `clean`, `noisy`, `missing` (pixels at random) and `halved`
        (lower half), [8, n_features]; `walks` [2, 9, n_features], straight through pixels;
        `deviations` [7]. Of a variant:

        - `<variant>/code_size`;
        - `<variant>/clean`, `noisy`, `missing`, `halved`: reconstructions of the above;
        - `<variant>/walks`: decoded from codes on the straight line between those of two items;
        - `<variant>/perturbed` [5, 7, n_features]: the first item's code with one unit moved, for
          the `<variant>/perturbed_units` that move the picture most, the greatest first;
        - `<variant>/filters` [m, n_features] float16 of the `<variant>/filter_units`, see
          `aebench.models.filters`.

        Walks and moved units are left out for other code sizes than the main one, where they would
        show its size and not the method, and for codes of bits or of codebook entries, between
        which there are no codes. Filters are left out where there are none.
    main_code_size : int

    Raises
    ------
    AebenchError
        When a folder has no estimator or codes that can be read; names variant and reason.
    """
    dataset = datasets.read(data)
    indices = in_rounds(dataset.test_labels, ITEMS)
    inputs = _inputs(np.asarray(dataset.test[indices]), dataset.info["image_shape"])
    pairs = [inputs["clean"][list(pair)] for pair in WALKS]
    exhibits: dict[str, Any] = {"indices": indices, "deviations": DEVIATIONS}
    exhibits |= {name: _bytes(images) for name, images in inputs.items()}
    exhibits["walks"] = _bytes(np.stack([_line(*pair) for pair in pairs]))
    for folder in map(Path, folders):
        for name, array in _of_model(folder, inputs, main_code_size, len(dataset.train)).items():
            exhibits[f"{folder.parts[-3]}/{name}"] = array
    with atomic(out) as temporary:
        np.savez_compressed(temporary, **exhibits)


def _inputs(clean: np.ndarray, shape: Sequence[int]) -> dict[str, np.ndarray]:
    """Items [n, n_features] and what is left of them, by name."""
    corrupted = dict(corruptions(clean))
    halved = clean.reshape(-1, *shape).copy()
    halved[:, shape[0] // 2 :] = 0
    return {
        "clean": clean,
        "noisy": corrupted[NOISY],
        "missing": corrupted[MISSING],
        "halved": halved.reshape(clean.shape),
    }


def _of_model(
    folder: Path, inputs: dict[str, np.ndarray], main_code_size: int, items: int
) -> dict[str, np.ndarray]:
    """Exhibits of one saved model, by name; it has so many training items."""
    try:
        model = models.load(folder, items=inputs["clean"])
    except ParameterError as error:
        refuse(folder, str(error).removesuffix("."))
    codes = {name: model.transform(images) for name, images in inputs.items()}
    found = {"code_size": np.asarray(codes["clean"].shape[1])}
    found |= {name: _bytes(model.inverse_transform(Z)) for name, Z in codes.items()}
    if codes["clean"].shape[1] == main_code_size and _is_continuous(model, codes["clean"]):
        found["walks"] = _walks(model, codes["clean"])
        with np.errstate(over="ignore", invalid="ignore"):
            spread = _training_codes(folder, items, main_code_size).std(axis=0)
        if not np.isfinite(spread).all():
            refuse(folder, "codes.npz 'train' varies by more than float32 can hold")
        found["perturbed_units"], found["perturbed"] = _perturbed(model, codes["clean"][0], spread)
    of_units = filters(model, FILTERS)
    if of_units is not None:
        found["filter_units"], found["filters"] = of_units[0], of_units[1].astype(np.float16)
    return found


def _is_continuous(model: Any, codes: np.ndarray) -> bool:
    return codes.dtype.kind == "f" and getattr(model, "code", None) != "quantised"


def _walks(model: Any, codes: np.ndarray) -> np.ndarray:
    lines = [_line(*codes[list(pair)]) for pair in WALKS]
    return _bytes(np.stack([model.inverse_transform(line) for line in lines]))


def _line(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return steps from one row to another, both included, [WALK_STEPS, width]."""
    share = np.linspace(0, 1, WALK_STEPS, dtype=start.dtype)[:, None]
    return (1 - share) * start + share * end


def _perturbed(model: Any, code: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move one unit of a code at a time; return the units that count most, and the pictures."""
    moves = np.eye(len(code), dtype=code.dtype) * spread.astype(code.dtype)
    apart = model.inverse_transform(code + moves) - model.inverse_transform(code - moves)
    units = np.argsort(-np.square(apart).sum(axis=1), kind="stable")[:UNITS]
    moved = code + DEVIATIONS[None, :, None] * moves[units][:, None, :]
    images = model.inverse_transform(moved.reshape(-1, len(code)).astype(code.dtype))
    return units, _bytes(images).reshape(len(units), len(DEVIATIONS), -1)


def _training_codes(folder: Path, items: int, code_size: int) -> np.ndarray:
    try:
        codes = read_arrays(folder / "codes.npz", "train").get("train", np.empty((0, 0)))
    except AebenchError as error:
        refuse(folder, f"codes.npz cannot be read ({error})")
    check_codes(codes, (items, code_size), "codes.npz 'train'", folder)
    return codes


def _bytes(images: np.ndarray) -> np.ndarray:
    return (np.clip(images, 0, 1) * 255).round().astype(np.uint8)
