"""What the interactive parts of a data set show, as one small JSON payload.

The page draws from it alone: which test items are shown, what they look like, their 2-D codes,
their nearest items, their reconstructions. Everything is a fixed choice, so that equal results
give an equal page.
"""

from __future__ import annotations

import base64
import importlib.util
import io
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from aebench.errors import AebenchError
from aebench.files import read_json
from aebench.metrics.ranking import Items, Ranker
from aebench.report import names, palette
from aebench.report.figures import code_maps
from aebench.report.figures.shared import MOST_OF_A_ROLE, spread
from aebench.report.figures.strips import is_ink
from aebench.report.results import Results, Run

IMAGES = 600
DOCUMENTS = 500
"""Test items of a data set that are shown, at most."""

NEIGHBOURS = 10
MOST_METHODS = 6
"""Methods beside each other in the retrieval explorer."""

MOST_OF_OTHER_SIZES = 2
"""Methods of a role to choose from that have not the main code size, such as binary codes."""

MOST_TILES = 1200
"""Images of a data set in its reconstruction browser, at most."""

DATASETS_IN_FULL = 2
"""Data sets of images that show as many; more of them share what these would, for the page's size.

Their pictures are lossless, since what compression does would look like a model's error.
"""

LONGEST_WEBP = 16383
"""Pixels of a side, by the format."""

ROLES = ("autoencoder", "baseline", "control")
RETRIEVAL = "mean_average_precision"
SCRIPTS = ("bokeh.min.js", "bokeh-api.min.js")


def payload(results: Results, dataset: str) -> dict[str, Any]:
    """Return what the page needs to explore a data set; its parts may be empty.

    Returns
    -------
    dict
        Plain types for JSON. Texts and names in it are not escaped.
    """
    texts = _excerpts(results, dataset)
    available = int(results.items(dataset).test.shape[0])
    most = _share(results, IMAGES) if results.kind(dataset) == "images" else DOCUMENTS
    shown = _shown(available, texts, most)
    return {
        "title": names.title(dataset),
        "kind": results.kind(dataset),
        "available": available,
        "shown": len(shown),
        "positions": shown.tolist(),
        "texts": [texts[position] for position in shown.tolist()] if texts else None,
        "sprite": _thumbnails(results, dataset, shown),
        "classes": _classes(results, dataset, shown),
        "neighbours": NEIGHBOURS,
        "most_methods": MOST_METHODS,
        "code_size": results.main_code_size(dataset),
        "maps": _maps(results, dataset, shown),
        "methods": _methods(results, dataset, shown),
        "reconstructions": _reconstructions(results, dataset),
    }


@cache
def library() -> str:
    """Return Bokeh's browser part, from the files of the installed package."""
    # Found, not imported: the import would take longer than all the rest of the page.
    found = importlib.util.find_spec("bokeh")
    if found is None or found.submodule_search_locations is None:
        raise AebenchError("the page needs bokeh, which is not installed: pip install bokeh.")
    folder = Path(found.submodule_search_locations[0]) / "server" / "static" / "js"
    try:
        text = "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)
    except OSError as error:
        raise AebenchError(f"cannot read Bokeh's browser part: {error}.") from error
    # What would end the element it is embedded in; inside a string of a script it means the same.
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


# ---------------------------------------------------------------- items


def _excerpts(results: Results, dataset: str) -> dict[int, str]:
    """First words of some test documents by position; older results have none."""
    path = results.folder / dataset / "excerpts.json"
    try:
        found = {int(place): str(text) for place, text in read_json(path, missing={}).items()}
    except ValueError as error:
        raise AebenchError(f"{path} is malformed: {error}. Delete it and run again.") from error
    available = results.items(dataset).test.shape[0]
    if any(not 0 <= place < available for place in found):
        raise AebenchError(
            f"{path} has items that {dataset} has not. Delete it and run again: the data stage "
            "makes it anew."
        )
    return found


def _share(results: Results, most: int) -> int:
    """How many of `most` images each data set of images may show, that all of them fit a page."""
    images = sum(results.kind(name) == "images" for name in results.datasets)
    return most * DATASETS_IN_FULL // max(images, DATASETS_IN_FULL)


