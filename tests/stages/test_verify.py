"""A finished run against the released one, as a user calls it: by make, by Snakemake, by hand."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from aebench import statistics
from aebench.errors import AebenchError
from aebench.stages import verify

CONFIG = {"code_sizes": {"images": [30]}, "vocabulary_size": 9, "budgets": {"quick": {"a": 1}}}


def write_results(folder: Path, change: float = 0.0, digest: str = "0") -> Path:
    """A finished run of twelve variants; `change` is added to the error of the first."""
    rows = []
    for number in range(12):
        for seed, noise in enumerate((0.0, 0.1 + 0.01 * number)):
            value = 10 + number + noise + change * (number == 0)
            rows.append(("mnist", f"v{number}", 30, seed, "test", "squared_error", value))
            run = folder / "mnist" / f"v{number}" / "d30" / f"seed-{seed}"
            run.mkdir(parents=True, exist_ok=True)
            facts = {"parameters": {"epochs": 1, "verbose": str(folder)}, "device": "cpu"}
            (run / "run.json").write_text(json.dumps(facts | {"versions": {"numpy": "2"}}))
    table = pd.DataFrame(rows, columns=statistics.METRIC_COLUMNS)
    statistics.write_csv(table, folder / "metrics.csv")
    facts = {"dataset": "mnist", "kind": "images", "n_features": 4, "notes": []}
    facts |= {"sha256": {"raw": digest}, "train_items": 5, "test_items": 3}
    (folder / "mnist" / "data.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with config.yaml, a run under results/quick and the same run as the reference."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    write_results(tmp_path / "results" / "quick")
    verify.write(tmp_path / "results/quick", tmp_path / "reference", "quick", CONFIG)
    return tmp_path


def call(place: Path, *words: str) -> tuple[int, str]:
    found = subprocess.run(
        [*words], cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return found.returncode, found.stdout


def by_hand(place: Path, budget: str = "quick") -> tuple[int, str]:
    return call(place, sys.executable, "-m", "aebench.stages.verify", budget)


def test_the_same_run_agrees(place):
    assert by_hand(place) == (
        0,
        "12 of 12 metrics at budget quick agree with the reference; 0 outside\n",
    )


def test_what_falls_outside_is_printed_with_its_distance(place):
    write_results(place / "results/quick", change=5)
    code, text = by_hand(place)
    assert code == 1
    first, last = text.splitlines()
    assert first.startswith("outside: mnist v0 d30 test squared_error: 15.05 instead of 10.05 ± ")
    assert first.endswith(" noises away)")
    assert last.startswith("11 of 12 metrics")


@pytest.mark.parametrize(
    ("budget", "remove", "message"),
    [
        (
            "smoke",
            None,
            "error: no reference results of budget 'smoke' in reference/; there are: q",
        ),
        ("quick", "results/quick/metrics.csv", "error: no finished run in results/quick/"),
        ("quick", "config.yaml", "error: "),
    ],
)
def test_nothing_to_compare_is_one_message_and_code_2(place, budget, remove, message):
    if remove:
        (place / remove).unlink()
    code, text = by_hand(place, budget)
    assert code == 2
    assert text.startswith(message)
    assert len(text.splitlines()) == 1


def test_other_data_and_settings_are_said(place, capsys):
    write_results(place / "results/quick", digest="1")
    shutil.rmtree(place / "results/quick/mnist/v3")
    table = pd.read_csv(place / "results/quick/metrics.csv")
    statistics.write_csv(table[table["variant"] != "v3"], place / "results/quick/metrics.csv")
    config = CONFIG | {"budgets": {"quick": {"a": 2}}}
    assert verify.run(place / "results/quick", place / "reference", "quick", config) == 0
    text = capsys.readouterr().err
    assert "note: data of mnist differ in sha256" in text
    assert "note: config: budget.a is 2, in the reference 1" in text
    assert "note: 1 not run here: mnist v3 d30" in text
    assert "11 of 11 metrics" in text


def test_runs_without_anything_in_common_are_refused(place):
    table = pd.read_csv(place / "results/quick/metrics.csv").assign(code_size=7)
    statistics.write_csv(table, place / "results/quick/metrics.csv")
    with pytest.raises(AebenchError, match="no run in common"):
        verify.run(place / "results/quick", place / "reference", "quick", CONFIG)


def test_a_reference_says_nothing_of_where_or_when(place):
    other = write_results(place / "elsewhere" / "quick")
    verify.write(other, place / "again", "quick", CONFIG)
    for name in ("quick.csv", "quick.json"):
        assert (place / "again" / name).read_bytes() == (place / "reference" / name).read_bytes()


@pytest.mark.skipif(
    shutil.which("make") is None or not Path(sys.prefix, "installed").is_file(),
    reason="needs make, and the environment that it sets up",
)
def test_make_passes_the_verdict_on(place):
    """GNU make ends with 2 whenever a command fails, and says what the command ended with."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, place)
    (place / ".venv").symlink_to(sys.prefix)
    os.utime(place / "pyproject.toml", (0, 0))
    os.utime(place / "constraints.txt", (0, 0))
    code, text = call(place, "make", "verify", "BUDGET=quick")
    assert (code, text.count("agree")) == (0, 1)
    write_results(place / "results/quick", change=5)
    code, text = call(place, "make", "verify", "BUDGET=quick")
    assert code != 0
    assert "Error 1" in text
    assert call(place, "make", "reference", "BUDGET=quick")[0] == 0
    assert call(place, "make", "verify", "BUDGET=quick")[0] == 0
    code, text = call(place, "make", "verify", "BUDGET=full")
    assert code != 0
    assert "Error 2" in text
