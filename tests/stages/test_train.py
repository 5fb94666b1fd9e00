"""The train stage, and what of the test set each stage may know."""

import csv
import itertools
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import small_dataset

from aebench import datasets, models
from aebench.errors import AebenchError
from aebench.metrics.contract import read_run
from aebench.stages import evaluate, train
from aebench.training.checkpoints import Checkpoint

EPOCHS = {"pretraining": 1, "adam": 2, "conjugate_gradients": 3}
PARAMETERS = {"images": {"hidden": [8]}, "documents": None}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path, small_dataset("mnist"))


def write(folder: Path, dataset: datasets.Dataset) -> Path:
    datasets.save(dataset, folder / "data.npz", folder / "data.json")
    return folder / "data.npz"


def run(data: Path, **changes: Any) -> dict[int, Path]:
    root = data.parent / "mnist/small/d2"
    folders = changes.pop("folders", {seed: root / f"seed-{seed}" for seed in (0, 1)})
    settings: dict[str, Any] = {
        "estimator": "AutoEncoder",
        "parameters": PARAMETERS,
        "code_size": 2,
        "epochs": EPOCHS,
        "device": "cpu",
        "precision": "high",
        "threads": 1,
        "label": "mnist small d2",
    }
    train.run(data, folders, **settings | changes)
    return folders


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_one_fit_for_all_seeds_is_no_quicker_for_each(data, monkeypatch):
    clock = itertools.count(step=10.0)
    monkeypatch.setattr(train.time, "perf_counter", lambda: next(clock))
    folders = run(data, estimator="PCA", parameters={"images": {}, "documents": None})
    for folder in folders.values():
        assert json.loads((folder / "run.json").read_text())["seconds"] == 10


def test_it_writes_the_files_of_the_contract(data):
    dataset = datasets.read(data)
    for seed, folder in run(data).items():
        decode = models.load(folder).inverse_transform
        assert read_run(folder, dataset, 2, decode).reconstruction.shape == (60, 49)
        facts = json.loads((folder / "run.json").read_text())
        assert facts["seed"] == seed
        assert facts["estimator"] == "AutoEncoder"
        assert facts["device"] == "cpu, 1 thread"
        assert facts["code_dtype"] == "float32"
        assert facts["parameters"]["hidden"] == [8]
        assert facts["seconds"] > 0
        assert {"aebench", "torch"} <= facts["versions"].keys()
        assert facts["commit"] is None or len(facts["commit"]["sha"]) >= 40
        assert facts["hardware"]["cores"] >= 1
        assert facts["hardware"]["gpu"] is None


def test_seeds_differ(data):
    folders = run(data)
    assert (folders[0] / "codes.npz").read_bytes() != (folders[1] / "codes.npz").read_bytes()


@pytest.mark.parametrize(("optimizer", "epochs"), [("adam", 2), ("conjugate_gradients", 3)])
def test_epochs_come_from_the_budget(data, optimizer, epochs):
    parameters = PARAMETERS | {"images": {"hidden": [8], "optimizer": optimizer}}
    for folder in run(data, parameters=parameters).values():
        history = rows(folder / "history.csv")
        assert list(history[0]) == ["epoch", "split", "metric", "value", "seconds"]
        done = [float(row["epoch"]) for row in history]
        assert done == sorted(done)
        assert set(range(1, epochs + 1)) <= set(done)
        assert done[-1] == epochs
        assert {row["split"] for row in history} == {"train"}


def test_a_variant_may_set_its_own_epochs(data):
    parameters = PARAMETERS | {"images": {"hidden": [8], "epochs": 1}}
    for folder in run(data, parameters=parameters).values():
        assert len(rows(folder / "history.csv")) == 1


def test_methods_without_epochs_write_the_header_alone(data):
    for folder in run(data, estimator="PCA", parameters={"images": {}}).values():
        assert (folder / "history.csv").read_text() == "epoch,split,metric,value,seconds\n"


def test_code_sizes_of_a_variant_are_not_the_estimators_business(data):
    parameters = PARAMETERS | {"images": {"hidden": [8], "code_sizes": [2]}}
    for folder in run(data, parameters=parameters).values():
        assert "code_sizes" not in json.loads((folder / "run.json").read_text())["parameters"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"estimator": "PCA", "parameters": {"images": {}}, "code_size": 50},
            ["code_size is 50", "mnist has 49 features", "of PCA"],
        ),
        ({"estimator": "Pca"}, ["estimator is 'Pca'", "AutoEncoder, FastICA", "PCA, "]),
        ({"parameters": {"images": {"hiden": [8]}}}, ["AutoEncoder", "hiden"]),
        ({"device": "tpu"}, ["device is 'tpu'", "auto, cpu, cuda"]),
    ],
)
def test_refusals_write_nothing(data, changes, words):
    before = sorted(data.parent.rglob("*"))
    with pytest.raises(AebenchError) as caught:
        run(data, **changes)
    for word in words:
        assert word in str(caught.value)
    assert sorted(data.parent.rglob("*")) == before


