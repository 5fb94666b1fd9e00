"""benchmarks/gpu.py as it runs on a GPU, tiny and on a CPU."""

import argparse
import json
import subprocess
import sys

import pytest

from .conftest import BENCHMARKS


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    out = tmp_path_factory.mktemp("gpu")
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), "--smoke", "--out", str(out)]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert outcome.returncode == 0, outcome.stderr
    return out, json.loads((out / "gpu.json").read_text())


class TestSmoke:
    def test_every_part_is_done(self, record, gpu):
        parts = record[1]["parts"]
        assert list(parts) == list(gpu.PARTS)
        assert {part["state"] for part in parts.values()} == {"done"}, parts

    def test_the_machine_is_described(self, record):
        assert {"python", "torch", "cuda", "gpu", "cores"} <= record[1]["parts"]["machine"].keys()

    def test_five_seeds_are_compared_with_one(self, record):
        part = record[1]["parts"]["seeds"]
        ratio = part["seconds_5_seeds"] / part["seconds_1_seeds"]
        assert part["five_seeds_over_one"] == pytest.approx(ratio)
        assert part["met"] == (ratio <= part["target"])
        assert len(part["test_squared_error_5_seeds"]) == 5

    def test_seeds_alone_and_together_are_equal(self, record):
        part = record[1]["parts"]["equality"]
        assert part["adam"]["met"]
        assert part["conjugate_gradients"]["met"]

    def test_hinton_has_a_curve_and_an_error_for_each_seed(self, record):
        part = record[1]["parts"]["hinton"]
        assert [point["epochs"] for point in part["curve_of_seed_0"]] == [0, 1]
        assert len(part["test_squared_error"]) == part["seeds"]

    def test_the_budget_leaves_its_tables_and_the_seconds_of_its_stages(self, record):
        out, facts = record
        stages = facts["parts"]["full"]["stages"]
        assert stages["train"]["jobs"] == 2
        assert stages["train"]["job_seconds"] > 0
        for file in ("metrics.csv", "summary.csv", "claims.csv", "runs.jsonl", "report.md"):
            assert (out / "full" / file).stat().st_size > 0


def test_a_part_that_fails_keeps_what_it_had_and_says_why(gpu, capsys, monkeypatch):
    def broken(_):
        yield {"first": 1}
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setitem(gpu.PARTS, "seeds", broken)
    gpu._child(argparse.Namespace(child="seeds"))
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {"first": 1, "ended": "failed: RuntimeError: CUDA out of memory"}


def test_a_part_that_takes_too_long_is_stopped_and_keeps_what_it_had(gpu, tmp_path, monkeypatch):
    script = tmp_path / "slow.py"
    script.write_text("import time\nprint('{\"done\": 3}', flush=True)\ntime.sleep(60)\n")
    monkeypatch.setattr(gpu, "__file__", str(script))
    found = gpu._measure("hinton", 2, smoke=True)
    assert found["state"] == "stopped after 2 s"
    assert found["done"] == 3


def test_a_budget_that_is_stopped_keeps_the_jobs_it_has_done(gpu, tmp_path):
    text = """[Sat Jan 01 00:00:00 2022]
localrule train_deep:
    input: data.npz
    jobid: 5
Finished jobid: 5 (Rule: train_deep)
rule evaluate:
    jobid: 6
"""
    watch = gpu._Watch(tmp_path, argparse.Namespace(out=tmp_path / "out"))
    ended = [watch.note(line, float(now)) for now, line in enumerate(text.splitlines())]
    assert sum(ended) == 1
    deep = {"jobs": 1, "job_seconds": 1.0, "first": 3.0, "last": 4.0}
    assert watch.result(9.0) == {
        "seconds": 9.0,
        "stages": {"train": deep},
        "rules": {"train_deep": deep},
    }
    scores = tmp_path / "results" / "full" / "mnist" / "scores.csv"
    scores.parent.mkdir(parents=True)
    scores.write_text("split,metric,value\n")
    watch.keep()
    kept = json.loads((tmp_path / "out" / "full" / "runs.jsonl").read_text())
    assert kept == {"path": "mnist/scores.csv", "text": "split,metric,value\n"}


def test_other_folders_find_the_package_and_the_data(gpu, tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEBENCH_CACHE", "cache")
    monkeypatch.setenv("AEBENCH_MIRROR", "https://example.org/data")
    monkeypatch.setenv("PYTHONPATH", "code")
    monkeypatch.setattr(gpu.sys, "path", ["benchmarks", gpu.SOURCE])
    found = gpu._environment()
    assert found["AEBENCH_CACHE"] == str(tmp_path / "cache")
    assert found["AEBENCH_MIRROR"] == "https://example.org/data"
    assert found["PYTHONPATH"].split(":") == [gpu.SOURCE, str(tmp_path / "code")]


def test_without_snakemake_the_budget_is_skipped(gpu, capsys, monkeypatch):
    monkeypatch.setattr(gpu.importlib.util, "find_spec", lambda name: None)
    gpu._child(argparse.Namespace(child="full"))
    assert json.loads(capsys.readouterr().out)["ended"] == (
        "skipped: snakemake is not installed here"
    )


def test_without_a_gpu_there_is_one_message(tmp_path):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), "--out", str(tmp_path)]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("error: device is 'cuda'")
    assert "Traceback" not in outcome.stderr
