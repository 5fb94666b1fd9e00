"""Runs on a real Slurm, which tests/slurm/start brings up: the profile, lost jobs, lost nodes."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ROOT, Workflow

pytestmark = pytest.mark.long

SLURM = ROOT / "tests" / "slurm"
METRICS = "results/smoke/metrics.csv"
VARIANTS, DATASETS = ("pca", "deep"), ("mnist",)
PROFILE = (
    *("--workflow-profile", "workflow/profiles/slurm"),
    *("--cores", "2"),  # of a job, on nodes of two
    *("--slurm-init-seconds-before-status-checks", "1"),
)
PATIENCE = 900.0
"""Seconds that a run may take; on two idle cores it takes less than one."""


@pytest.fixture(scope="module")
def slurm() -> Iterator[None]:
    """A cluster of two nodes; without Slurm tests are skipped, but fail where CI is set."""
    lost = pytest.fail if os.environ.get("CI", "").lower() in ("true", "1") else pytest.skip
    if not shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin"):
        lost("no Slurm; get one, such as by `apt-get install slurm-wlm munge`.")
    if os.getuid() != 0:
        pytest.skip("only root can start a Slurm.")
    started = subprocess.run([SLURM / "start"], capture_output=True, text=True, timeout=120)
    if started.returncode:
        pytest.fail(started.stderr)
    yield
    subprocess.run([SLURM / "stop"], check=True, timeout=120)


@pytest.fixture(autouse=True)
def nodes_up(slurm: None) -> None:
    subprocess.run([SLURM / "start"], check=True, timeout=60)


@pytest.fixture(scope="module")
def make_smoke(make_workflow: Callable[..., Workflow]) -> Callable[[], Workflow]:
    """Return a function that copies the workflow with a part of the smoke budget in force."""

    def make() -> Workflow:
        workflow = make_workflow(*VARIANTS, datasets=DATASETS)
        workflow.configure(budget="smoke", datasets=list(DATASETS), device="cpu")
        return workflow

    return make


@pytest.fixture(scope="module")
def local(make_smoke: Callable[[], Workflow]) -> bytes:
    """The metrics of a run on this machine without a cluster."""
    workflow = make_smoke()
    outcome = workflow.run("--cores", "2", METRICS)
    assert outcome.code == 0, outcome.text
    return (workflow.folder / METRICS).read_bytes()


@dataclass(frozen=True)
class Job:
    """One job as Slurm knows it."""

    id: str
    state: str
    node: str
    partition: str
    comment: str

    @property
    def asks_for_gpu(self) -> bool:
        shown = subprocess.run(
            ["scontrol", "show", "job", self.id],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        return "TresPerJob=gres:gpu:1" in shown


class Run:
    """Snakemake on the cluster, in the background."""

    def __init__(self, workflow: Workflow, *arguments: str) -> None:
        self.folder = workflow.folder
        self.log = self.folder / "snakemake.log"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *PROFILE, *arguments, "--", METRICS],
            cwd=self.folder,
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
        )

    def wait(self) -> int:
        """Return the exit code."""
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()

    @property
    def text(self) -> str:
        return self.log.read_text()

    def jobs(self) -> list[Job]:
        """All jobs of this run, ended ones too, in the order of submission."""
        found = [line for line in self.text.splitlines() if line.startswith("SLURM run ID: ")]
        if not found:
            return []
        call = ["squeue", "--states=all", "--noheader", "--format=%i|%T|%N|%P|%k", "--name"]
        listed = subprocess.run(
            [*call, found[0].removeprefix("SLURM run ID: ")],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        jobs = [Job(*line.split("|")) for line in listed.splitlines()]
        return sorted(jobs, key=lambda job: int(job.id))

    def first_training(self) -> Job:
        """Wait until a job computes: its training has begun a log."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            running = [job for job in self.jobs() if job.state == "RUNNING"]
            if running and list(self.folder.glob("results/smoke/logs/*-train.log")):
                return running[0]
            time.sleep(0.2)
        raise AssertionError(f"no training has begun:\n{self.text}")


@pytest.mark.promise("Clusters", "A run on Slurm gives the metrics of a local run, byte for byte")
def test_slurm_gives_the_metrics_of_a_local_run(make_smoke, local, measured):
    run = Run(make_smoke())
    assert run.wait() == 0, run.text
    assert (run.folder / METRICS).read_bytes() == local

    jobs = run.jobs()
    assert [job.state for job in jobs] == ["COMPLETED"] * len(jobs)
    # Training and evaluating all variants share one job; the data are prepared here, where a
    # network is.
    names = ["rule_cpu_evaluate_train_deep_train_pca", "rule_aggregate"]
    assert [job.comment for job in jobs] == names
    assert "Finished jobid" in run.text
    assert "(Rule: data)" in run.text
    logs = {path.name for path in (run.folder / "results/smoke/logs").glob("*.log")}
    assert {"aggregate.log", "mnist-deep-d2-train.log", "mnist-pca-d2-evaluate.log"} <= logs
    measured("runs on Slurm", 1)
    measured("bytes that differ", 0 if (run.folder / METRICS).read_bytes() == local else 1)


def cancel(job: Job) -> None:
    subprocess.run(["scancel", job.id], check=True, timeout=60)


def take_down(job: Job) -> None:
    call = ["scontrol", "update", f"nodename={job.node}", "state=down", "reason=test"]
    subprocess.run(call, check=True, timeout=60)


@pytest.mark.promise(
    "Clusters", "A job that scancel or a lost node ends in mid-run is run again; the metrics agree"
)
@pytest.mark.parametrize(
    ("fault", "state"), [(cancel, "CANCELLED"), (take_down, "NODE_FAIL")], ids=["scancel", "node"]
)
def test_a_lost_job_is_submitted_again(make_smoke, local, measured, fault, state):
    run = Run(make_smoke())
    job = run.first_training()
    fault(job)
    assert run.wait() == 0, run.text

    jobs = run.jobs()
    lost, *others = jobs
    assert (lost.id, lost.state) == (job.id, state)
    assert {other.state for other in others} == {"COMPLETED"}
    assert others[0].comment == lost.comment  # the same jobs once more
    if fault is take_down:
        assert lost.node not in {other.node for other in others}
    assert (run.folder / METRICS).read_bytes() == local
    measured("jobs lost in mid-run", 1)
    measured("bytes that differ", 0 if (run.folder / METRICS).read_bytes() == local else 1)


@pytest.mark.promise("Clusters", "With device=cuda only what trains a network asks for a GPU node")
def test_networks_go_to_the_node_with_a_gpu(make_smoke, measured):
    workflow = make_smoke()
    partitions = "partitions:\n  main: {}\n  gpu: {max_gpu: 1}\n"
    (workflow.folder / "partitions.yaml").write_text(partitions)
    workflow.configure(device="cuda")
    run = Run(workflow, "--retries", "0", "--slurm-partition-config", "partitions.yaml")
    assert run.wait() == 1  # there is no GPU but in name, which the node says, not the login node

    jobs = {job.comment: job for job in run.jobs()}
    network, pca = jobs["rule_gpu_evaluate_train_deep"], jobs["rule_cpu_evaluate_train_pca"]
    assert (network.partition, network.node, network.state) == ("gpu", "node-gpu", "FAILED")
    assert network.asks_for_gpu
    assert (pca.partition, pca.state) == ("main", "COMPLETED")
    assert not pca.asks_for_gpu
    logs = list(run.folder.glob(".snakemake/slurm_logs/group_gpu_*/*.log"))
    assert "finds no usable GPU" in logs[0].read_text()
    measured("jobs sent to the GPU node", 1)
