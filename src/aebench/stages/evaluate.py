"""The evaluate stage: check what a variant wrote, then score every seed."""

import csv
import ctypes
import filecmp
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aebench import datasets, metrics
from aebench.files import atomic
from aebench.metrics.arrays import Place, here

WORTH_A_GPU = 3e8
"""Pairs of items from which `auto` looks for a GPU: below, starting it costs more than it saves."""


def run(
    data: str | Path,
    folders: Sequence[str | Path],
    *,
    code_size: int,
    queries: int | None,
    probe_items: int | None,
    device: str = "cpu",
) -> None:
    """Write scores.csv and samples.npz into the folder of every seed.

    `queries` and `probe_items` are limits, see `metrics.score_run`. Seeds that gave identical
    files, as exact methods do, are scored once. `device` is where pairs of items are compared:
    `cpu`, `cuda`, or `auto`, a GPU if there is one and enough to do. The scores are the same.

    Raises
    ------
    AebenchError
        When a folder breaks the contract; names variant, file and reason.
    """
    dataset = datasets.read(data)
    items = dataset.test.shape[0]
    place = _place(device, len(folders) * items * min(queries or items, items))
    scores: dict[Path, dict[str, float]] = {}
    for folder in map(Path, folders):
        files = metrics.read_run(folder, dataset, code_size)
        twin = next((other for other in scores if _same(other, folder)), None)
        if twin is None:
            scores[folder] = metrics.score_run(dataset, *files, queries, probe_items, place)
        else:
            scores[folder] = scores[twin]
        path = folder / "scores.csv"
        with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["split", "metric", "value"])
            writer.writerows(
                ["test", metric, f"{value:.9g}"] for metric, value in scores[folder].items()
            )
        with atomic(folder / "samples.npz") as temporary:
            np.savez(temporary, **metrics.samples(dataset, files.reconstruction))  # type: ignore[arg-type]


def _same(a: Path, b: Path) -> bool:
    """Say whether two seeds gave the same files; files that differ do so in their first bytes."""
    names = ("codes.npz", "reconstruction.npy")
    return all(filecmp.cmp(a / name, b / name, shallow=False) for name in names)


def _place(device: str, pairs: int) -> Place:
    """Return what moves arrays to the device; torch is imported only where it is needed."""
    if device == "cpu" or (device == "auto" and (pairs < WORTH_A_GPU or not _has_gpu_driver())):
        return here
    from aebench.training.device import resolve

    found = resolve(device)
    if found.type == "cpu":
        return here
    import torch

    return lambda array: torch.as_tensor(array, device=found)


def _has_gpu_driver() -> bool:
    """Say in no time whether it makes sense to ask torch, whose import takes seconds."""
    for library in ("libcuda.so.1", "nvcuda.dll", "libamdhip64.so"):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return True
    return False
