"""The evaluate stage: check what a variant wrote, then score every seed."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aebench import datasets, metrics
from aebench.files import atomic, sha256


def run(
    data: str | Path,
    folders: Sequence[str | Path],
    *,
    code_size: int,
    queries: int | None,
    probe_items: int | None,
) -> None:
    """Write scores.csv and samples.npz into the folder of every seed.

    `queries` and `probe_items` are limits, see `metrics.score_run`. Seeds that gave identical
    files, as exact methods do, are scored once.

    Raises
    ------
    AebenchError
        When a folder breaks the contract; names variant, file and reason.
    """
    dataset = datasets.read(data)
    known: dict[tuple[str, str], dict[str, float]] = {}
    for folder in map(Path, folders):
        files = metrics.read_run(folder, dataset, code_size)
        key = (sha256(folder / "codes.npz"), sha256(folder / "reconstruction.npy"))
        if key not in known:
            known[key] = metrics.score_run(dataset, *files, queries, probe_items)
        path = folder / "scores.csv"
        with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["split", "metric", "value"])
            writer.writerows(
                ["test", metric, f"{value:.9g}"] for metric, value in known[key].items()
            )
        with atomic(folder / "samples.npz") as temporary:
            np.savez(temporary, **metrics.samples(dataset, files.reconstruction))  # type: ignore[arg-type]
