"""A prepared data set in memory, and its two files `data.npz` and `data.json`."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse

from aebench.errors import AebenchError
from aebench.files import atomic, read_json, sha256, why_not_numpy, write_text

Matrix: TypeAlias = np.ndarray | scipy.sparse.csr_matrix


MOST_FEATURES, MOST_CLASSES = 1_000_000, 65_536

_COUNT = {"type": "integer", "minimum": 1}
_NAMES = {"type": ["array", "null"], "items": {"type": ["string", "number"]}}
_WORDS = {"type": "object", "additionalProperties": {"type": "string"}}
FACTS = {
    "type": "object",
    "required": ["dataset", "kind", "n_features", "train_items", "test_items"],
    "properties": {
        "dataset": {"type": "string", "maxLength": 100},
        "kind": {"enum": ["images", "documents"]},
        "n_features": _COUNT | {"maximum": MOST_FEATURES},
        "image_shape": {"type": ["array", "null"], "items": _COUNT, "maxItems": 3},
        "classes": _NAMES | {"maxItems": MOST_CLASSES},
        "vocabulary": _NAMES,
        "npz_sha256": {"type": "string"},
        "sha256": _WORDS,
        "sources": _WORDS,
        "train_items": _COUNT,
        "test_items": _COUNT,
        "notes": {"type": "array", "items": {"type": "string"}},
    },
}
"""What `data.json` may say."""


@dataclass
class Dataset:
    """A data set ready for estimators.

    Attributes
    ----------
    name : str
    kind : {"images", "documents"}
    train, test : ndarray or CSR matrix, shape [n_items, n_features], float32
        Images: dense pixels in [0, 1]. Documents: CSR counts of words.
    train_labels, test_labels : ndarray
        Class ids, shape [n_items]; with several labels an item, a uint8 indicator of shape
        [n_items, n_classes].
    info : dict
        The facts of `data.json`: n_features, image_shape, classes, vocabulary, sha256 and source
        of every raw file, notes. `save` adds npz_sha256, by which `read` knows `data.npz`.
    train_factors, test_factors : ndarray, shape [n_items, n_factors], float32, or None
        What the items were made from, where that is known.
    excerpts : dict of position in test to str, or None
        First words of some test documents, see `aebench.datasets.excerpts`. `save` and `read`
        leave them out: no estimator asks for them.
    """

    name: str
    kind: str
    train: Matrix
    test: Matrix
    train_labels: np.ndarray
    test_labels: np.ndarray
    info: dict[str, Any] = field(default_factory=dict)
    train_factors: np.ndarray | None = None
    test_factors: np.ndarray | None = None
    excerpts: dict[int, str] | None = None


def pixels(grey: np.ndarray) -> np.ndarray:
    """Turn grey values 0..255 into float32 in [0, 1]."""
    scaled = grey.astype(np.float32)
    scaled /= 255
    return scaled


def save(dataset: Dataset, npz_path: str | Path, json_path: str | Path) -> None:
    """Write a prepared data set; the same data set gives the same bytes.

    Uncompressed: images as uint8, word counts as the three int arrays of a CSR matrix.
    """
    arrays: dict[str, Any] = {}
    for split in ("train", "test"):
        matrix = getattr(dataset, split)
        arrays[f"{split}_labels"] = getattr(dataset, f"{split}_labels")
        factors = getattr(dataset, f"{split}_factors")
        if factors is not None:
            arrays[f"{split}_factors"] = factors.astype(np.float32)
        if dataset.kind == "images":
            arrays[split] = np.rint(matrix * np.float32(255)).astype(np.uint8)
            continue
        counts = scipy.sparse.csr_matrix(matrix, copy=True)
        counts.sum_duplicates()
        arrays[f"{split}_data"] = counts.data.astype(np.int32)
        arrays[f"{split}_indices"] = counts.indices.astype(np.int32)
        arrays[f"{split}_indptr"] = counts.indptr.astype(np.int64)
    with atomic(npz_path) as temporary:
        np.savez(temporary, **arrays)
    info = dataset.info | {"npz_sha256": sha256(npz_path)}
    text = json.dumps(info, sort_keys=True, indent=1, ensure_ascii=False)
    write_text(json_path, text + "\n")


def read(npz_path: str | Path, json_path: str | Path | None = None) -> Dataset:
    """Read a prepared data set.

    Parameters
    ----------
    npz_path : path
    json_path : path, optional
        Its facts; by default the file of the same name that ends in `.json`.

    Raises
    ------
    AebenchError
        When a file is missing, damaged, or the two do not belong together.
    """
    npz_path = Path(npz_path)
    json_path = Path(json_path) if json_path else npz_path.with_suffix(".json")
    info = read_facts(json_path)
    expected = info.pop("npz_sha256", None)  # None is of no file
    try:
        if sha256(npz_path) != expected:
            raise ValueError(f"it is not the file that {json_path.name} was written with")
        with np.load(npz_path, allow_pickle=False) as arrays:
            dataset = Dataset(
                info["dataset"],
                info["kind"],
                _matrix(arrays, "train", info),
                _matrix(arrays, "test", info),
                arrays["train_labels"],
                arrays["test_labels"],
                info,
                arrays.get("train_factors"),
                arrays.get("test_factors"),
            )
        _check(dataset)
    except FileNotFoundError as error:
        raise _unreadable(npz_path, "it does not exist") from error
    except Exception as error:  # a flipped byte can raise anything inside zipfile, numpy, scipy
        raise _unreadable(npz_path, why_not_numpy(error)) from error
    return dataset


def read_facts(path: str | Path) -> dict[str, Any]:
    """Read `data.json`.

    Raises
    ------
    AebenchError
        When it is missing, damaged, or says something else than FACTS allow.
    """
    path = Path(path)
    try:
        info = read_json(path, schema=FACTS)
    except AebenchError as error:
        raise _unreadable(path, str(error).removesuffix(".")) from error
    shape = info.get("image_shape")
    if shape and math.prod(shape) != info["n_features"]:
        raise _unreadable(path, f"image_shape is {shape}, n_features {info['n_features']}")
    return info


def _matrix(arrays: Any, split: str, info: dict[str, Any]) -> Matrix:
    if info["kind"] == "images":
        if arrays[split].dtype != np.uint8:
            raise ValueError(f"{split} is {arrays[split].dtype}, not uint8")
        return pixels(arrays[split])
    parts = (arrays[f"{split}_{part}"] for part in ("data", "indices", "indptr"))
    data, indices, indptr = parts
    if data.dtype.kind not in "iu" or (data < 1).any():
        raise ValueError(f"{split} has other counts than whole numbers of at least 1")
    shape = (len(indptr) - 1, info["n_features"])
    counts = scipy.sparse.csr_matrix((data.astype(np.float32), indices, indptr), shape=shape)
    counts.check_format(full_check=True)
    counts.has_canonical_format = True  # save wrote it so
    return counts


def _check(dataset: Dataset) -> None:
    for split, matrix, labels, factors in (
        ("train", dataset.train, dataset.train_labels, dataset.train_factors),
        ("test", dataset.test, dataset.test_labels, dataset.test_factors),
    ):
        expected = (dataset.info[f"{split}_items"], dataset.info["n_features"])
        if matrix.shape != expected:
            raise ValueError(f"{split} has shape {matrix.shape}, data.json says {expected}")
        if len(labels) != matrix.shape[0]:
            raise ValueError(f"{len(labels)} {split} labels for {matrix.shape[0]} items")
        check_labels(labels, len(dataset.info.get("classes") or ()))
        if factors is not None and (
            factors.shape[:1] != matrix.shape[:1]
            or factors.ndim != 2
            or factors.dtype != np.float32
            or not np.isfinite(factors).all()
        ):
            raise ValueError(f"factors of {split} are not finite float32, a row an item")


def check_labels(labels: np.ndarray, classes: int = 0) -> None:
    """Refuse, with a ValueError, what are neither class ids nor indicators, of so many classes."""
    most = classes or MOST_CLASSES
    if labels.ndim == 2:
        right = labels.dtype == np.uint8 and bool((labels <= 1).all())
        right = right and labels.shape[1] == (classes or labels.shape[1])
    else:
        right = labels.ndim == 1 and labels.dtype.kind in "iu"
        right = right and bool(((labels >= 0) & (labels < most)).all())
    if not right:
        raise ValueError(f"labels are neither ids of {most} classes nor indicators of them")


def _unreadable(path: Path, why: str) -> AebenchError:
    return AebenchError(
        f"{path} is not a readable prepared data set: {why}. Delete it and run again: the data "
        "stage makes it anew."
    )