def test_loss_that_is_not_finite_names_epoch_rate_and_seed(data):
    wild = {"hidden": [8], "learning_rate": 1e30, "batch_size": 10, "schedule": "constant"}
    with pytest.raises(AebenchError, match=r"epoch 1.* learning rate 1e\+30.*seed 0"):
        run(data, parameters={"images": wild})
    assert not list(data.parent.rglob("codes.npz"))


# ---------------------------------------------------------------- checkpoints


class Killed(BaseException):
    """What ends a job in the middle."""


@pytest.mark.promise("Resume", "A train job killed in training or in writing ends in equal files.")
@pytest.mark.parametrize("when", ["training", "writing"])
def test_a_killed_job_goes_on_to_the_same_files(data, when, monkeypatch, measured):
    names = ("codes.npz", "model.json", "model.safetensors")
    parameters = {"images": {"hidden": [8], "batch_size": 10, "pretraining": "denoising"}}
    folders = run(data, parameters=parameters)
    files = [folder / name for folder in folders.values() for name in names]
    expected = [file.read_bytes() for file in files]
    losses = [[*row.values()][:4] for row in rows(folders[1] / "history.csv")]
    shutil.rmtree(folders[0].parent)
    steps = itertools.count()

    def step(checkpoint):
        if next(steps) == 30:
            raise Killed

    def write_history(path, history, real=train.write_history):
        if path.parent == folders[1]:
            raise Killed
        real(path, history)

    with monkeypatch.context() as patched:
        if when == "training":
            patched.setattr(Checkpoint, "step", step)
        else:
            patched.setattr(train, "write_history", write_history)
        with pytest.raises(Killed):
            run(data, parameters=parameters)
    left = train.checkpoint_file(folders)
    assert left.parent == folders[0].parent
    assert left.exists()
    run(data, parameters=parameters)
    assert not left.exists()
    assert sorted(path.name for path in left.parent.iterdir()) == ["seed-0", "seed-1"]
    assert [file.read_bytes() for file in files] == expected
    assert [[*row.values()][:4] for row in rows(folders[1] / "history.csv")] == losses
    measured("kills survived", 1)


def test_methods_without_networks_have_no_checkpoint(data, monkeypatch):
    monkeypatch.setattr(Checkpoint, "__init__", None)
    run(data, estimator="PCA", parameters={"images": {}})


@pytest.mark.promise("Faults", "A machine without enough memory is said in one message.")
def test_too_little_memory_names_it(data, monkeypatch, measured):
    def fit(*arguments):
        raise MemoryError("Unable to allocate 13.0 GiB")

    monkeypatch.setattr(models, "fit_seeds", fit)
    with pytest.raises(AebenchError, match=r"not enough memory \(Unable to allocate 13.0 GiB\)"):
        run(data)
    measured("faults injected", 1)


# ---------------------------------------------------------------- the test set


def test_test_labels_change_scores_by_class_and_nothing_else(tmp_path):
    """Labels of the test part are for scoring: no stage chooses anything by them."""
    scores, files = [], []
    for name in ("usual", "garbage"):
        dataset = small_dataset("mnist")
        if name == "garbage":
            dataset.test_labels = np.random.default_rng(1).permutation(dataset.test_labels)
        data = write(tmp_path / name, dataset)
        folders = run(data)
        evaluate.run(data, [*folders.values()], code_size=2, limits={}, with_models=True)
        written = ("codes.npz", "model.json", "model.safetensors")
        files.append(
            [(folder / file).read_bytes() for folder in folders.values() for file in written]
        )
        scores.append({row["metric"]: row["value"] for row in rows(folders[0] / "scores.csv")})
    assert files[0] == files[1]
    by_class = {metric for metric in scores[0] if scores[0][metric] != scores[1][metric]}
    assert {"squared_error", "cross_entropy"}.isdisjoint(by_class)
    assert {"knn_accuracy", "mean_average_precision"} <= by_class


@pytest.mark.parametrize("probe", ["logistic", "svm", "knn"])
def test_probes_choose_without_the_test_part(probe):
    from aebench.metrics import linear, probes

    fit = {
        "logistic": partial(probes.linear_probe, linear.cross_entropy),
        "svm": partial(probes.linear_probe, linear.squared_hinge),
        "knn": probes.knn_probe,
    }[probe]
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 300)
    Z = (np.eye(4)[labels] + random.standard_normal((300, 4))).astype(np.float32)
    usual = fit(Z[:200], labels[:200], Z[200:], labels[200:])
    garbage = fit(Z[:200], labels[:200], -Z[200:], (labels[200:] + 1) % 4)
    assert usual.chosen == garbage.chosen
    assert usual.accuracy != garbage.accuracy
