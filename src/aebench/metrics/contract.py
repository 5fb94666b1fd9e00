"""What a train job must have written before it is measured."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeVar

import numpy as np

from aebench.errors import AebenchError, shown
from aebench.files import read_json, told, why_not_numpy
from aebench.metrics.reconstruction import blocks

if TYPE_CHECKING:
    from aebench.datasets import Dataset

DECODED_AT_ONCE = 20_000  # items; 160 MB of 2,000 words

SHARE_TOLERANCE = 1e-3
"""How far the shares of a reconstructed document may sum from 1."""

HISTORY = ["epoch", "split", "metric", "value", "seconds"]
"""Columns of history.csv."""

_AMOUNT = {"type": "number", "minimum": 0, "maximum": 1e15}
_TEXT = {"type": "string"}
_TABLE = {"type": "object"}
_TABLE_OR_NULL = {"type": ["object", "null"]}
RUN = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("seconds", "peak_memory_mb", "parameters_count"), _AMOUNT),
        **dict.fromkeys(("estimator", "device", "code_dtype"), _TEXT),
        **dict.fromkeys(("parameters", "data_sha256", "versions"), _TABLE),
        **dict.fromkeys(("commit", "hardware"), _TABLE_OR_NULL),
        "seed": {"type": "integer"},
    },
}
"""What `run.json` may say, as far as anything depends on it."""

COST = {"type": "object", "properties": {"made_by": _TABLE}, "additionalProperties": _AMOUNT}
"""What `cost.json` may say, and what a job has used."""

_T = TypeVar("_T")
_SEED_FOLDER = re.compile(
    r"(?P<dataset>[^/]+)/(?P<variant>[^/]+)/d(?P<code_size>\d+)/seed-(?P<seed>\d+)/?$"
)


class Run(NamedTuple):
    """What one seed folder holds: codes [n_train, d], [n_test, d], reconstruction [n_test, f]."""

    codes_train: np.ndarray
    codes_test: np.ndarray
    reconstruction: np.ndarray


def read_run(
    folder: str | Path,
    dataset: Dataset,
    code_size: int,
    decode: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Run:
    """Read codes.npz and reconstruction.npy of a seed folder and check all that a variant wrote.

    Parameters
    ----------
    folder : path
        `results/<budget>/<dataset>/<variant>/d<code size>/seed-<n>`.
    dataset : Dataset
        The data set that was trained on.
    code_size : int
        Number of dimensions that the codes must have.
    decode : callable, optional
        Reconstructs codes [n, code_size]; then there need be no reconstruction.npy.

    Returns
    -------
    Run
        The reconstruction is a read-only memory map, of a nameless file where it was decoded.

    Raises
    ------
    AebenchError
        When a file is missing or unreadable, or `check_run` or `check_facts` refuses its content.
    """
    check_facts(Path(folder))
    codes = _load(Path(folder), "codes.npz", _read_arrays)
    if decode is None:
        reconstruction = _load(Path(folder), "reconstruction.npy", _map_array)
    else:
        own = codes.get("test", np.empty((0, 0)))
        if "test" in codes:  # before a model is given them
            check_codes(own, (dataset.test.shape[0], code_size), "codes.npz 'test'", folder)
        reconstruction = _decoded(decode, own, Path(folder))
    check_run(dataset, codes, reconstruction, code_size, folder)
    return Run(codes["train"], codes["test"], reconstruction)


def check_run(
    dataset: Dataset,
    codes: Mapping[str, np.ndarray],
    reconstruction: np.ndarray,
    code_size: int,
    where: str | Path,
) -> None:
    """Refuse codes and a reconstruction that cannot be measured.

    Parameters
    ----------
    dataset : Dataset
    codes : mapping
        `train` [n_train, code_size] and `test` [n_test, code_size]; float32, or uint8 of 0 and 1.
    reconstruction : ndarray [n_test, n_features]
        float32; for documents non-negative shares that sum to 1 in each row.
    code_size : int
    where : str or path
        The seed folder, named in the message.

    Raises
    ------
    AebenchError
        Names variant, data set, code size, seed and the one reason.
    """
    items = {"train": dataset.train.shape[0], "test": dataset.test.shape[0]}
    for part, n in items.items():
        if part not in codes:
            found = ", ".join(sorted(codes)) or "none"
            refuse(where, f"codes.npz has no array '{part}'; found: {found}; needed: train, test")
        check_codes(codes[part], (n, code_size), f"codes.npz '{part}'", where)
    if codes["train"].dtype != codes["test"].dtype:
        kinds = f"'train' is {codes['train'].dtype} and 'test' is {codes['test'].dtype}"
        refuse(where, f"codes.npz {kinds}; both must be the same")
    _check_reconstruction(reconstruction, dataset, where)


def check_facts(folder: Path) -> None:
    """Refuse a run.json or a history.csv, which need not be there, that no report could be made of.

    Raises
    ------
    AebenchError
        Names variant, file, what was found and what is allowed.
    """
    if (folder / "run.json").is_file():
        try:
            read_json(folder / "run.json", schema=RUN)
        except AebenchError as error:
            refuse(folder, str(error).removesuffix("."))
    if (folder / "history.csv").is_file():
        header, *rows = _load(folder, "history.csv", _read_rows, "as a table") or [[]]
        if header != HISTORY:
            refuse(folder, f"history.csv has columns {header}; needed: {HISTORY}")
        for line, row in enumerate(rows, start=2):
            if len(row) != len(HISTORY) or not all(_is_number(row[i]) for i in (0, 3, 4)):
                refuse(
                    folder,
                    f"history.csv has {row} in line {line}; epoch, value and seconds are numbers",
                )


def _read_rows(path: Path) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return [row for row in csv.reader(file) if row]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def refuse(where: str | Path, reason: str) -> NoReturn:
    """Raise the one error of this module, naming the variant as far as the folder tells it."""
    match = _SEED_FOLDER.search(Path(where).as_posix())
    if match:
        m = match.groupdict()
        who = (
            f"variant '{m['variant']}' on {m['dataset']}, code size {m['code_size']}, "
            f"seed {m['seed']} ({where})"
        )
    else:
        who = str(where)
    raise AebenchError(f"{who}: {reason}.")


def _load(folder: Path, name: str, read: Callable[[Path], _T], how: str = "as a numpy file") -> _T:
    path = folder / name
    if not path.is_file():
        refuse(folder, f"{name} is missing; every variant must write codes.npz, reconstruction.npy")
    try:
        return read(path)
    except Exception as error:  # numpy raises ValueError, zipfile.BadZipFile, EOFError, ...
        refuse(folder, f"{name} cannot be read {how} ({why_not_numpy(error)})")


def _decoded(
    decode: Callable[[np.ndarray], np.ndarray], codes: np.ndarray, folder: Path
) -> np.ndarray:
    """Decode into a file without a name, some items at a time: as a whole they may not fit.

    It is written as a file, not through a memory map, so that a full disk is an OSError.
    """
    width = 0
    with told(folder / "reconstruction", folder), tempfile.TemporaryFile(dir=folder) as file:
        for start in range(0, len(codes), DECODED_AT_ONCE):
            block = np.asarray(decode(codes[start : start + DECODED_AT_ONCE]))
            width = block.shape[1]
            file.write(np.ascontiguousarray(block, dtype=np.float32).data)
        file.flush()
        if not width:
            return np.empty((0, 0), np.float32)
        return np.memmap(file, np.float32, "r", shape=(len(codes), width))


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        found = {key: arrays[key] for key in arrays.files}
    strange = [key for key, array in found.items() if not isinstance(array, np.ndarray)]
    if strange:
        raise ValueError(f"{shown(strange[0])} in it is no array")
    return found


def _map_array(path: Path) -> np.ndarray:
    return np.lib.format.open_memmap(path, mode="r")  # np.load would open a zip archive, too


def check_codes(codes: np.ndarray, shape: tuple[int, int], name: str, where: str | Path) -> None:
    """Refuse codes that are not of that shape, or neither finite float32 nor bits."""
    _check_shape(codes, shape, name, where)
    if codes.dtype == np.uint8:
        wrong = int((codes > 1).any(axis=1).sum())
        if wrong:
            refuse(where, f"{name} is uint8 with values other than 0 and 1 in {wrong} rows")
    elif codes.dtype == np.float32:
        wrong = int((~np.isfinite(codes)).any(axis=1).sum())
        if wrong:
            refuse(where, f"{name} has NaN or infinite values in {wrong} of {len(codes)} rows")
    else:
        refuse(where, f"{name} is {codes.dtype}; allowed: float32, or uint8 of 0 and 1")


def _check_reconstruction(R: np.ndarray, dataset: Dataset, where: str | Path) -> None:
    name = "reconstruction"
    _check_shape(R, dataset.test.shape, name, where)
    if R.dtype != np.float32:
        refuse(where, f"{name} is {R.dtype}; allowed: float32")
    infinite = negative = unbalanced = 0
    for _, block in blocks(R):
        infinite += int((~np.isfinite(block)).any(axis=1).sum())
        negative += int((block < 0).any(axis=1).sum())
        sums = block.sum(axis=1, dtype=np.float64)
        unbalanced += int((np.abs(sums - 1) > SHARE_TOLERANCE).sum())
    if infinite:
        refuse(where, f"{name} has NaN or infinite values in {infinite} of {len(R)} rows")
    if dataset.kind == "documents" and negative:
        refuse(where, f"{name} has negative shares in {negative} of {len(R)} rows")
    if dataset.kind == "documents" and unbalanced:
        refuse(where, f"{name} has shares that do not sum to 1 in {unbalanced} of {len(R)} rows")


def _check_shape(array: np.ndarray, shape: tuple[int, ...], name: str, where: str | Path) -> None:
    if array.shape != tuple(shape):
        refuse(where, f"{name} has shape {list(array.shape)}; needed: {list(shape)}")
