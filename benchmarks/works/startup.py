"""Snakemake: what it costs to start, to run a job and to find nothing to do.

In a temporary copy of the workflow, at the smoke budget and with the variants that need no training
to speak of; the user's results stay as they are. The peer is Snakemake itself with as many jobs
that only touch a file.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from aebench.errors import AebenchError
from works.measure import Row, Scale, say

ROOT = Path(__file__).parents[2]
VARIANTS = ["mean", "pca", "random-projection"]
EMPTY = """
rule all:
    default_target: True
    input:
        expand("out/{{i}}", i=range({jobs})),


rule touch:
    output:
        "out/{{i}}",
    shell:
        "touch {{output}}"
"""
ROUNDS = 2
WORKS = (
    "snakemake: to the first job",
    "snakemake: a job and its work",
    "snakemake: nothing to do",
)
JOB = re.compile(r"(local)?rule \w+:")


def start_up(scale: Scale) -> Iterator[Row]:
    """Seconds to the first job, of a job, of a run with nothing to do, and of a large dry run.

    The workflow and its peer take turns, ROUNDS times; the least of each counts.
    """
    with tempfile.TemporaryDirectory() as folder:
        workflow, empty = Path(folder) / "workflow", Path(folder) / "empty"
        copy_workflow(workflow)
        jobs = _run(workflow, "--dry-run")[2]
        empty.mkdir()
        (empty / "Snakefile").write_text(EMPTY.format(jobs=jobs - 1))
        best: dict[tuple[str, Path], float] = {}
        for _ in range(ROUNDS):
            for place in (workflow, empty):
                first, total, _ = _run(place, "--forceall")
                a_job, again = (total - first) / jobs, _run(place)[1]
                for work, seconds in zip(WORKS, (first, a_job, again), strict=True):
                    best[work, place] = min(seconds, best.get((work, place), seconds))
        size = f"smoke budget, MNIST, {', '.join(VARIANTS)}: {jobs} jobs"
        peer = f"snakemake, {jobs} jobs that touch a file"
        for work in WORKS:
            yield Row(work, size, "the workflow", peer, best[work, empty], best[work, workflow])
        _configure(workflow, budget="full", datasets=_all_datasets(), variants="all")
        planned = _run(workflow, "--dry-run", "--quiet", "all")[1]
        yield Row("snakemake: dry run", "full budget", "the workflow", "none", None, planned)


def copy_workflow(folder: Path) -> None:
    """Copy what Snakemake reads and ask for cheap variants at the smoke budget."""
    folder.mkdir()
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(ROOT / name, folder)
    for name in ("workflow", "profiles", "src"):
        skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    _configure(folder, budget="smoke", datasets=["mnist"], variants=VARIANTS)


def _configure(folder: Path, **changes: object) -> None:
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes))


def _all_datasets() -> list[str]:
    from aebench import datasets

    return [name for name in datasets.names() if name != "rcv1"]


def _run(folder: Path, *arguments: str) -> tuple[float, float, int]:
    """Call Snakemake there; seconds to the first job and in all, and the number of jobs."""
    cores = os.environ.get("OMP_NUM_THREADS", "2")
    command = [sys.executable, "-m", "snakemake", "--cores", cores, "--quiet", "host", *arguments]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    first, jobs, said = 0.0, 0, []
    for line in process.stdout:
        said.append(line)
        if JOB.match(line):
            first = first or time.perf_counter() - start
            jobs += 1
    if process.wait():
        raise AebenchError(f"snakemake ended with {process.returncode}: {''.join(said[-10:])}")
    total = time.perf_counter() - start
    say(f"snakemake in {folder.name}: {jobs} jobs in {total:.1f} s")
    return first, total, jobs
