"""A copy of the workflow to run and to break, and small data sets to feed it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import yaml

from aebench import datasets
from aebench.datasets import excerpts

pytest_plugins = ("promises",)

ROOT = Path(__file__).parents[1]
VARIANTS = ROOT / "workflow" / "variants"
EXAMPLES = ROOT / "docs" / "examples"

TINY = {
    "items": {"train": 200, "test": 100},
    "queries": 50,
    "epochs": {"pretraining": 1, "adam": 1, "conjugate_gradients": 1},
}
"""A budget for the tests: every stage works, in as little time as it takes to start it."""


@dataclass(frozen=True)
class Outcome:
    """How a call of Snakemake ended, and all it said."""

    code: int
    text: str

    def lines(self, word: str) -> list[str]:
        return [line for line in self.text.splitlines() if word in line]

    def jobs(self) -> dict[str, int]:
        """How many jobs of each rule a dry run announces; none when there is nothing to be done."""
        table = self.text.rpartition("Job stats:")[2].partition("Reasons:")[0]
        rows = re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)
        return {rule: int(count) for rule, count in rows if rule != "total"}


@dataclass(frozen=True)
class Workflow:
    """A copy of the workflow in a folder of its own, with the budget `tiny` in force."""

    folder: Path

    def run(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
        **options: Any,
    ):
        """Call Snakemake in the folder, through another command if there is one before it.

        Its words come back together with its exit code.
        """
        python = Path(sys.executable)
        path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        found = subprocess.run(
            [*before, str(python), "-m", "snakemake", "--cores", "1", *arguments],
            cwd=self.folder,
            env={**os.environ, "PATH": path, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            **options,
        )
        return Outcome(found.returncode, found.stdout)

    def configure(self, **changes: Any) -> None:
        """Replace top-level keys of config.yaml."""
        file = self.folder / "config.yaml"
        config = yaml.safe_load(file.read_text()) | changes
        file.write_text(yaml.safe_dump(config))

    def write_variant(self, name: str, text: str) -> None:
        (self.folder / "workflow" / "variants" / name).write_text(text)

    def remove(self, file: str) -> None:
        (self.folder / file).unlink()

    @property
    def results(self) -> Path:
        return self.folder / "results" / "tiny"

    @property
    def reports(self) -> Path:
        return self.folder / "reports" / "tiny"

    def written(self) -> list[str]:
        """Files under results and reports, logs apart."""
        files = [
            path for name in ("results", "reports") for path in self.folder.glob(f"{name}/**/*")
        ]
        return sorted(
            str(path.relative_to(self.folder))
            for path in files
            if path.is_file() and "logs" not in path.parts
        )


def copy_workflow(folder: Path, variants: list[Path], names: list[str]) -> Workflow:
    """Copy what Snakemake reads, with these variant files and data sets and no others."""
    for name in ("Snakefile", "config.yaml", "constraints.txt", "CITATION.cff", "LICENSE"):
        shutil.copy2(ROOT / name, folder / name)
    skip = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("workflow", "profiles", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    copies = folder / "workflow" / "variants"
    shutil.rmtree(copies)
    copies.mkdir()
    for file in variants:
        shutil.copy2(file, copies)
    workflow = Workflow(folder)
    tiny = {
        "seeds": [0, 1],
        "main_code_size_only": True,
        "images": TINY,
        "documents": TINY,
        "datasets": {name: {} for name in names},
    }
    sizes = {"images": [2, 10, 30], "documents": [2, 10, 50]}
    budgets = yaml.safe_load((folder / "config.yaml").read_text())["budgets"]
    workflow.configure(budget="tiny", code_sizes=sizes, unseen={}, budgets=budgets | {"tiny": tiny})
    return workflow


@pytest.fixture(scope="session")
def make_workflow(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Workflow]:
    """Return a function that copies the workflow with some built-in variants (by name)."""

    def make(
        *variants: str, datasets: tuple[str, ...] = ("mnist",), others: tuple[Path, ...] = ()
    ) -> Workflow:
        files = [*(VARIANTS / f"{name}.smk" for name in variants), *others]
        return copy_workflow(tmp_path_factory.mktemp("workflow"), files, list(datasets))

    return make


def small_dataset(name: str, n_features: int = 0, train: int = 80, test: int = 60):
    """Make a data set of four classes by chance, in the form of the real one of that name."""
    random = np.random.default_rng(7)
    n_features = n_features or (49 if datasets.kind(name) == "images" else 30)
    labels = random.integers(0, 4, train + test)
    centres = random.random((4, n_features))
    info: dict[str, Any] = {
        "dataset": name,
        "kind": datasets.kind(name),
        "n_features": n_features,
        "image_shape": None,
        "classes": ["north", "east", "south", "west"],
        "vocabulary": None,
        "sha256": {},
        "sources": {},
        "train_items": train,
        "test_items": test,
        "notes": [],
    }
    if info["kind"] == "images":
        noisy = centres[labels] + 0.2 * random.standard_normal((train + test, n_features))
        items: Any = np.rint(noisy.clip(0, 1) * 255).astype(np.float32) / np.float32(255)
        info["image_shape"] = [7, n_features // 7]
    else:
        counts = random.poisson(3 * centres[labels]) + np.eye(n_features)[labels]
        items = scipy.sparse.csr_matrix(counts.astype(np.float32))
        info["vocabulary"] = [f"word{i}" for i in range(n_features)]
    return datasets.Dataset(
        name, info["kind"], items[:train], items[train:], labels[:train], labels[train:], info
    )


def plant(workflow: Workflow, name: str, **sizes: int) -> Path:
    """Put a small data set where the data stage would write it; Snakemake takes it as made."""
    folder = workflow.results / name
    dataset = small_dataset(name, **sizes)
    datasets.save(dataset, folder / "data.npz", folder / "data.json")
    excerpts.save({}, folder / "excerpts.json")
    return folder / "data.npz"