def _shown(available: int, texts: dict[int, str], most: int) -> np.ndarray:
    """Positions of the items shown, in random order, so that ties do not follow the classes."""
    if not texts:
        return spread(available, most)
    kept = np.array(sorted(texts))
    return kept[spread(len(kept), most)]


def _thumbnails(results: Results, dataset: str, shown: np.ndarray) -> dict[str, Any] | None:
    shape = results.facts[dataset].get("image_shape")
    if not shape:
        return None
    images = np.asarray(results.items(dataset).test[shown]).reshape(-1, *shape)
    return _sprite(images, 30, is_ink(images))


def _sprite(images: np.ndarray, columns: int, ink: bool) -> dict[str, Any]:
    """Put images [n, height, width] of pixels in [0, 1] into one lossless picture, in rows.

    It is a WebP image where that can be as large, else a PNG.
    """
    from PIL import Image

    grey = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    grey = 255 - grey if ink else grey
    rows = -(-len(grey) // columns)
    blank = np.full((rows * columns - len(grey), *grey.shape[1:]), 255, np.uint8)
    grid = np.concatenate([grey, blank]).reshape(rows, columns, *grey.shape[1:])
    whole = np.concatenate(list(np.concatenate(list(grid.swapaxes(0, 1)), axis=2)), axis=0)
    kind = "webp" if max(whole.shape) <= LONGEST_WEBP else "png"
    options = {"lossless": True, "quality": 80, "method": 4} if kind == "webp" else {}
    with io.BytesIO() as file:
        Image.fromarray(whole).save(file, format=kind, **options)
        data = base64.b64encode(file.getvalue()).decode("ascii")
    return {
        "url": f"data:image/{kind};base64,{data}",
        "columns": columns,
        "height": grey.shape[1],
        "width": grey.shape[2],
    }


def _classes(results: Results, dataset: str, shown: np.ndarray) -> dict[str, Any] | None:
    """Names, and for every item its classes and its colour group; None where all are alike."""
    labels = np.asarray(results.items(dataset).test_labels)[shown]
    if len(np.unique(labels, axis=0)) < 2:
        return None
    of_items = (
        [[int(label)] for label in labels]
        if labels.ndim == 1
        else [np.flatnonzero(row).tolist() for row in labels]
    )
    most = 1 + max((max(own) for own in of_items if own), default=0)
    classes = results.facts[dataset].get("classes") or range(most)
    colours, legend = code_maps.class_colours(results, dataset)
    groups = list(legend)
    by_colour = {colour: groups.index(name) for name, colour in legend.items()}
    return {
        "names": [str(name) for name in classes],
        "of_items": of_items,
        "groups": [{"name": name, "colour": legend[name]} for name in groups],
        "group_of_items": [by_colour[str(colour)] for colour in colours[shown]],
    }


# ---------------------------------------------------------------- codes


def _case(results: Results, dataset: str, variant: str) -> Run | None:
    """Return the run that stands for a variant: its lowest seed, at the main code size.

    A variant that has not that code size is shown at its next larger one, else at its largest.
    """
    runs = results.runs(dataset, variant)
    if not runs:
        return None
    main = results.main_code_size(dataset)
    return min(runs, key=lambda run: (run.code_size < main, abs(run.code_size - main), run.seed))


def _maps(results: Results, dataset: str, shown: np.ndarray) -> list[dict[str, Any]]:
    """2-D codes of the items as 16-bit places in the frame, the most accurate variants first."""
    found = []
    accuracies = results.means(dataset, "knn_accuracy", 2)
    for variant, codes in code_maps.panels(results, dataset).items():
        accuracy = accuracies.get(variant)
        found.append(
            {
                "variant": variant,
                "role": results.roles[variant],
                "accuracy": None if accuracy is None else f"{accuracy:.3f}",
                "codes": _packed(_framed(codes)[shown]),
            }
        )
    return sorted(found, key=lambda one: (ROLES.index(one["role"]), -float(one["accuracy"] or 0)))


def _framed(codes: np.ndarray) -> np.ndarray:
    """Places 0..65535 in a frame around 99% of all codes [n, 2], in x and in y.

    What is outside goes to its edge.
    """
    low, high = np.quantile(codes, [0.005, 0.995], axis=0)
    places = (codes - low) / np.maximum(high - low, 1e-9)
    return np.rint(np.clip(places, 0, 1) * 65535)


def _packed(numbers: np.ndarray) -> str:
    """Return whole numbers 0..65535 as base64 of little-endian 16 bits."""
    return base64.b64encode(np.asarray(numbers).astype("<u2").tobytes()).decode("ascii")


def _methods(results: Results, dataset: str, shown: np.ndarray) -> list[dict[str, Any]]:
    """Nearest items by the leading variants of each role, role by role, best first.

    Those that have not the main code size follow the others, to which they do not compare.
    """
    main = results.main_code_size(dataset)
    scored: list[tuple[bool, float, str, Run]] = []
    for variant in results.variants(dataset):
        run = _case(results, dataset, variant)
        if run is None:
            continue
        row = results.row(dataset, variant, run.code_size, RETRIEVAL)
        if row is not None:
            scored.append((run.code_size != main, -float(row["mean"]), variant, run))
    found: list[dict[str, Any]] = []
    taken: Counter[tuple[str, bool]] = Counter()
    for other_size, score, variant, run in sorted(scored, key=lambda one: one[:3]):
        role = results.roles[variant]
        full = taken[role, other_size] == (MOST_OF_OTHER_SIZES if other_size else MOST_OF_A_ROLE)
        codes = None if full else run.codes()
        if codes is None:
            continue
        taken[role, other_size] += 1
        found.append(
            {
                "variant": variant,
                "role": role,
                "colour": palette.colour(variant),
                "code_size": run.code_size,
                "binary": codes.dtype == np.uint8,
                "score": f"{-score:.3f}",
                "nearest": _packed(nearest(codes[shown], NEIGHBOURS)),
            }
        )
    return sorted(found, key=lambda one: ROLES.index(one["role"]))


def nearest(codes: np.ndarray, most: int) -> np.ndarray:
    """Return the `most` nearest other items of every item, by the distances of the tables.

    Parameters
    ----------
    codes : ndarray [n, d]
        float32, compared by cosine; or uint8 of 0 and 1, compared by Hamming distance.
    most : int

    Returns
    -------
    ndarray [n, min(most, n - 1)] of int
        Positions, nearest first; items at the same distance in their order in `codes`.
    """
    n = len(codes)
    alike = np.zeros(n, np.int64)  # distances ask for no labels
    items = Items(codes, alike, alike)
    distances = np.array(Ranker(items, items).distances(slice(0, n))[:, :n], dtype=np.int64)
    np.fill_diagonal(distances, np.iinfo(np.int64).max)
    return np.argsort(distances, axis=1, kind="stable")[:, : min(most, n - 1)]


# ---------------------------------------------------------------- reconstructions


def _reconstructions(results: Results, dataset: str) -> dict[str, Any] | None:
    """Some test images and what every variant makes of them, with its error on each."""
    shape = results.facts[dataset].get("image_shape")
    found: list[tuple[Run, np.ndarray, np.ndarray]] = []
    for variant in results.variants(dataset):
        run = _case(results, dataset, variant)
        samples = run.samples() if run is not None else None
        if run is not None and samples is not None:
            found.append((run, *samples))
    if not shape or not found:
        return None
    most = max(1, _share(results, MOST_TILES) // (len(found) + 1))
    positions = found[0][1][:most]
    found = [one for one in found if np.array_equal(one[1][:most], positions)]
    originals = np.asarray(results.items(dataset).test[positions], dtype=np.float64)
    ink = is_ink(originals)
    tiles = [originals, *(images[:most] for _, _, images in found)]
    labels = np.asarray(results.items(dataset).test_labels)[positions]
    classes = results.facts[dataset].get("classes") or []
    return {
        "positions": positions.tolist(),
        "classes": [names.classes(label, classes) for label in labels],
        "sprite": _sprite(
            np.concatenate(tiles).reshape(-1, *shape).astype(np.float32), len(positions), ink
        ),
        "variants": [
            {
                "variant": run.variant,
                "role": results.roles[run.variant],
                "colour": palette.colour(run.variant),
                "code_size": run.code_size,
                "errors": [
                    round(float(error), 3)
                    for error in ((images[:most] - originals) ** 2).sum(axis=1)
                ],
            }
            for run, _, images in found
        ],
    }
