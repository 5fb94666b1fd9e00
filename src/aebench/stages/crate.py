"""The crate stage: make `reports/<budget>` a package that tells whole how its numbers came about.

Beside the report it puts the tidy tables, what every run said of itself, the configuration that was
in force and the source it ran from, and describes all of it, file by file, in
ro-crate-metadata.json (RO-Crate 1.1, profiles Workflow RO-Crate and Workflow Run Crate). Corpora,
codes and models are not in it.

Equal files give equal bytes: no entity has a random name, and the only date is `date`'s.
"""

import csv
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from aebench import __version__, environment
from aebench.datasets.terms import TERMS
from aebench.errors import AebenchError
from aebench.files import atomic_folder, read_json, sha256, write_text
from aebench.stages import provenance

METADATA = "ro-crate-metadata.json"
TABLES = {
    "metrics.csv": "The tidy table: every metric of every run",
    "summary.csv": "Means and 95% intervals over seeds",
    "audit.csv": "What these seeds can show, and whether controls are at chance",
    "tests.csv": "Autoencoders against baselines, over test items and seeds",
    "ranks.csv": "Shared ranks of the variants",
    "claims.csv": "Published numbers beside measured ones",
}
SAID = {
    "index.html": "The report, one page",
    "lecture.html": "Lecture notes: statements, figures, what was measured of them",
    "report.md": "The report in Markdown",
    "README.md": "What is in this package",
    "LICENSE": "The licence",
    "CITATION.cff": "How to cite it",
    "data/config.yaml": "The configuration in force, the command line's part included",
    "data/runs.json": "Of every run: parameters, seed, data hashes, versions, device, lock, commit",
    "data/data-sets.json": "Of every data set: items, hashes and sources of its raw files",
    "source/Snakefile": "The workflow",
    "source/constraints.txt": "The lock: exact versions of all packages",
    **{f"data/{name}": words for name, words in TABLES.items()},
}
"""What a file is, for those that deserve a word."""

AT_THE_TOP = ("LICENSE", "CITATION.cff")
ABOUT = ("README.md", *AT_THE_TOP, "source")
SETTINGS = ("data/config.yaml", "source/constraints.txt")
MADE = ("index.html", "lecture.html", "report.md", "data", "figures", "tables")
"""What is in a package: what comes with the run, what it read, what it has made."""

SOURCES = (
    "Snakefile",
    "config.yaml",
    "constraints.txt",
    "pyproject.toml",
    "README.md",
    "Makefile",
    *AT_THE_TOP,
    "docs/sbom.json",
    "profiles",
    "src/aebench",
    "workflow",
)
"""What made the run, in the clone; folders whole."""

FORMATS = {
    ".cff": "application/yaml",
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".py": "text/x-python",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
    ".webp": "image/webp",
    ".yaml": "application/yaml",
}
"""Of what is not plain text; the table that Python knows depends on the machine."""

PROFILES = {
    "Process Run Crate 0.5": "https://w3id.org/ro/wfrun/process/0.5",
    "Workflow Run Crate 0.5": "https://w3id.org/ro/wfrun/workflow/0.5",
    "Workflow RO-Crate 1.0": "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
}
LICENCE = "https://spdx.org/licenses/BSD-3-Clause"

TERMS_SINCE = {name: f"http://schema.org/{name}" for name in ("sha256", "usageInfo")}
"""Of schema.org, but younger than the context of RO-Crate 1.1."""

README = """\
# aebench, budget {budget}

A finished run of aebench {version}: autoencoders against PCA and LSA. Open `index.html`.

| | |
|---|---|
| `index.html`, `lecture.html`, `report.md` | the report, lecture notes, the report as Markdown |
| `figures/`, `tables/` | every figure (SVG, PDF, PNG), every table (CSV, Markdown, LaTeX) |
| `data/metrics.csv` | the tidy table that everything is made from; its summaries beside it |
| `data/runs.json` | of every run: parameters, seed, data hashes, versions, device, lock, commit |
| `data/config.yaml` | the configuration in force |
| `source/` | the source it ran from, with the lock of its environment |
| `{metadata}` | all of this for programs (RO-Crate 1.1): sizes, sha256, inputs, software |

Again: `cd source && make reproduce BUDGET={budget}`. Corpora are not redistributed; the run fetches
them and checks the hashes in `data/data-sets.json`.
"""


