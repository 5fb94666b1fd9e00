import csv
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aebench import datasets, models
from aebench.errors import AebenchError
from aebench.metrics.arrays import here
from aebench.stages import evaluate

LIMITS = {"code_size": 3, "limits": {}}


@pytest.fixture
def prepared(tmp_path):
    """A prepared data set and two seed folders."""
    rng = np.random.default_rng(0)
    train, test = (rng.integers(0, 256, (n, 16)).astype(np.float32) / 255 for n in (300, 120))
    facts = {"dataset": "tiny", "kind": "images", "n_features": 16}
    facts |= {"train_items": 300, "test_items": 120}
    labels = np.arange(300) % 4, np.arange(120) % 4
    datasets.save(
        datasets.Dataset("tiny", "images", train, test, *labels, facts),
        tmp_path / "data.npz",
        tmp_path / "data.json",
    )
    folders = [tmp_path / f"seed-{seed}" for seed in (0, 1)]
    for folder in folders:
        folder.mkdir()
        codes = {
            "train": rng.normal(size=(300, 3)).astype(np.float32),
            "test": rng.normal(size=(120, 3)).astype(np.float32),
        }
        np.savez(folder / "codes.npz", **codes)
        np.save(folder / "reconstruction.npy", test)
    return tmp_path / "data.npz", folders


def scores(folders):
    return [(folder / "scores.csv").read_bytes() for folder in folders]


def test_the_device_does_not_matter(prepared, monkeypatch):
    """Torch on the CPU stands in for a GPU: the same lines, another library."""
    torch = pytest.importorskip("torch")
    data, folders = prepared
    evaluate.run(data, folders, **LIMITS)
    numpy_scores = scores(folders)
    moved = []
    monkeypatch.setattr(
        evaluate, "_place", lambda *_: lambda a: moved.append(a) or torch.as_tensor(a)
    )
    evaluate.run(data, folders, **LIMITS, device="cuda")
    assert moved
    assert scores(folders) == numpy_scores


def test_seeds_with_the_same_files_are_scored_once(prepared, monkeypatch):
    data, folders = prepared
    calls = []
    score_run = evaluate.metrics.score_run
    monkeypatch.setattr(
        evaluate.metrics, "score_run", lambda *a, **k: calls.append(1) or score_run(*a, **k)
    )
    evaluate.run(data, folders, **LIMITS)
    assert len(calls) == 2
    codes = (folders[0] / "codes.npz").read_bytes()
    (folders[1] / "codes.npz").write_bytes(codes)
    evaluate.run(data, folders, **LIMITS)
    assert len(calls) == 3
    assert len(set(scores(folders))) == 1
    np.save(folders[1] / "reconstruction.npy", np.zeros((120, 16), np.float32))
    evaluate.run(data, folders, **LIMITS)
    assert len(calls) == 5
    assert len(set(scores(folders))) == 2


def test_cpu_and_little_work_need_no_device(monkeypatch):
    monkeypatch.setattr(evaluate, "_has_gpu_driver", lambda: pytest.fail("asked for a GPU"))
    assert evaluate._place("cpu", 10**12) is here
    assert evaluate._place("auto", 10**6) is here


def test_auto_without_a_gpu_is_numpy(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for driver in (False, True):
        monkeypatch.setattr(evaluate, "_has_gpu_driver", lambda driver=driver: driver)
        assert evaluate._place("auto", 10**12) is here


def test_a_device_that_is_not_there_is_an_error(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(AebenchError, match="no usable GPU"):
        evaluate._place("cuda", 1)
    with pytest.raises(AebenchError, match="allowed are auto, cpu, cuda"):
        evaluate._place("tpu", 1)


def test_torch_is_not_imported_on_the_cpu(prepared):
    data, folders = prepared
    code = (
        "import sys; from pathlib import Path; from aebench.stages import evaluate;"
        f"evaluate.run({str(data)!r}, [Path({str(folders[0])!r})], **{LIMITS}, device='auto');"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert Path(folders[0], "scores.csv").exists()


# ---------------------------------------------------------------- what is written, and by whom


@pytest.fixture
def modelled(prepared):
    """The same with fitted estimators in place of reconstructions, seeds alike."""
    data, folders = prepared
    dataset = datasets.read(data)
    model = models.build("PCA", 3, {}).fit(dataset.train)
    for folder in folders:
        (folder / "reconstruction.npy").unlink()
        models.save(model, folder, "PCA", 3, {})
        codes = {part: model.transform(getattr(dataset, part)) for part in ("train", "test")}
        np.savez(folder / "codes.npz", **codes)
    return data, folders


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def scores_of_test(folder):
    return {
        row["metric"]: float(row["value"])
        for row in rows(folder / "scores.csv")
        if row["split"] == "test"
    }


def test_every_file_is_written_and_nothing_else(modelled):
    data, folders = modelled
    before = {path.name for path in folders[0].iterdir()}
    evaluate.run(data, folders, **LIMITS, with_models=True)
    for folder in folders:
        assert {path.name for path in folder.iterdir()} - before == set(evaluate.FILES)
    assert scores(folders)[0] == scores(folders)[1]


def test_a_model_and_its_reconstruction_give_the_same_scores(modelled):
    data, folders = modelled
    evaluate.run(data, folders, **LIMITS, with_models=True)
    with_model = scores_of_test(folders[0])
    dataset = datasets.read(data)
    model = models.load(folders[0])
    decoded = model.inverse_transform(model.transform(dataset.test)).astype(np.float32)
    np.save(folders[1] / "reconstruction.npy", decoded)
    evaluate.run(data, folders[1:], **LIMITS)
    alone = scores_of_test(folders[1])
    assert {"squared_error", "logistic_accuracy", "mean_average_precision"} <= alone.keys()
    for metric, value in alone.items():
        assert with_model[metric] == pytest.approx(value, rel=1e-6), metric


def test_items_and_classes_average_to_the_score(modelled):
    data, folders = modelled
    evaluate.run(data, folders, **LIMITS, with_models=True)
    score = scores_of_test(folders[0])
    with np.load(folders[0] / "items.npz") as items:
        assert items["squared_error"].shape == (120,)
        assert items["squared_error"].mean() == pytest.approx(score["squared_error"], rel=1e-6)
    classes = [
        float(row["value"])
        for row in rows(folders[0] / "classes.csv")
        if row["metric"] == "squared_error"
    ]
    assert len(classes) == 4
    assert np.mean(classes) == pytest.approx(score["squared_error"], rel=1e-6)  # all of one size


def test_a_damaged_model_is_named_with_its_variant(modelled):
    data, folders = modelled
    place = folders[0].parent / "results/quick/tiny/mine/d3/seed-0"
    shutil.copytree(folders[0], place)
    (place / "model.json").write_text("{")
    refusal = r"variant 'mine' on tiny.*cannot be read.*train it again"
    with pytest.raises(AebenchError, match=refusal):
        evaluate.run(data, [place], **LIMITS, with_models=True)
