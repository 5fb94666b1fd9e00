"""What is in a file decides what is made again: neither its date nor a clock that was wrong."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grimp
import pytest
from conftest import EXAMPLES, Workflow, plant

DAY = 86_400.0  # seconds
TABLE = "results/tiny/metrics.csv"


def date(files: Iterable[Path], days: float) -> int:
    """Move the dates of files by some days, as a clock that is wrong would; return how many."""
    found = list(files)
    for file in found:
        stamp = file.stat().st_mtime + days * DAY
        os.utime(file, (stamp, stamp))
    return len(found)


def files(workflow: Workflow, *folders: str) -> list[Path]:
    return [p for name in folders for p in (workflow.folder / name).rglob("*") if p.is_file()]


def plan(workflow: Workflow) -> dict[str, int]:
    outcome = workflow.run("-n", TABLE)
    assert outcome.code == 0, outcome.text
    return outcome.jobs()


@pytest.fixture(scope="module")
def made(make_workflow) -> Workflow:
    """A finished tidy table of an estimator and of a script of one's own."""
    others = (EXAMPLES / "subspace.smk", EXAMPLES / "subspace.py")
    workflow = make_workflow("mean", others=others)
    plant(workflow, "mnist")
    outcome = workflow.run(TABLE, "--notemp")
    assert outcome.code == 0, outcome.text
    return workflow


@contextmanager
def edited(*files: Path) -> Iterator[None]:
    """Give programs another content and an old date; the content comes back at the end."""
    texts = {file: file.read_text() for file in files}
    for file, text in texts.items():
        file.write_text(text + "# edited\n")
        os.utime(file, (0, 0))
    try:
        yield
    finally:
        for file, text in texts.items():
            file.write_text(text)


@pytest.mark.promise("Faults", "A change of a program is noticed whatever date its file has")
def test_edits_of_an_old_date_are_noticed(made, measured):
    measuring = {"evaluate": 2, "aggregate": 1}
    expected = {
        ("src/aebench/metrics/linear.py",): measuring,
        ("src/aebench/models/controls.py", "workflow/variants/subspace.py"): measuring
        | {"train_mean": 1, "train_subspace": 2},
        ("workflow/scripts/evaluate.py",): measuring,
    }
    for names, jobs in expected.items():
        with edited(*(made.folder / name for name in names)):
            assert plan(made) == jobs, names
        measured("faults injected", len(names))


@pytest.mark.long
@pytest.mark.promise("Faults", "Touched files, of up to 1 MB, and a wrong clock make nothing again")
def test_dates_alone_make_nothing_again(made, measured):
    touched = files(made, "src", "workflow", "results/tiny/mnist")
    for file in touched:
        file.touch()
    assert plan(made) == {}
    # The clock was ahead while all of it was made, and then while a part of it was made.
    ahead = date(files(made, "src", "workflow"), 300) + date(files(made, "results"), 400)
    date([*files(made, "results/tiny/mnist/subspace"), made.results / "metrics.csv"], 100)
    outcome = made.run("-n", TABLE)
    assert re.search(r"note: \d{3} files had dates in the future", outcome.text)
    assert outcome.jobs() == {}
    measured("faults injected", len(touched) + ahead)


SET_BACK = """
rule train_skewed:
    input:
        data="<results>/{dataset}/data.npz",
    output:
        codes="<results>/{dataset}/skewed/d{code_size}/seed-{seed}/codes.npz",
    params:
        role="baseline",
        images=dict(),
    shell:
        "echo codes > {output.codes}; test -e once || touch -d '+3 days' {input.data}; touch once"
"""


@pytest.mark.promise("Faults", "A clock that is set back costs the jobs at work, and nothing more")
def test_a_clock_set_back_while_a_job_runs(make_workflow, measured):
    """Its output seems older than its input: Snakemake refuses that once, and makes it again."""
    workflow = make_workflow("mean")
    workflow.write_variant("skewed.smk", SET_BACK)
    plant(workflow, "mnist")
    before = workflow.written()
    codes = "results/tiny/mnist/skewed/d2/seed-0/codes.npz"
    outcome = workflow.run(codes)
    assert outcome.code != 0
    assert "Traceback" not in outcome.text
    assert len(outcome.lines("has older modification time")) == 1
    assert workflow.written() == before
    outcome = workflow.run(codes)
    assert outcome.code == 0, outcome.text
    assert "note: 1 files had dates in the future" in outcome.text
    assert workflow.written() == sorted([*before, codes])
    measured("faults injected", 1)


EARLIER = {
    "data": [],
    "train_mean": ["data"],
    "evaluate": ["train_mean", "data"],
    "exhibits": ["train_mean", "data"],
    "aggregate": ["evaluate", "train_mean", "data"],
    "claims": ["aggregate", "evaluate", "train_mean", "data"],
    "toys": [],
    "report": ["claims", "aggregate", "exhibits", "toys", "evaluate", "train_mean", "data"],
}
"""Rules, and those that make what they read: what changes these changes them."""

PLUMBING = {"", "console", "errors", "files"}
"""Modules that carry results and decide none."""


@pytest.mark.promise("Faults", "Every module that decides a result is one whose change is noticed")
def test_rules_name_every_module_that_decides_their_results(make_workflow, measured):
    outcome = make_workflow("mean").run("-n", "--quiet", "host")
    inputs = re.findall(r"^rule (\w+):\n +input: (.*)$", outcome.text, flags=re.MULTILINE)
    named = {rule: set(re.findall(r"src/aebench/(\S+?)\.py", files)) for rule, files in inputs}
    graph = grimp.build_graph("aebench")
    for rule, earlier in EARLIER.items():
        stage = f"aebench.stages.{rule.partition('_')[0]}"
        found = {stage, *graph.find_upstream_modules(stage)}
        modules = {name.removeprefix("aebench").lstrip(".") for name in found} - PLUMBING
        known = {file for each in (rule, *earlier) for file in named[each]}
        known = {file.removesuffix("/__init__").replace("/", ".") for file in known}
        missing = modules - known
        if rule == "toys":  # on made-up data: what prepares real data decides nothing there
            missing = {name for name in missing if not name.startswith("datasets")}
        assert missing == set(), rule
        measured("modules watched", len(modules))
