"""Checkpoints of the workflow's jobs."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Workflow, plant

VARIANT = """
use rule train as train_{name} with:
    pathvars:
        variant="{name}",
    params:
        estimator="AutoEncoder",
        images=dict(hidden=[64], batch_size=5, epochs={epochs}),
"""
FILES = ("codes.npz", "model.safetensors", "model.json")


def make(make_workflow: Callable[..., Workflow], name: str, epochs: int) -> tuple[Workflow, Path]:
    """A workflow of one variant, and the folder that its one training writes."""
    workflow = make_workflow()
    workflow.write_variant(f"{name}.smk", VARIANT.format(name=name, epochs=epochs))
    plant(workflow, "mnist")
    return workflow, workflow.results / "mnist" / name / "d2"


def contents(folder: Path) -> list[bytes]:
    return [(folder / f"seed-{seed}" / file).read_bytes() for seed in (0, 1) for file in FILES]


@pytest.mark.promise("Resume", "How often checkpoints are written decides no result.")
def test_nothing_runs_again_when_checkpoints_are_written_more_often(make_workflow, measured):
    workflow, folder = make(make_workflow, "short", 1)
    target = str(folder.relative_to(workflow.folder) / "seed-0/codes.npz")
    done = workflow.run(target)
    assert done.code == 0, done.text
    assert sorted(path.name for path in folder.iterdir()) == ["seed-0", "seed-1"]
    again = workflow.run(target, "--dry-run", "--config", "checkpoint_minutes=0.5")
    assert "Nothing to be done" in again.text
    measured("jobs run again", len(again.lines("rule train")))


@pytest.mark.long
@pytest.mark.promise("Resume", "A run killed in training goes on from the job's checkpoint.")
def test_a_killed_run_goes_on_from_the_jobs_checkpoint(make_workflow, measured):
    workflow, folder = make(make_workflow, "lengthy", 300)
    target = str(folder.relative_to(workflow.folder) / "seed-0/codes.npz")
    often = ("--config", "checkpoint_minutes=0.001")
    done = workflow.run(target, *often)
    assert done.code == 0, done.text
    expected = contents(folder)
    shutil.rmtree(folder)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", target, *often]
    with subprocess.Popen(
        command, cwd=workflow.folder, start_new_session=True, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 120
        while not (folder / "checkpoint-0.safetensors").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    assert not (folder / "seed-0" / "codes.npz").exists()
    assert workflow.run("--unlock").code == 0
    resumed = workflow.run(target, *often)
    assert resumed.code == 0, resumed.text
    assert "training goes on from" in resumed.text
    measured("kills survived", 1)
    found = contents(folder)
    measured("bytes lost", sum(a != b for a, b in zip(found, expected, strict=True)))
    assert found == expected
    assert sorted(path.name for path in folder.iterdir()) == ["seed-0", "seed-1"]
