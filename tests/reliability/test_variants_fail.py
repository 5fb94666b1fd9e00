"""A variant that fails or hangs is named in one message; the others and their results stand."""

import re
from pathlib import Path

import psutil
import pytest
import yaml
from conftest import Outcome, Workflow, plant

RULE = """
rule train_{name}:
    input:
        data="<results>/{{dataset}}/data.npz",
    output:
        codes="<results>/{{dataset}}/{name}/d{{code_size}}/seed-{{seed}}/codes.npz",
        reconstruction=temp("<results>/{{dataset}}/{name}/d{{code_size}}/seed-{{seed}}/reconstruction.npy"),
    params:
        role="baseline",
        images=dict(),
    {more}
    {kind}:
        "{what}"
"""
LIMIT = "resources:\n        runtime=0,"
"""Snakemake counts whole minutes: this one is over at the first look."""

STUBBORN = (
    "trap '' TERM; echo half > {output.codes}; sleep 987 & sleep 987; echo late > {output.codes}"
)
HANGING = """
import subprocess, sys
with open(snakemake.output.codes, "w") as file:
    file.write("half")
subprocess.run([sys.executable, "-c", "import time; time.sleep(987)"])
"""
VARIANTS = {
    "exits": {"kind": "shell", "what": "echo half > {output.codes}; exit 1", "more": ""},
    "logs": {
        "kind": "shell",
        "what": "(echo half > {output.codes}; echo why >&2; exit 1) 2> {log}",
        "more": 'log:\n        "<logs>/logs-{dataset}-{code_size}-{seed}.log",',
    },
    "stubborn": {"kind": "shell", "what": STUBBORN, "more": LIMIT},
    "hanging": {"kind": "script", "what": "hanging.py", "more": LIMIT},
}
OWN = """
use rule train as train_{name} with:
    pathvars:
        variant="{name}",
    params:
        estimator="{estimator}",
        role="baseline",
        images=dict({parameters}),
    resources:
        runtime={minutes},
"""
LONG = "hidden=[8], epochs=1e9"
"""It trains until it is ended, in a fork of the server of jobs."""


def target(name: str, seed: int = 0) -> str:
    return f"results/tiny/mnist/{name}/d2/seed-{seed}/codes.npz"


@pytest.fixture(scope="module")
def failed(make_workflow) -> tuple[Workflow, Outcome]:
    """One run of every fault, one seed each, with two sound variants among them."""
    workflow = make_workflow("mean")
    plant(workflow, "mnist")
    for name, values in VARIANTS.items():
        workflow.write_variant(f"{name}.smk", RULE.format(name=name, **values))
    workflow.write_variant("hanging.py", HANGING)
    own = {"endless": ("AutoEncoder", LONG, 0), "sound": ("PCA", "", 60)}
    for name, (estimator, parameters, minutes) in own.items():
        text = OWN.format(name=name, estimator=estimator, parameters=parameters, minutes=minutes)
        workflow.write_variant(f"{name}.smk", text)
    names = (*VARIANTS, *own, "mean")
    # A rule without a `runtime` has the budget's.
    config = yaml.safe_load((workflow.folder / "config.yaml").read_text())
    config["budgets"]["tiny"]["runtime"] = 30
    workflow.configure(budgets=config["budgets"])
    return workflow, workflow.run(*map(target, names))


def end(outcome: Outcome) -> str:
    """What is said when all jobs are over."""
    return outcome.text.rpartition("Exiting because a job execution failed")[2]


def processes(word: str) -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline"]) if word in (one.info["cmdline"] or [])]


class TestVariantsThatFail:
    def test_one_message_each_and_no_traceback(self, failed):
        _, outcome = failed
        assert outcome.code != 0
        assert "Traceback" not in outcome.text
        assert len(re.findall("^error: ", end(outcome), flags=re.MULTILINE)) == 5

    @pytest.mark.promise("Faults", "A variant's program that exits 1 is named, the others go on")
    def test_exit_codes(self, failed, measured):
        _, outcome = failed
        case = "(dataset mnist, code_size 2, seed 0)"
        assert f"error: rule train_exits {case} failed; its message stands above." in end(outcome)
        log = "results/tiny/logs/logs-mnist-2-0.log"
        assert f"error: rule train_logs {case} failed; see {log}." in end(outcome)
        measured("faults injected", 2)

    @pytest.mark.promise(
        "Faults",
        "A job that hangs, in whatever language, is ended at its limit with all that it started",
    )
    def test_hanging(self, failed, measured):
        _, outcome = failed
        for name in ("stubborn", "hanging", "endless"):
            seed = "" if name == "endless" else ", seed 0"
            case = rf"train_{name} \(dataset mnist, code_size 2{seed}\)"
            message = f"error: rule {case} ran longer than its limit of 0 minutes and was ended; "
            assert re.search(message, end(outcome)), name
            measured("faults injected", 1)
        assert processes("987") == processes("import time; time.sleep(987)") == []

    @pytest.mark.promise("Faults", "What a failed or ended variant has begun is removed")
    def test_nothing_of_them_stays(self, failed, measured):
        workflow, _ = failed
        for name in (*VARIANTS, "endless"):
            assert not list((workflow.results / "mnist" / name).rglob("*.*")), name
            measured("faults injected", 1)

    def test_the_others_are_made(self, failed):
        workflow, _ = failed
        assert Path(workflow.folder, target("mean")).exists()
        assert Path(workflow.folder, target("sound", 1)).exists()
        planned = workflow.run("-n", target("sound"), target("mean"))
        assert planned.jobs() == {}
