"""A finished run as a package that describes itself, and as one archive."""

import hashlib
import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from rocrate.rocrate import ROCrate

from aebench import datasets, environment
from aebench.datasets.terms import TERMS
from aebench.errors import AebenchError
from aebench.stages import crate, pack

CONFIG = {"budget": "tiny", "budgets": {"tiny": {"seeds": [0]}}}
DIGEST = "0" * 64
RUN = {"seed": 0, "parameters": {"epochs": 1}, "device": "cpu, 1 thread", "commit": {"sha": "ab"}}
OWN = ("Snakefile", "config.yaml", "constraints.txt", "CITATION.cff", "LICENSE")


def finished(folder: Path) -> Path:
    """Write what a run of one variant leaves behind: clone, results and report."""
    for name in OWN:
        folder.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    texts = {
        "workflow/variants/my own.smk": "rule train_own:\n",
        "workflow/variants/__pycache__/x.pyc": "compiled",
        ".env": "hidden",
        "results/tiny/mnist/data.json": json.dumps(
            {
                "sha256": {"train-images": DIGEST},
                "sources": {"train-images": "a mirror"},
                "train_items": 5,
                "test_items": 3,
            }
        ),
        "results/tiny/mnist/pca/d2/seed-0/run.json": json.dumps(RUN),
        "results/tiny/mnist/pca/d2/seed-0/cost.json": json.dumps({"made_by": {"device": "cpu"}}),
        "results/tiny/mnist/pca/d2/seed-0/codes.npz": "codes",
        "results/tiny/mnist/pca/d2/seed-0/model.safetensors": "weights",
        "results/tiny/mnist/gone/d2/seed-0/run.json": json.dumps(RUN),
        "reports/tiny/index.html": "<p>Grüße",
        "reports/tiny/lecture.html": "<p>",
        "reports/tiny/report.md": "# Report",
        "reports/tiny/figures/mnist-pareto.svg": "<svg/>",
        "reports/tiny/figures/.snakemake_timestamp": "",
        "reports/tiny/tables/tests.csv": "a,b\n",
        "reports/tiny/notes.txt": "what somebody left there",
    }
    head = "dataset,variant,code_size,seed,split,metric,value\n"
    for name in crate.TABLES:
        texts[f"results/tiny/{name}"] = f"{head}mnist,pca,2,0,test,squared_error,1.5\n"
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def described(folder: Path) -> Path:
    """Complete the package of a finished run; return its folder."""
    reports = folder / "reports/tiny"
    crate.run(folder / "results/tiny", reports, folder, "tiny", CONFIG, ["mnist"])
    return reports


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return described(finished(tmp_path_factory.mktemp("crate") / "clone"))


@pytest.mark.promise(
    "Reproducibility",
    "One archive holds a run's tables, figures, page, configuration, source and lock, and tells "
    "size and sha256 of every file",
)
def test_the_archive_holds_what_the_crate_describes(package, tmp_path, measured):
    archive = tmp_path / "run.zip"
    pack.run(package, archive)
    with zipfile.ZipFile(archive) as opened:
        held = {entry.filename: opened.read(entry) for entry in opened.infolist()}
    found = ROCrate(archive)
    files = {entity.id: entity for entity in found.data_entities if "File" in entity["@type"]}
    assert len(files) == len(held) - 1 > 20
    for name, entity in files.items():
        content = held.pop(name.replace("%20", " "))
        assert entity["contentSize"] == str(len(content))
        assert entity["sha256"] == hashlib.sha256(content).hexdigest()
    assert held.keys() == {"ro-crate-metadata.json"}
    names = {name.partition("/")[0] for name in files}
    assert names == {
        "README.md", "LICENSE", "CITATION.cff", "index.html", "lecture.html", "report.md",
        "data", "figures", "tables", "source",
    }  # fmt: skip
    assert {"source/workflow/variants/my%20own.smk", "source/constraints.txt"} <= files.keys()
    assert not [name for name in files if name.endswith((".npz", ".safetensors", ".pyc"))]
    measured("files described", len(files))


