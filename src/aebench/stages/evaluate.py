"""The evaluate stage: check what a variant wrote, then score every seed."""

import ctypes
import filecmp
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aebench import datasets, metrics
from aebench.errors import ParameterError, memory_told
from aebench.files import atomic, write_csv, write_text
from aebench.metrics.arrays import Place, here
from aebench.metrics.contract import refuse
from aebench.metrics.measured import Measured
from aebench.stages import provenance

WORTH_A_GPU = 3e8
"""Pairs of items from which `auto` looks for a GPU: below, starting it costs more than it saves."""


FILES = {
    "scores.csv": "split, metric, value: what goes into the tidy table",
    "classes.csv": "class, metric, value: means over the test items of each class",
    "items.npz": "one value a test item, for paired tests",
    "samples.npz": "the reconstructions that the report shows",
    "cost.json": "items encoded and decoded a second, operations an item; what made the scores",
}
"""What is written. Times are kept out of scores.csv: equal runs give equal scores."""


class Scored(NamedTuple):
    """What was found of one seed: numbers, reconstructions to show, times."""

    measured: Measured
    samples: dict[str, np.ndarray]
    cost: dict[str, float]


@memory_told()
def run(
    data: str | Path,
    folders: Sequence[str | Path],
    *,
    code_size: int,
    limits: Mapping[str, int | None],
    database: str = "test",
    with_models: bool = False,
    unseen: str | Path | None = None,
    device: str = "cpu",
) -> None:
    """Write into the folder of every seed what was measured; see `FILES`.

    Seeds that gave identical files, as exact methods do, are scored once.

    Parameters
    ----------
    data : path
        The prepared data set.
    folders : sequence of path
        One a seed.
    code_size : int
    limits : mapping
        `queries`, `probe_items`, `sample_items`, see `metrics.Limits`.
    database : {"test", "train"}
        What retrieval queries are compared with: the other test items, or the training items.
    with_models : bool
        Each folder holds a fitted estimator, as `aebench.models.save` writes it; otherwise it holds
        a reconstruction.npy.
    unseen : path, optional
        Another prepared data set, whose images the models never saw.
    device : {"cpu", "cuda", "auto"}
        Where pairs of items are compared and networks run; `auto`: on a GPU if there is one and
        enough to do.

    Raises
    ------
    AebenchError
        When a folder breaks the contract; names variant, file and reason.
    """
    dataset = datasets.read(data)
    limit, items = metrics.Limits(**limits), dataset.test.shape[0]
    settings = {
        "limits": limit,
        "unseen": datasets.read(unseen) if unseen else None,
        "place": _place(device, len(folders) * items * min(limit.queries or items, items)),
        "database": database,
    }
    made_by = {
        **provenance.made_by(),
        "device": "cpu" if settings["place"] is here else "gpu",
        "database": database,
        "limits": dict(limits),
    }
    decided_by = ("codes.npz", "model.safetensors" if with_models else "reconstruction.npy")
    done: dict[Path, Scored] = {}
    for folder in map(Path, folders):
        twin = next((each for each in done if _same(each, folder, decided_by)), None)
        if twin is None:
            model = _model(folder, device, dataset.test[:2]) if with_models else None
            done[folder] = _score(folder, dataset, code_size, model, settings)
        else:
            done[folder] = done[twin]
        _write(folder, done[folder], dataset, made_by)


def _score(
    folder: Path,
    dataset: datasets.Dataset,
    code_size: int,
    model: Any,
    settings: Mapping[str, Any],
) -> Scored:
    run = metrics.read_run(folder, dataset, code_size, model and model.inverse_transform)
    found = metrics.score_run(dataset, run, model=model, **settings)
    samples = metrics.samples(dataset, run.reconstruction)
    return Scored(found, samples, _cost(model, dataset, run.codes_test) if model else {})


def _cost(model: Any, dataset: datasets.Dataset, codes: np.ndarray) -> dict[str, float]:
    from aebench.models.flops import flops

    operations = {f"{what}_flops": count for what, count in (flops(model) or {}).items()}
    return metrics.throughput(model, dataset.test, codes) | operations


def _model(folder: Path, device: str, items: Any) -> Any:
    from aebench import models

    try:
        return models.load(folder, device, items)
    except ParameterError as error:
        refuse(folder, str(error).removesuffix("."))


def _write(
    folder: Path, scored: Scored, dataset: datasets.Dataset, made_by: Mapping[str, Any]
) -> None:
    found = scored.measured
    rows = [
        [split, metric, f"{value:.9g}"]
        for split, scores in (("test", found.scores), ("train", found.train))
        for metric, value in scores.items()
    ]
    write_csv(folder / "scores.csv", ["split", "metric", "value"], rows)
    names = dataset.info.get("classes") or []
    rows = [
        [str(names[number] if number < len(names) else number), metric, f"{value:.9g}"]
        for metric, values in found.classes.items()
        for number, value in enumerate(values)
    ]
    write_csv(folder / "classes.csv", ["class", "metric", "value"], rows)
    for name, arrays in (("items.npz", found.items), ("samples.npz", scored.samples)):
        with atomic(folder / name) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]
    cost = json.dumps({**scored.cost, "made_by": made_by}, indent=1, sort_keys=True)
    write_text(folder / "cost.json", cost + "\n")


def _same(a: Path, b: Path, names: Sequence[str]) -> bool:
    """Say whether two seeds gave the same files; files that differ do so in their first bytes."""
    return all(
        (a / name).is_file()
        and (b / name).is_file()
        and filecmp.cmp(a / name, b / name, shallow=False)
        for name in names
    )


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
