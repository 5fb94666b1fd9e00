"""The train stage: fit all seeds of one variant and write the files of the contract."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aebench import datasets
from aebench.console import duration, peak_memory_mb
from aebench.errors import AebenchError, memory_told
from aebench.files import atomic, write_csv, write_text
from aebench.stages import provenance


@memory_told()
def run(
    data: str | Path,
    folders: Mapping[int, Path],
    *,
    estimator: str,
    parameters: Mapping[str, Any],
    code_size: int,
    epochs: Mapping[str, float],
    device: str,
    precision: str,
    threads: int,
    label: str,
    checkpoint_minutes: float = 5.0,
) -> None:
    """Fit the estimator for each seed and write its folder.

    An AutoEncoder's checkpoint lies beside the seeds' folders until they are written.

    Parameters
    ----------
    data : path
        The prepared data set; its facts lie beside it.
    folders : mapping of seed to folder
    estimator : str
        A key of `aebench.models.ESTIMATORS`.
    parameters : mapping
        The estimator's parameters for `images` and for `documents`.
    epochs : mapping
        The budget's epochs of `pretraining`, `adam` and `conjugate_gradients`.
    device, precision, threads
        Where and how exactly an AutoEncoder trains; others use `threads` CPU threads.
    label : str
        Opens the lines of progress.
    checkpoint_minutes : float
        Of training that a kill costs at most.

    Raises
    ------
    MemoryFullError
        When the data or the network have no room in memory.
    """
    from aebench import models

    folders = {int(seed): Path(folder) for seed, folder in folders.items()}  # JSON has text alone
    dataset = datasets.read(data)
    n_features = dataset.train.shape[1]
    if code_size > n_features and estimator != "AutoEncoder":
        raise AebenchError(
            f"code_size is {code_size}; {dataset.name} has {n_features} features, and a code "
            f"of {estimator} cannot be larger."
        )
    own = {k: v for k, v in (parameters[dataset.kind] or {}).items() if k != "code_sizes"}
    checkpoint = None
    if estimator == "AutoEncoder":
        from aebench.training.checkpoints import Checkpoint
        from aebench.training.device import use_threads

        checkpoint = Checkpoint(checkpoint_file(folders), checkpoint_minutes)

        use_threads(threads)
        optimizer = own.get("optimizer", "adam")
        budgeted = {"pretraining_epochs": epochs["pretraining"], "epochs": epochs[optimizer]}
        own = {**budgeted, "device": device, "precision": precision, "verbose": label, **own}
    start = time.perf_counter()
    model = models.build(estimator, code_size, own)
    fitted = models.fit_seeds(model, dataset.train, [*folders], checkpoint)
    fits = len({id(model) for model in fitted})  # an exact estimator is fitted once for all seeds
    shared_seconds = (time.perf_counter() - start) / fits
    made_by = provenance.made_by()
    for (seed, folder), model in zip(folders.items(), fitted, strict=True):
        trained_on = getattr(model, "device_", f"cpu, {threads} thread{'s'[: threads > 1]}")
        history = getattr(model, "history_", [])
        seconds = history[-1].seconds if history else shared_seconds
        codes = write_codes(folder, model, dataset)
        write_history(folder / "history.csv", history)
        parameters_count = models.save(model, folder, estimator, code_size, own)
        facts = {
            "estimator": estimator,
            "parameters": {**own, "code_size": code_size},
            "seed": seed,
            "data_sha256": dataset.info["sha256"],
            "device": trained_on,
            "seconds": seconds,
            "code_dtype": str(codes.dtype),
            "parameters_count": parameters_count,
            "peak_memory_mb": peak_memory_mb(),
            **made_by,
            "hardware": provenance.hardware(trained_on),
        }
        write_text(folder / "run.json", json.dumps(facts, indent=1, sort_keys=True) + "\n")
    if checkpoint:
        checkpoint.remove()
    total = time.perf_counter() - start
    print(f"{label}: {len(folders)} seeds trained in {duration(total)}", file=sys.stderr)


def checkpoint_file(folders: Mapping[int, Path]) -> Path:
    """Where a job keeps its checkpoint: no output of its rule, which Snakemake would remove."""
    seed, folder = next(iter(folders.items()))
    return folder.parent / f"checkpoint-{seed}.safetensors"


def write_codes(folder: Path, model: Any, dataset: datasets.Dataset) -> np.ndarray:
    """Write codes.npz of a fitted model; return the test codes."""
    train, test = model.transform(dataset.train), model.transform(dataset.test)
    dtype = np.uint8 if test.dtype == np.uint8 else np.float32  # bits stay bits
    with atomic(folder / "codes.npz") as temporary:
        np.savez(temporary, train=train.astype(dtype), test=test.astype(dtype))
    return test


def write_history(path: Path, history: list[Any]) -> None:
    """Write the losses of training, or the header alone for methods without epochs."""
    rows = [
        [f"{row.epoch:.6g}", row.split, row.metric, f"{row.value:.9g}", f"{row.seconds:.3f}"]
        for row in history
    ]
    write_csv(path, ["epoch", "split", "metric", "value", "seconds"], rows)
