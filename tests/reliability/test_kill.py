"""`kill -9`, then the same command again: the same bytes, and nothing of the killed run is left."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from pathlib import Path

import psutil
import pytest
import yaml
from conftest import ROOT, Workflow, plant

from aebench import running

Make = Callable[..., Workflow]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the job server is Linux's alone")


KILLS = 10
IN_A_ROW = 4
"""Of one run, which then goes on to its end."""

SEED = 6
"""Of the moments at which the runs of the long test are killed."""

LONGEST = 1800
"""Seconds after which a run has failed; a minute is usual."""


# ---------------------------------------------------------------- runs to kill


@dataclass
class Run:
    """A running command, all of its processes in a session of their own."""

    process: subprocess.Popen
    log: Path

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self, whole_session: bool) -> None:
        """Send SIGKILL to all of its processes at once, or to Snakemake's main process alone."""
        main = None if whole_session else self.main()
        if main:
            main.kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=20)

    def main(self) -> psutil.Process | None:
        """Return Snakemake itself, which make may have started; None when it is not there yet."""
        first = psutil.Process(self.process.pid)
        for process in [first, *first.children(recursive=True)]:
            with suppress(psutil.Error):
                if "snakemake" in [Path(word).name for word in process.cmdline()[:3]]:
                    return process
        return None

    def end(self) -> str:
        """Wait until it has ended well; return all it said."""
        assert self.process.wait(timeout=LONGEST) == 0, self.text[-5000:]
        return self.text


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a command in a workflow's folder, with AEBENCH_RUN unset."""
    runs: list[Run] = []
    temporary = tmp_path / "t"
    temporary.mkdir()

    def start(workflow: Workflow, *command: str) -> Run:
        log = tmp_path / f"{len(runs)}.log"
        python = Path(sys.executable).parent
        environment = {**os.environ, "PATH": f"{python}{os.pathsep}{os.environ['PATH']}"}
        environment.pop(running.MARK, None)
        environment["TMPDIR"] = str(temporary)
        with open(log, "w") as file:
            process = subprocess.Popen(
                command,
                cwd=workflow.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        runs.append(Run(process, log))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.kill(whole_session=True)


def marked(workflow: Workflow) -> list[psutil.Process]:
    """Every process that a run in the folder has started and that still lives."""
    return [
        process
        for process in psutil.process_iter(["environ"])
        if str(workflow.folder) in (process.info["environ"] or {}).get(running.MARK, "")
    ]


def gone(workflow: Workflow) -> bool:
    """Whether all of them end, as a server does that has lost its owner, within moments."""
    end = time.monotonic() + 10
    while marked(workflow) and time.monotonic() < end:
        time.sleep(0.1)
    return not marked(workflow)


def leftovers(workflow: Workflow) -> list[str]:
    """Half-written files, and what Snakemake holds for unfinished or locked."""
    files = list(workflow.folder.rglob(".*.partial*"))
    files += [path for name in ("incomplete", "locks") for path in snakemakes(workflow, name)]
    return [str(path) for path in files]


def snakemakes(workflow: Workflow, name: str) -> list[Path]:
    return [path for path in (workflow.folder / ".snakemake" / name).rglob("*") if path.is_file()]


def bytes_lost(expected: Path, found: Path) -> int:
    """Count the bytes that are not as they should be."""
    pairs = zip_longest(expected.read_bytes(), found.read_bytes())
    return sum(one != other for one, other in pairs)


def wait(condition: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


# ---------------------------------------------------------------- chosen moments, in seconds

SLOW = """
import sys
import time
from pathlib import Path

import numpy as np

data, codes, reconstruction = sys.argv[1:]
Path("at-work").write_text("")
with open(codes, "wb") as file:  # a program of one's own need not care for whole files
    file.write(b"half")
    file.flush()
    while not Path("go").exists():
        time.sleep(0.05)
        with open("beats", "a") as beats:
            beats.write("x")
data = np.load(data)
train, test = (data[part].astype(np.float32)[:, :2] / 255 for part in ("train", "test"))
np.savez(codes, train=train, test=test)
with open(reconstruction, "wb") as file:
    np.save(file, data["test"].astype(np.float32) / 255)
"""

SLOW_RULE = """
rule train_slow:
    input:
        data="<results>/{dataset}/data.npz",
    output:
        codes="<results>/{dataset}/slow/d{code_size}/seed-{seed}/codes.npz",
        reconstruction=temp("<results>/{dataset}/slow/d{code_size}/seed-{seed}/reconstruction.npy"),
    params:
        role="baseline",
        images=dict(code_sizes=[2]),
    shell:
        "python workflow/variants/slow.py {input.data} {output}"
"""

COMMAND = (sys.executable, "-m", "snakemake", "--cores", "1", "results/tiny/metrics.csv")


@pytest.fixture
def make_slow(make_workflow: Make) -> Callable[[], Workflow]:
    """Return a function that makes a workflow with a variant which waits half-way for a `go`."""

    def make() -> Workflow:
        workflow = make_workflow("mean")
        workflow.write_variant("slow.smk", SLOW_RULE)
        workflow.write_variant("slow.py", SLOW)
        plant(workflow, "mnist")
        return workflow

    return make


def half_way(workflow: Workflow, run: Run) -> None:
    """Wait until the slow variant waits; forget that, for the next time."""
    note = workflow.folder / "at-work"
    wait(lambda: note.exists() or run.process.poll() is not None)
    assert note.exists(), run.text[-5000:]
    note.unlink()


def beats(workflow: Workflow) -> int:
    file = workflow.folder / "beats"
    return file.stat().st_size if file.exists() else 0


def state(workflow: Workflow) -> dict[str, bytes]:
    return {path: (workflow.folder / path).read_bytes() for path in workflow.written()}


@pytest.mark.promise(
    "Faults",
    "Of two runs started at once in one folder the second stops with one message that names the "
    "first, and the first ends as if it had been alone.",
)
def test_two_runs_at_once(make_slow, start, measured):
    workflow, alone = make_slow(), make_slow()
    first = start(workflow, *COMMAND)
    half_way(workflow, first)
    before = state(workflow)
    second = start(workflow, *COMMAND)
    assert second.process.wait(timeout=60) == 1
    assert state(workflow) == before
    (line,) = [line for line in second.text.splitlines() if "rror" in line]
    assert line.startswith("error: another run is at work in this folder (process ")
    assert f"process {first.process.pid} on " in line
    assert "unlock" not in second.text
    # Looking on is allowed.
    assert start(workflow, *COMMAND, "--dry-run").process.wait(timeout=60) == 0
    for each in (workflow, alone):
        (each.folder / "go").write_text("")
    first.end()
    start(alone, *COMMAND).end()
    assert state(workflow).keys() == state(alone).keys()
    table = (workflow.results / "metrics.csv").read_bytes()
    assert table == (alone.results / "metrics.csv").read_bytes()
    measured("faults injected", 1)


@pytest.mark.promise(
    "Resume",
    "After kill -9 of the run, or of Snakemake alone while its jobs live on, the same command ends "
    "in the same metrics.csv, byte for byte; no job, lock or half-written file is left.",
)
def test_killed_half_way_through_a_job(make_slow, start, measured):
    workflow, undisturbed = make_slow(), make_slow()
    (undisturbed.folder / "go").write_text("")
    start(undisturbed, *COMMAND).end()

    run = start(workflow, *COMMAND)
    half_way(workflow, run)
    run.kill(whole_session=False)
    count = beats(workflow)
    wait(lambda: beats(workflow) > count)  # the job does not know that it is alone
    orphans = marked(workflow)
    assert orphans
    (workflow.results / "mnist" / ".codes.7.partial.npz").write_text("half")
    records = snakemakes(workflow, "incomplete")  # which Snakemake may have been writing
    assert len(records) == 2  # one a file of the slow job
    for record in records:
        record.write_text('{"external_jo')
        (record.parents[1] / "metadata" / record.name).write_text('{"rule": "train_sl')

    run = start(workflow, *COMMAND)
    half_way(workflow, run)
    assert not [orphan for orphan in orphans if orphan in marked(workflow)]
    assert not list(workflow.folder.rglob(".*.partial*"))
    run.kill(whole_session=True)
    assert gone(workflow)

    (workflow.folder / "go").write_text("")
    start(workflow, *COMMAND).end()
    assert state(workflow).keys() == state(undisturbed).keys()
    assert leftovers(workflow) == []
    assert gone(workflow)
    lost = bytes_lost(undisturbed.results / "metrics.csv", workflow.results / "metrics.csv")
    assert lost == 0
    measured("kills survived", 2)
    measured("bytes lost", lost)


# ---------------------------------------------------------------- the set-up before the first run

PYTHON = """#!/bin/sh
# Stands for Python: makes an environment, and installs into it in two steps.
case "$*" in
  "-m venv "*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
  "-m pip "*) echo half >> .venv/package; [ -e go ] || sleep 60; echo whole >> .venv/package ;;
esac
"""


@pytest.mark.promise(
    "Resume",
    "A set-up of make reproduce that was killed begins anew, with nothing half-installed.",
)
def test_killed_set_up(start, tmp_path, measured):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy2(ROOT / name, tmp_path)
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    package = tmp_path / ".venv" / "package"
    command = ("make", "setup", "PYTHON=./python")
    run = start(Workflow(tmp_path), *command)
    wait(lambda: package.exists() and package.read_text() != "")
    run.kill(whole_session=True)

    (tmp_path / "go").write_text("")
    start(Workflow(tmp_path), *command).end()
    assert package.read_text() == "half\nwhole\n"
    start(Workflow(tmp_path), *command).end()  # finds nothing to do
    assert package.read_text() == "half\nwhole\n"
    measured("kills survived", 1)


PLACES = ("profiles", "workflow/profiles")
PROFILES = sorted(file for place in PLACES for file in ROOT.glob(f"{place}/*/config.yaml"))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.parent.name)
def test_no_profile_leaves_a_lock_or_takes_unfinished_files_for_whole(profile):
    settings = yaml.safe_load(profile.read_text())
    assert settings["nolock"] is True
    assert settings["rerun-incomplete"] is True
    assert "keep-incomplete" not in settings


# ---------------------------------------------------------------- any moment, for minutes

REPRODUCE = ("make", "reproduce", "BUDGET=smoke", "CORES=2")


@pytest.fixture
def make_smoke(make_workflow: Make) -> Callable[[], Workflow]:
    """Return a function that makes a part of the smoke budget, on real data, for `make`."""

    def make() -> Workflow:
        names = ("mnist", "20newsgroups")
        variants = ("pca", "lsa-tfidf", "hinton-2006", "stacked-denoising")
        workflow = make_workflow(*variants, datasets=names)
        workflow.configure(datasets=list(names))
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy2(ROOT / name, workflow.folder)
        environment = workflow.folder / ".venv"  # this one, as if make had set it up
        environment.mkdir()
        (environment / "bin").symlink_to(Path(sys.executable).parent)
        (environment / "installed").write_text("")
        return workflow

    return make


def finished(workflow: Workflow) -> dict[str, bytes]:
    """Every file that a finished run has written; of the measured numbers, the bytes as well."""
    assert (workflow.folder / "reports/smoke/index.html").exists()
    assert leftovers(workflow) == []
    measured = {"metrics.csv", "scores.csv"}
    found = {path: workflow.folder / path for path in workflow.written()}
    return {path: f.read_bytes() if f.name in measured else b"" for path, f in found.items()}


def clean(workflow: Workflow, *made: Path) -> None:
    """Begin from nothing but these files of another run."""
    for name in ("results", "reports"):
        shutil.rmtree(workflow.folder / name, ignore_errors=True)
    (workflow.folder / "results/smoke").mkdir(parents=True)
    for file in made:
        shutil.copy2(file, workflow.folder / "results/smoke")


def progress(run: Run) -> str:
    """How far a run had come, and what it was at."""
    steps = re.findall(r"\d+ of \d+ steps", run.text) or ["no step done"]
    rules = re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", run.text) or ["nothing"]
    return f"{steps[-1]}, after {rules[-1]}"


@pytest.mark.long
@pytest.mark.promise(
    "Resume",
    "After kill -9 of the run, or of Snakemake alone while its jobs live on, the same command ends "
    "in the same metrics.csv, byte for byte; no job, lock or half-written file is left.",
)
def test_killed_at_random_moments(make_smoke, start, measured, tmp_path):
    workflow, undisturbed = make_smoke(), make_smoke()
    toys = "results/smoke/toys.npz"  # half of the seconds, and no other job waits for it but report
    budget = ("--config", "budget=smoke")
    start(undisturbed, sys.executable, "-m", "snakemake", "--cores", "2", toys, *budget).end()
    begin = time.monotonic()
    start(undisturbed, *REPRODUCE).end()
    duration = time.monotonic() - begin
    expected = finished(undisturbed)

    choose = random.Random(SEED)
    print(f"an undisturbed run takes {duration:.0f} s; seed {SEED}", flush=True)
    kills = 0
    while kills < KILLS:
        clean(workflow, undisturbed.folder / toys)
        count = min(IN_A_ROW, KILLS - kills)
        moments = sorted(choose.uniform(0, duration) for _ in range(count))
        for before, moment in pairwise([0.0, *moments]):
            run = start(workflow, *REPRODUCE)
            if before:  # the start itself is not what the killed run had done
                wait(lambda run=run: "Execute" in run.text or run.process.poll() is not None)
            try:
                run.process.wait(timeout=moment - before)
            except subprocess.TimeoutExpired:
                whole_session = choose.random() < 0.6
                run.kill(whole_session)
                whom = "all" if whole_session else "main alone"
                print(f"killed after {moment:.1f} s: {whom}, {progress(run)}", flush=True)
                kills += 1
        start(workflow, *REPRODUCE).end()
        assert finished(workflow) == expected
    assert gone(workflow)
    assert list((tmp_path / "t").glob("aebench-*")) == []
    table = "results/smoke/metrics.csv"
    measured("kills survived", kills)
    measured("bytes lost", bytes_lost(undisturbed.folder / table, workflow.folder / table))
