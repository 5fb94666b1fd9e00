"""A full disk, a closed folder: one message, nothing half-written, and the same command goes on.

Disks of a few MB, in memory, are mounted for it: a folder's permissions do not bind root, who runs
many a continuous integration, but a full disk and a read-only one do.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import Outcome, copy_workflow, plant, small_dataset
from matplotlib.figure import Figure

from aebench import datasets
from aebench.console import job
from aebench.errors import AebenchError
from aebench.files import atomic_folder, write_text
from aebench.report.figures.files import save
from aebench.stages import aggregate, claims, data, evaluate, exhibits, toys, train

SIZE = 32 * 2**20
PAGE = os.sysconf("SC_PAGE_SIZE")
SECONDS = ("run.json", "history.csv", "cost.json")
UNDER_WAY = "checkpoint-"
"""What a job that has not ended keeps for the next call; it tells seconds, too."""
"""Files that tell seconds: equal runs differ in them."""


@dataclass(frozen=True)
class Disk:
    """A disk of its own, as large as SIZE."""

    folder: Path

    def fill(self, left: int) -> None:
        """Leave so many bytes free."""
        self.empty()
        free = os.statvfs(self.folder).f_bavail * PAGE
        (self.folder / "filling").write_bytes(bytes(max(free - left, 0) // PAGE * PAGE))

    def empty(self) -> None:
        (self.folder / "filling").unlink(missing_ok=True)

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", self.folder], check=True)


@contextmanager
def mounted(folder: Path) -> Iterator[Disk]:
    folder.mkdir(parents=True, exist_ok=True)
    call = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder]
    try:
        done = subprocess.run(call, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip(f"mounting a small disk is not allowed here: {done.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path / "disk") as disk:
        yield disk


# ---------------------------------------------------------------- every stage

Stage = Callable[[Path, Path], None]
"""Writes into the second folder what it makes of the first, which holds what earlier ones made."""

ESTIMATORS = {"small": "AutoEncoder", "pca": "PCA"}
ROLES = {"small": "autoencoder", "pca": "baseline"}
FACTS = "mnist/data.json"


def seed_folders(out: Path, variant: str) -> dict[int, Path]:
    return {seed: out / f"mnist/{variant}/d2/seed-{seed}" for seed in (0, 1)}


def train_all(made: Path, out: Path) -> None:
    for variant, estimator in ESTIMATORS.items():
        parameters = {"hidden": [300], "batch_size": 40} if variant == "small" else {}
        train.run(
            made / "mnist/data.npz",
            seed_folders(out, variant),
            estimator=estimator,
            parameters={"images": parameters},
            code_size=2,
            epochs={"pretraining": 1, "adam": 1, "conjugate_gradients": 1},
            device="cpu",
            precision="high",
            threads=1,
            label="x",
        )


def link_models(made: Path, out: Path) -> None:
    """What evaluate reads lies in the folders that it writes."""
    for variant in ESTIMATORS:
        earlier = seed_folders(made, variant)
        for seed, folder in seed_folders(out, variant).items():
            folder.mkdir(parents=True)
            for name in ("codes.npz", "model.safetensors", "model.json"):
                (folder / name).symlink_to(earlier[seed] / name)


def evaluate_all(made: Path, out: Path) -> None:
    for variant in ESTIMATORS:
        folders = list(seed_folders(out, variant).values())
        evaluate.run(made / "mnist/data.npz", folders, code_size=2, limits={}, with_models=True)


def draw(made: Path, out: Path) -> None:
    figure = Figure()
    figure.subplots().plot(np.random.default_rng(0).random(500))
    save(figure, out / "figures/curve")


def write_tables(made: Path, out: Path) -> None:
    """A folder of files that takes its place as a whole, as the report's tables do."""
    with atomic_folder(out / "tables") as folder:
        for name in ("metrics.csv", "summary.csv", "tests.csv"):
            write_text(folder / name, (made / name).read_text())


