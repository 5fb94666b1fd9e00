"""What run.json says about the source tree and the machine."""

import os
import subprocess

import pytest

from aebench import environment
from aebench.files import sha256
from aebench.stages import provenance


def git(folder, *arguments):
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A git repository with one committed source file."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    git(tmp_path, "init", "-q")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/code.py").write_text("a = 1\n")
    git(tmp_path, "add", "src")
    git(tmp_path, "commit", "-q", "-m", "one")
    return tmp_path


def test_the_commit_is_the_checked_out_one(clone):
    found = provenance.commit(clone)
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True)
    assert found == {"sha": said.stdout.strip(), "changed": False}


@pytest.mark.parametrize(
    ("file", "changed"),
    [("src/code.py", True), ("workflow/variants/mine.smk", True), ("notes.txt", False)],
    ids=["edited", "new variant", "no source"],
)
def test_changes_of_sources_are_said(clone, file, changed):
    (clone / file).parent.mkdir(parents=True, exist_ok=True)
    (clone / file).write_text("a = 2\n")
    assert provenance.commit(clone)["changed"] is changed


def test_a_hook_does_not_lead_to_another_repository(clone, monkeypatch):
    usual = provenance.commit(clone)
    monkeypatch.setenv("GIT_DIR", str(clone / "elsewhere"))
    assert provenance.commit(clone) == usual


def test_without_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    assert provenance.commit(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert provenance.commit(tmp_path) is None  # nothing was committed yet
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.commit(tmp_path) is None  # and nobody to ask


def test_an_installed_package_does_not_take_the_commit_of_the_folder_around_it(clone):
    assert provenance.commit(clone / "src") is None


def test_the_machine_is_described():
    facts = provenance.hardware("cpu, 2 threads")
    assert facts.keys() == {"cpu", "cores", "memory_gib", "gpu"}
    assert facts["cpu"]
    assert 1 <= facts["cores"] <= os.cpu_count()
    assert facts["memory_gib"] > 0.1
    assert facts["gpu"] is None
    assert provenance.hardware("Some GPU")["gpu"] == "Some GPU"


def test_the_model_of_the_cpu_is_that_of_the_first_core(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance.sys, "platform", "linux")
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: A: fast one\nprocessor\t: 1\nmodel name\t: B\n")
    assert provenance._cpu_model(file) == "A: fast one"
    file.write_text("processor\t: 0\n")
    monkeypatch.setattr(provenance.platform, "processor", lambda: "aarch64")
    assert provenance._cpu_model(file) == "aarch64"


def test_a_result_says_what_made_it():
    made_by = provenance.made_by()
    assert made_by.keys() == {"versions", "commit", "lock"}
    assert made_by["lock"]["sha256"] == sha256(environment.LOCK)


def test_the_commit_has_a_date(clone):
    assert int(provenance.commit_seconds(clone)) > 1.6e9
    assert provenance.commit_seconds(clone / "src") == ""