def run(
    results: str | Path,
    reports: str | Path,
    root: str | Path,
    budget: str,
    config: Mapping[str, Any],
    datasets: Sequence[str],
) -> None:
    """Complete the package in `reports` and describe it.

    Parameters
    ----------
    results, reports : path
        `results/<budget>` and `reports/<budget>` of a finished run.
    root : path
        The clone it ran from.
    budget : str
    config : mapping
        The configuration in force.
    datasets : sequence of str

    Raises
    ------
    AebenchError
        When a table or the facts of a data set are missing, or a file cannot be written.
    """
    results, reports, root = Path(results), Path(reports), Path(root)
    facts = {name: read_json(results / name / "data.json") for name in datasets}
    runs = _runs(results)
    for name in TABLES:
        if not (results / name).is_file():
            raise AebenchError(f"{results / name} does not exist; run again what makes it.")
    with atomic_folder(reports / "data") as folder:
        for name in TABLES:
            shutil.copyfile(results / name, folder / name)
        write_text(folder / "config.yaml", yaml.safe_dump(dict(config), sort_keys=True))
        write_text(folder / "runs.json", _json(runs))
        write_text(folder / "data-sets.json", _json(facts))
    with atomic_folder(reports / "source") as folder:
        for file in sources(root):
            target = folder / file.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    for name in AT_THE_TOP:
        if (root / name).is_file():
            write_text(reports / name, (root / name).read_text(encoding="utf-8"))
    words = README.format(budget=budget, version=__version__, metadata=METADATA)
    write_text(reports / "README.md", words)
    write_text(reports / METADATA, _json(describe(reports, budget, facts, runs)))


def sources(root: Path) -> list[Path]:
    """List the files of the clone that make a run."""
    return sorted(file for name in SOURCES for file in _files(root / name))


def members(folder: Path) -> list[Path]:
    """List the files of a package, the metadata apart."""
    return sorted(file for name in (*ABOUT, *MADE) for file in _files(folder / name))


def date() -> str:
    """Return the date of the package: SOURCE_DATE_EPOCH, or the commit's, or today."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "").strip() or provenance.commit_seconds()
    try:
        moment = datetime.fromtimestamp(int(seconds), UTC) if seconds else datetime.now(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise AebenchError(
            f"SOURCE_DATE_EPOCH is {seconds!r}; allowed are whole seconds since 1970."
        ) from error
    return moment.date().isoformat()


def describe(
    folder: Path,
    budget: str,
    facts: Mapping[str, Mapping[str, Any]],
    runs: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the JSON-LD of a package.

    Parameters
    ----------
    folder : Path
    budget : str
    facts : mapping of data set to its data.json
    runs : mapping of run to what it said of itself
    """
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms |= TERMS_SINCE
    files = {file.relative_to(folder).as_posix(): file for file in members(folder)}
    workflow = _workflow(crate, files.pop("source/Snakefile"))
    described = {name: _describe_file(crate, name, path) for name, path in files.items()}
    described["README.md"]["about"] = root = crate.root_dataset
    inputs = [_data_set(crate, name, found) for name, found in facts.items()]
    settings = [described[name] for name in SETTINGS if name in described]
    action = crate.add_action(
        workflow,
        "#run",
        object=settings + inputs,
        result=[each for name, each in described.items() if name.split("/")[0] in MADE],
        properties={
            "name": f"Run of aebench at budget {budget}",
            "description": _how(runs),
            "actionStatus": "http://schema.org/CompletedActionStatus",
        },
    )
    root["name"] = f"aebench, budget {budget}: autoencoders against PCA and LSA"
    root["description"] = (
        f"A finished run of aebench {__version__} on {', '.join(facts)}: tables, figures, report, "
        "configuration, source and lock. Corpora, codes and models are not part of it."
    )
    root["datePublished"] = date()
    root["keywords"] = ["autoencoder", "PCA", "LSA", "benchmark", "reproducibility"]
    root["mentions"] = [action, *inputs]
    root["conformsTo"] = [_work(crate, uri, name) for name, uri in PROFILES.items()]
    for entity in (root, workflow):
        entity["license"] = _work(crate, LICENCE, "BSD 3-Clause License")
        entity["author"] = _authors(crate, folder / "CITATION.cff")
    found: dict[str, Any] = crate.metadata.generate()
    found["@graph"].sort(key=lambda entity: entity["@id"])
    return found


def _work(crate: Any, uri: str, name: str) -> Any:
    return _add(crate, uri, "CreativeWork", name=name, url=uri)