STAGES: dict[str, Stage] = {
    "data": lambda made, out: data.run(
        "curves",
        *(out / name for name in ("data.npz", "data.json", "excerpts.json")),
        vocabulary_size=10,
        train_items=100,
        test_items=50,
    ),
    "train": train_all,
    "evaluate": evaluate_all,
    "exhibits": lambda made, out: exhibits.run(
        made / "mnist/data.npz",
        [seed_folders(made, variant)[0] for variant in ESTIMATORS],
        out / "exhibits.npz",
        main_code_size=2,
    ),
    "toys": lambda made, out: toys.run(out / "toys.npz", toys.Scale((0, 1), 200, 0.1)),
    "aggregate": lambda made, out: aggregate.run(
        sorted(made.glob("mnist/*/d2/seed-*/scores.csv")), out, ROLES
    ),
    "claims": lambda made, out: claims.run(
        made / "metrics.csv", [made / FACTS], "smoke", out / "claims.csv"
    ),
    "figure": draw,
    "tables": write_tables,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all stages make where there is room for it."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "mnist").mkdir()
    datasets.save(small_dataset("mnist"), folder / "mnist/data.npz", folder / FACTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toys, "EXPERIMENTS", (toys.bottleneck,))
        for name in ("train", "evaluate", "aggregate"):
            STAGES[name](folder, folder)
        yield folder


def whole(folder: Path) -> dict[str, bytes]:
    """Content of all files but the filling."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and path.name != "filling"
    }


def comparable(files: dict[str, bytes]) -> dict[str, bytes]:
    return {
        name: text
        for name, text in files.items()
        if not Path(name).name.startswith((*SECONDS, UNDER_WAY))
    }


@pytest.mark.promise(
    "Faults",
    "A disk that fills up while codes, a model, a table or a figure are written: one message, no "
    "part of a file, and once there is room the same command gives the same bytes",
)
@pytest.mark.parametrize("stage", STAGES)
def test_full_disk(stage, made, disk, tmp_path, capsys, measured):
    room = tmp_path / "room"
    room.mkdir()
    if stage == "evaluate":
        link_models(made, room)
        link_models(made, disk.folder)
    STAGES[stage](made, room)
    assert not any("partial" in name for name in whole(room))
    expected = whole(room)
    pages = sum(-(-len(content) // PAGE) for content in expected.values())
    log = tmp_path / "x.log"
    for share in (0, 0.4, 0.8):
        disk.fill(int(pages * share) * PAGE)
        with pytest.raises(SystemExit) as end, job(log, "x"):
            STAGES[stage](made, disk.folder)
        assert end.value.code == 1
        (line,) = [text for text in capsys.readouterr().err.splitlines() if "error" in text]
        assert line.startswith("error: x: no room to write ")
        assert "Nothing was left half-written; free some space and run again." in line
        found = comparable(whole(disk.folder))
        assert found.items() <= comparable(expected).items()  # whole or not there
        assert len(found) < len(comparable(expected))
        for name in whole(disk.folder):  # as Snakemake does with what a failed job has made
            (disk.folder / name).unlink()
        measured("faults injected", 1)
    disk.empty()
    with job(log, "x"):
        STAGES[stage](made, disk.folder)
    found = whole(disk.folder)
    assert found.keys() == expected.keys()
    assert comparable(found) == comparable(expected)
    measured("bytes lost", sum(map(len, expected.values())) - sum(map(len, found.values())))


@pytest.mark.promise("Faults", "A log that does not fit on the disk loses no result")
def test_full_disk_of_the_logs(disk, tmp_path, capsys, measured):
    log = disk.folder / "x.log"
    disk.fill(0)
    with pytest.raises(SystemExit), job(log, "x"):  # noqa: PT012
        print("said", file=sys.stderr)
        raise AebenchError("mine")
    assert capsys.readouterr().err == "said\nerror: x: mine\n"
    with pytest.raises(SystemExit), job(log, "x"):
        raise ZeroDivisionError("by zero")
    assert capsys.readouterr().err.startswith("error: x: ZeroDivisionError: by zero")
    measured("faults injected", 2)


# ---------------------------------------------------------------- closed folders


@pytest.mark.promise(
    "Faults", "A folder that may not be written into: one message with its path, nothing is lost"
)
@pytest.mark.parametrize("stage", [name for name in STAGES if name != "evaluate"])
def test_read_only(stage, made, disk, tmp_path, capsys, measured):
    disk.remount("ro")
    with pytest.raises(SystemExit), job(tmp_path / "x.log", "x"):
        STAGES[stage](made, disk.folder)
    (line,) = [text for text in capsys.readouterr().err.splitlines() if "error" in text]
    assert re.match(r"error: x: cannot write .*: Read-only file system\.$", line)
    assert whole(disk.folder) == {}
    measured("faults injected", 1)


@pytest.mark.promise(
    "Faults", "A folder that may not be written into: one message with its path, nothing is lost"
)
def test_a_log_that_cannot_be_written(disk, capsys, measured):
    disk.remount("ro")
    log = disk.folder / "x.log"
    with pytest.raises(SystemExit), job(log, "x"):
        pytest.fail("the job must not begin")
    assert capsys.readouterr().err == f"error: x: cannot write {log}: Read-only file system.\n"
    measured("faults injected", 1)


# ---------------------------------------------------------------- the whole workflow


def said(outcome: Outcome, words: str) -> list[str]:
    """Return the lines with these words of a run that failed, and without a traceback."""
    assert outcome.code != 0
    assert "Traceback" not in outcome.text, outcome.text
    assert "Logging error" not in outcome.text
    lines = outcome.lines(words)
    assert lines, outcome.text
    return lines


FILL = """
rule fill:
    output:
        "results/filled",
    params:
        left={left},
    priority: 1000
    shell:
        "touch {{output}}; dd if=/dev/zero of=filling bs=1k status=none || true;"
        " truncate -s -{{params.left}}k filling"
"""
"""Fills the disk before any other job begins, but for so many KB."""


@pytest.mark.long
@pytest.mark.promise(
    "Faults",
    "A run whose disk fills up, for Snakemake's own notes, too, ends in one message; with room the "
    "same command finishes, with the same metrics",
)
def test_a_run_on_a_full_disk(make_workflow, disk, measured):
    calm = make_workflow("pca", "mean")
    variants = list((calm.folder / "workflow/variants").iterdir())
    small = copy_workflow(disk.folder, variants, ["mnist"])
    for workflow in (calm, small):
        plant(workflow, "mnist")
    target = "results/tiny/claims.csv"  # all that is computed
    outcome = calm.run(target)
    assert outcome.code == 0, outcome.text
    disk.fill(2**15)
    said(small.run(target), "error: no room to write")  # it does not begin
    disk.empty()
    snakefile = (small.folder / "Snakefile").read_text()
    for left in (0, 30, 100):
        (small.folder / "Snakefile").write_text(snakefile + FILL.format(left=left))
        said(small.run("results/filled", target), "No space left on device")
        assert not [name for name in small.written() if "partial" in name]
        disk.empty()
        (small.folder / "results/filled").unlink(missing_ok=True)
        measured("faults injected", 1)
    (small.folder / "Snakefile").write_text(snakefile)
    outcome = small.run(target)
    assert outcome.code == 0, outcome.text
    assert small.written() == calm.written()
    for name in calm.written():
        if Path(name).name not in SECONDS and "/logs/" not in name:
            assert (small.folder / name).read_bytes() == (calm.folder / name).read_bytes(), name
    measured("bytes lost", len(set(calm.written()) - set(small.written())))


@pytest.mark.promise(
    "Faults", "A folder that may not be written into: one message with its path, nothing is lost"
)
def test_a_run_in_a_closed_folder(make_workflow, measured):
    workflow = make_workflow("mean", "raw")
    plant(workflow, "mnist")
    scores = [f"results/tiny/mnist/{name}/seed-0/scores.csv" for name in ("mean/d2", "raw/d49")]
    with mounted(workflow.results / "mnist/mean/d2/seed-1") as closed:
        closed.remount("ro")
        (line,) = said(workflow.run(*scores), "error: ")
        assert "cannot write into results/tiny/mnist/mean/d2/seed-1" in line
        assert workflow.run(scores[1]).code == 0  # others can be made
    with mounted(workflow.reports) as closed:
        closed.remount("ro")
        (line,) = said(workflow.run(*scores), "error: ")
        assert re.match("error: cannot write .*reports/tiny.*: Read-only file system.$", line)
    outcome = workflow.run(*scores)
    assert outcome.code == 0, outcome.text
    measured("faults injected", 2)
