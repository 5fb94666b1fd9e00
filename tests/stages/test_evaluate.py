import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aebench import datasets
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
    monkeypatch.setattr(evaluate.metrics, "score_run", lambda *a: calls.append(1) or score_run(*a))
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