def test_the_crate_says_who_made_what_from_what_and_with_what(package):
    found = ROCrate(package)
    root, action = found.root_dataset, found.dereference("#run")
    assert root["mainEntity"].id == "source/Snakefile"
    assert "ComputationalWorkflow" in found.mainEntity["@type"]
    assert root["author"]["name"] == "The aebench developers"
    assert root["license"].id.endswith("/BSD-3-Clause")
    assert action["instrument"].id == "source/Snakefile"
    inputs = {entity.id for entity in action["object"]}
    assert inputs == {"data/config.yaml", "source/constraints.txt", "#mnist"}
    outcome = {entity.id for entity in action["result"]}
    assert {"data/metrics.csv", "index.html", "figures/mnist-pareto.svg"} <= outcome
    assert not [name for name in outcome if name.startswith("source")]
    assert "cpu, 1 thread; commit: ab." in action["description"]
    mnist = found.dereference("#mnist")
    assert mnist["citation"] == TERMS["mnist"].citation
    (raw,) = mnist["hasPart"]
    assert (raw["name"], raw["sha256"]) == ("train-images", DIGEST)
    assert "a mirror" in raw["description"]
    parts = found.mainEntity["softwareRequirements"]
    software = {part["name"]: part["softwareVersion"] for part in parts}
    assert software.pop("python")
    assert software == environment.needed()
    assert f"pkg:pypi/numpy@{software['numpy']}" in {part.id for part in parts}


def test_data_of_the_package(package):
    runs = json.loads((package / "data/runs.json").read_text())
    assert runs == {"mnist/pca/d2/seed-0": {"training": RUN, "evaluation": {"device": "cpu"}}}
    assert yaml.safe_load((package / "data/config.yaml").read_text()) == CONFIG
    assert "BUDGET=tiny" in (package / "README.md").read_text()


@pytest.mark.promise("Reproducibility", "Equal runs give equal archives, byte for byte")
def test_equal_runs_give_equal_archives(tmp_path, monkeypatch, measured):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    archives = []
    for name in ("first", "second"):
        folder = finished(tmp_path / name)
        for file in folder.rglob("*"):
            os.utime(file, (5e8, 5e8) if name == "first" else (1e9, 1e9))
            file.chmod(0o755 if name == "first" else 0o700)
        archives.append(tmp_path / f"{name}.zip")
        pack.run(described(folder), archives[-1])
    first, second = (archive.read_bytes() for archive in archives)
    assert first == second
    assert b"2023-11-14" in (tmp_path / "first/reports/tiny/ro-crate-metadata.json").read_bytes()
    measured("bytes different", sum(a != b for a, b in zip(first, second, strict=True)))


def test_without_an_epoch_the_date_is_the_commits(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setattr(crate.provenance, "commit_seconds", lambda: "86400")
    assert crate.date() == "1970-01-02"
    monkeypatch.setattr(crate.provenance, "commit_seconds", lambda: "")
    assert crate.date() > "2024"


@pytest.mark.parametrize("epoch", ["tomorrow", "1e9", "9" * 30])
def test_a_wrong_epoch_is_one_message(epoch, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(AebenchError, match="whole seconds since 1970"):
        crate.date()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "index.html").write_text("other"), "was changed since"),
        (lambda folder: (folder / "report.md").unlink(), "'report.md', which does not exist"),
        (
            lambda folder: (folder / crate.METADATA).write_text(
                json.dumps({"@graph": [{"@id": "../x", "@type": "File", "sha256": ""}]})
            ),
            "outside its folder",
        ),
        (lambda folder: (folder / crate.METADATA).write_text("{}"), "describes no file"),
        (lambda folder: (folder / crate.METADATA).unlink(), "does not exist"),
    ],
    ids=["changed", "missing", "outside", "empty", "none"],
)
def test_what_is_not_as_described_is_not_packed(package, tmp_path, change, message):
    copy = tmp_path / "copy"
    shutil.copytree(package, copy)
    change(copy)
    with pytest.raises(AebenchError, match=message):
        pack.run(copy, tmp_path / "run.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


@pytest.mark.parametrize("name", ["claims.csv", "mnist/data.json"])
def test_a_run_that_is_not_finished_is_refused(name, tmp_path):
    folder = finished(tmp_path)
    (folder / "results/tiny" / name).unlink()
    with pytest.raises(AebenchError, match=f"{name} does not exist"):
        described(folder)
    assert not (folder / "reports/tiny" / crate.METADATA).exists()


def test_terms_are_those_of_the_page_and_of_every_data_set():
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    assert list(TERMS) == datasets.names()
    for name, terms in TERMS.items():
        assert f"| `{name}` | {terms.citation} | {terms.terms} |" in page