def _workflow(crate: Any, file: Path) -> Any:
    """Add the workflow, its engine, and every package that it needs."""
    packages = environment.needed()
    python = platform.python_version()
    software = [("python", python, f"pkg:generic/python@{python}")]
    software += [(name, found, f"pkg:pypi/{name}@{found}") for name, found in packages.items()]
    workflow = crate.add_workflow(
        file,
        "source/Snakefile",
        main=True,
        lang="snakemake",
        lang_version=packages["snakemake"],
        properties={
            "name": "aebench",
            "description": "data -> train -> evaluate -> aggregate -> claims -> report",
            "version": __version__,
            "encodingFormat": "text/plain",
            **_fixity(file),
        },
    )
    workflow["softwareRequirements"] = [
        _add(crate, identity, "SoftwareApplication", name=name, softwareVersion=version)
        for name, version, identity in software
    ]
    return workflow


def _describe_file(crate: Any, name: str, file: Path) -> Any:
    facts = {"name": name, "encodingFormat": FORMATS.get(file.suffix, "text/plain")}
    facts |= _fixity(file) | ({"description": SAID[name]} if name in SAID else {})
    return crate.add_file(file, name, properties=facts)


def _fixity(file: Path) -> dict[str, str]:
    return {"contentSize": str(file.stat().st_size), "sha256": sha256(file)}


def _data_set(crate: Any, name: str, facts: Mapping[str, Any]) -> Any:
    """Add a data set, which is an input and not in the package, with its raw files."""
    hashes, origins = facts.get("sha256") or {}, facts.get("sources") or {}
    known = TERMS[name]
    files = [
        _add(
            crate,
            f"#{name}/{raw}",
            "CreativeWork",
            name=raw,
            sha256=digest,
            description=f"Raw file of {name}; fetched from: {origins.get(raw, 'not recorded')}",
        )
        for raw, digest in sorted(hashes.items())
    ]
    return _add(
        crate,
        f"#{name}",
        "CreativeWork",
        name=name,
        description=f"{facts['train_items']} training and {facts['test_items']} test items",
        citation=known.citation,
        url=known.url,
        usageInfo=known.terms,
        hasPart=files,
    )


def _authors(crate: Any, file: Path) -> Any:
    """Add those whom CITATION.cff names: people with two names, and groups."""
    text = file.read_text(encoding="utf-8") if file.is_file() else "{}"
    authors = []
    for author in yaml.safe_load(text).get("authors", []):
        parts = (author.get("given-names"), author.get("family-names"))
        name = author.get("name") or " ".join(filter(None, parts))
        kind = "Organization" if "name" in author else "Person"
        identity = author.get("orcid") or "#" + "-".join(name.lower().split())
        authors.append(_add(crate, identity, kind, name=name))
    return authors[0] if len(authors) == 1 else authors


def _add(crate: Any, identity: str, kind: str, **properties: Any) -> Any:
    from rocrate.model.contextentity import ContextEntity

    return crate.add(ContextEntity(crate, identity, properties={"@type": kind, **properties}))


def _runs(results: Path) -> dict[str, dict[str, Any]]:
    """What every run of metrics.csv said of itself, by its place."""
    places = sorted(set(_places(results / "metrics.csv")))
    return {
        place: {
            "training": read_json(results / place / "run.json", missing={}),
            "evaluation": read_json(results / place / "cost.json", missing={}).get("made_by", {}),
        }
        for place in places
    }


def _places(metrics: Path) -> Iterator[str]:
    try:
        with open(metrics, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                yield f"{row['dataset']}/{row['variant']}/d{row['code_size']}/seed-{row['seed']}"
    except (OSError, KeyError) as error:
        raise AebenchError(f"{metrics} is not a readable tidy table: {error}.") from error


def _how(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """Say in a sentence where the runs were made, and from which commit."""
    trained = [run["training"] for run in runs.values() if run["training"]]
    devices = sorted({str(run.get("device")) for run in trained})
    commits = sorted({_commit(run.get("commit") or {}) for run in trained})
    return (
        f"{len(runs)} runs; trained on: {', '.join(devices) or 'not recorded'}; commit: "
        f"{', '.join(commits) or 'not recorded'}. Each run's own facts are in data/runs.json."
    )


def _commit(commit: Mapping[str, Any]) -> str:
    return f"{commit.get('sha', 'none')}{', changed since' if commit.get('changed') else ''}"


def _files(place: Path) -> Iterator[Path]:
    """A file, or the files under a folder but for hidden and compiled ones."""
    for file in [place] if place.is_file() else place.rglob("*"):
        inside = file.relative_to(place.parent).parts
        hidden = any(part.startswith((".", "__pycache__")) for part in inside)
        if file.is_file() and not hidden and file.suffix != ".pyc":
            yield file


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
