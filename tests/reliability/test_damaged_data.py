"""A prepared data set that changed after it was made stops every stage that reads it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import small_dataset

from aebench import datasets
from aebench.errors import AebenchError
from aebench.stages import evaluate, train


def run_train(data: Path, folder: Path) -> None:
    settings = {"estimator": "PCA", "parameters": {"images": {}}, "code_size": 2, "epochs": {}}
    place = {"device": "cpu", "precision": "float32", "threads": 1, "label": "mnist, pca"}
    train.run(data, {0: folder / "seed-0"}, **settings, **place)


def run_evaluate(data: Path, folder: Path) -> None:
    evaluate.run(data, [folder / "seed-0"], code_size=2, limits={}, with_models=True)


def run_unseen(data: Path, folder: Path) -> None:
    whole = folder / "whole.npz"
    datasets.save(small_dataset("mnist"), whole, whole.with_suffix(".json"))
    folders = [folder / "seed-0"]
    evaluate.run(whole, folders, code_size=2, limits={}, with_models=True, unseen=data)


STAGES = (run_train, run_evaluate, run_unseen)
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[: len(content) // 2],
    "a bit flipped": lambda content: content[:-900] + bytes([content[-900] ^ 4]) + content[-899:],
    "replaced": lambda content: b"another file",
    "emptied": lambda content: b"",
}


@pytest.mark.promise(
    "Faults",
    "A prepared data set that was cut, changed or replaced, and damaged codes, are refused "
    "in one message that says what to do; no job computes on them",
)
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("stage", STAGES)
def test_damaged_data_stop_a_stage(tmp_path, measured, stage, damage):
    data = tmp_path / "data.npz"
    datasets.save(small_dataset("mnist"), data, tmp_path / "data.json")
    run_train(data, tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "seed-0").iterdir()}
    assert before
    data.write_bytes(DAMAGES[damage](data.read_bytes()))
    with pytest.raises(
        AebenchError, match=r"data\.npz is not a readable .* Delete it and run again"
    ):
        stage(data, tmp_path)
    assert {path: path.read_bytes() for path in (tmp_path / "seed-0").iterdir()} == before
    measured("faults injected", 1)
