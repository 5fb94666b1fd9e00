"""The profile for Kubernetes and its container file, as far as they go without a cluster.

A stand-in for kubectl runs each Job's command here, in the folder and with the script it was given.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, VARIANTS, plant

PROFILE = ("--workflow-profile", "workflow/profiles/kubernetes")
PROFILES = ROOT / "workflow" / "profiles"
CONTAINERFILE = ROOT / "workflow" / "envs" / "Containerfile"
METRICS = "results/tiny/metrics.csv"

KUBECTL = """\
#!{python}
import json, os, pathlib, subprocess, sys

jobs = pathlib.Path({folder!r})
verb, *words = sys.argv[1:]
names = [word.partition("/")[2] for word in words if word.startswith("job.batch/")]
if verb == "create":
    job = json.load(sys.stdin)
    name = f"aebench-{{len(list(jobs.glob('*.json')))}}"
    (jobs / f"{{name}}.json").write_text(json.dumps(job))
    container = job["spec"]["template"]["spec"]["containers"][0]
    script = 'sh "$1" >"$2.log" 2>&1; echo $? >"$2.new"; mv "$2.new" "$2.end"'
    command = ["sh", "-c", script, "", container["command"][1], str(jobs / name)]
    subprocess.Popen(command, cwd=container["workingDir"], stdout=subprocess.DEVNULL)
    print(f"job.batch/{{name}}")
elif verb == "get":
    end = jobs / f"{{names[0]}}.end"
    if (jobs / f"{{names[0]}}.json").exists():
        code = end.read_text().strip() if end.exists() else None
        print("Job", {{None: "", "0": "SuccessCriteriaMet Complete"}}.get(code, "Failed"))
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """The folder where the stand-in for kubectl keeps its Jobs, their output and exit codes."""
    (tmp_path / "jobs").mkdir()
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL.format(python=sys.executable, folder=str(tmp_path / "jobs")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "jobs"


def script_of(folder: Path, **properties) -> Path:
    """A job's script as Snakemake writes it."""
    script = folder / "script.sh"
    script.write_text(f"#!/bin/sh\n# properties = {json.dumps(properties)}\nexit 3\n")
    return script


def call(name: str, *arguments: object) -> str:
    program = PROFILES / "kubernetes" / name
    outcome = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout.strip()


def submitted(cluster: Path, **properties) -> dict:
    """What Kubernetes is asked for a job."""
    name = call("submit", script_of(cluster.parent, **properties)).partition("/")[2]
    return json.loads((cluster / f"{name}.json").read_text())["spec"]["template"]["spec"]


def test_a_job_asks_for_what_its_rule_says(cluster):
    resources = {"mem_mb": 4000, "runtime": 90}
    pod = submitted(cluster, threads=2, resources=resources)
    limits = {"cpu": 2, "memory": "4000M"}
    assert pod["containers"][0]["resources"] == {"limits": limits, "requests": limits}
    assert pod["activeDeadlineSeconds"] == 90 * 60
    assert pod["containers"][0]["workingDir"] == os.getcwd()

    pod = submitted(cluster, threads=2, resources=resources | {"gpu": 1})
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_status_is_said_in_the_words_of_snakemake(cluster):
    assert call("status", "job.batch/gone") == "failed"
    name = call(
        "submit", script_of(cluster.parent, threads=1, resources={"mem_mb": 1, "runtime": 1})
    )
    end = cluster / f"{name.partition('/')[2]}.end"
    while not end.exists():
        assert call("status", name) in ("running", "failed")
    assert call("status", name) == "failed"
    end.write_text("0")
    assert call("status", name) == "success"
    (cluster.parent / "kubectl").write_text("#!/bin/sh\nexit 1\n")
    assert call("status", name) == "running"  # no answer is no failure


@pytest.mark.parametrize("profile", ["slurm", "kubernetes"])
def test_every_key_of_a_profile_is_a_setting(make_workflow, profile):
    workflow = make_workflow("pca")
    plant(workflow, "mnist")
    outcome = workflow.run("--workflow-profile", f"workflow/profiles/{profile}", "-n", METRICS)
    assert outcome.code == 0, outcome.text
    file = workflow.folder / "workflow" / "profiles" / profile / "config.yaml"
    file.write_text(f"{file.read_text()}no-such-key: 1\n")
    outcome = workflow.run("--workflow-profile", f"workflow/profiles/{profile}", "-n", METRICS)
    assert outcome.code != 0


def test_the_container_file_copies_and_installs_what_there_is():
    text = CONTAINERFILE.read_text()
    copied = [word for line in re.findall(r"^COPY (.*) \S+$", text, re.M) for word in line.split()]
    assert copied
    assert [word for word in copied if not (ROOT / word).exists()] == []

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (extra,) = re.findall(r"'\.\[(.+?)\]'", text)
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().split()}
    names = {re.split("[<>=]", word)[0] for word in project["optional-dependencies"][extra]}
    assert names <= pinned

    job = yaml.safe_load((PROFILES / "kubernetes" / "job.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    assert f"--tag {pod['containers'][0]['image']} " in text
    assert pod["containers"][0]["image"].endswith(f":{project['version']}")
    assert f"useradd --uid {pod['securityContext']['runAsUser']} " in text
    mount = pod["containers"][0]["volumeMounts"][0]["mountPath"]
    assert f"PYTHONPATH={mount}/src" in text


@pytest.mark.long
@pytest.mark.promise(
    "Clusters",
    "The profile for Kubernetes gives the metrics of a local run, by a stand-in for kubectl",
)
def test_kubernetes_gives_the_metrics_of_a_local_run(make_workflow, cluster, measured):
    local, remote = (make_workflow("pca", "deep") for _ in range(2))
    for workflow in (local, remote):
        workflow.configure(device="cpu")
        plant(workflow, "mnist")
    outcome = local.run("--", METRICS)
    assert outcome.code == 0, outcome.text

    outcome = remote.run(*PROFILE, "--", METRICS)
    assert outcome.code == 0, outcome.text
    jobs = [json.loads(file.read_text()) for file in sorted(cluster.glob("*.json"))]
    assert len(jobs) == 2  # all training and evaluating, and the table
    same = (remote.folder / METRICS).read_bytes() == (local.folder / METRICS).read_bytes()
    assert same
    measured("runs on a stand-in for Kubernetes", 1)


@pytest.mark.long
@pytest.mark.promise(
    "Clusters", "A variant that fails costs its group's good ones a second call, and no more"
)
def test_the_good_variants_of_a_failed_group_run_alone(make_workflow, cluster, measured):
    workflow = make_workflow("pca")
    pca = (VARIANTS / "pca.smk").read_text()
    bad = pca.replace("train_pca", "train_bad").replace('"pca"', '"bad"')
    workflow.write_variant("bad.smk", bad.replace("covariance_eigh", "nonsense"))
    plant(workflow, "mnist")
    scores = "mnist/{}/d2/seed-0/scores.csv"

    outcome = workflow.run(*PROFILE, "--retries", "0", "--", METRICS)
    assert outcome.code == 1
    assert not (workflow.results / scores.format("pca")).exists()  # its group has failed

    alone = ("--group-components", "cpu=1")
    outcome = workflow.run(*PROFILE, "--retries", "0", *alone, "--", METRICS)
    assert outcome.code == 1
    assert (workflow.results / scores.format("pca")).exists()
    assert not (workflow.results / scores.format("bad")).exists()
    measured("variants that fail", 1)
