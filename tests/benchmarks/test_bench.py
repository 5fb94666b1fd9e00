"""`make bench` at tiny sizes: its tables and figures, and what it does when a peer fails."""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

import pytest

from aebench.errors import AebenchError

from .conftest import BENCHMARKS

COLUMNS = ["work", "size", "ours", "peer", "peer_seconds", "our_seconds", "ratio"]


def run(out: Path, *only: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(BENCHMARKS / "bench.py"), "--smoke", "--threads", "1"]
    return subprocess.run(
        [*command, "--out", str(out), "--only", ",".join(only)],
        capture_output=True,
        text=True,
        timeout=240,
    )


def table(file: Path) -> list[dict]:
    with open(file, encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    outcome = run(out, "pca", "epoch", "growth")
    assert outcome.returncode == 0, outcome.stderr
    return out, outcome


class TestRun:
    def test_the_table_has_the_columns_and_a_row_for_each_peer(self, measured):
        rows = table(measured[0] / "bench.csv")
        assert list(rows[0]) == COLUMNS
        peers = {(row["work"], row["peer"]) for row in rows}
        assert ("PCA fit", "scikit-learn PCA, svd_solver='auto'") in peers
        assert ("training epoch", "its matrix products alone") in peers
        assert ("training epoch", "PyTorch DataLoader loop") in peers

    def test_ratios_are_our_seconds_by_the_peers(self, measured):
        for row in table(measured[0] / "bench.csv"):
            expected = float(row["our_seconds"]) / float(row["peer_seconds"])
            assert float(row["ratio"]) == pytest.approx(expected, rel=2e-3)

    def test_a_peer_that_is_not_installed_is_named(self, measured):
        out, outcome = measured
        peers = {row["peer"] for row in table(out / "bench.csv")}
        assert ("pythae trainer" in peers) != ("pythae trainer failed" in outcome.stderr)

    def test_growth_has_an_exponent_for_each_quantity(self, measured):
        rows = table(measured[0] / "bench-growth.csv")
        assert list(rows[0]) == ["work", "against", "value", "seconds", "exponent"]
        assert {row["against"] for row in rows} == {"items", "features", "code size", "seeds"}
        assert len({row["exponent"] for row in rows if row["work"] == "PCA fit"}) == 3

    def test_the_figures_exist(self, measured):
        for stem in ("bench", "bench-growth"):
            assert (measured[0] / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
            assert "<svg" in (measured[0] / f"{stem}.svg").read_text()
        assert not list(measured[0].glob(".*"))

    def test_tables_are_printed_as_markdown(self, measured):
        assert "| work | size | peer | peer, s | ours, s | ratio |" in measured[1].stdout
        assert "| PCA fit | items |" in measured[1].stdout


@pytest.mark.long
def test_every_work_runs(tmp_path, bench):
    outcome = run(tmp_path, *bench.works.WORKS)
    assert outcome.returncode == 0, outcome.stderr
    assert " failed; the other works" not in outcome.stderr
    works = {row["work"] for row in table(tmp_path / "bench.csv")}
    assert works >= {
        "RBM epoch",
        "lsa-log fit",
        "kNN accuracy",
        "retrieval",
        "snakemake: a job and its work",
        "time to test squared error 3",
    }


def test_a_contestant_that_fails_is_named_and_the_others_go_on(bench, capsys):
    from works.measure import OURS, SMOKE, race, rows

    turns = iter([3.0, 2.0])

    def broken() -> float:
        raise ModuleNotFoundError("No module named 'peer'")

    best = race({OURS: lambda: next(turns), "broken": broken, "other": lambda: 4.0}, SMOKE)
    assert best == {OURS: 2.0, "other": 4.0}  # the least of two rounds
    assert "broken failed and is left out: ModuleNotFoundError" in capsys.readouterr().err
    (row,) = rows("work", "size", "ours", best)
    assert row.ratio == 0.5


def test_a_race_ends_when_its_seconds_are_over():
    from dataclasses import replace

    from works.measure import SMOKE, race

    calls = []
    race({"a": lambda: calls.append("a") or 1.0}, replace(SMOKE, rounds=5, seconds=-1.0))
    assert calls == ["a"]


def test_without_a_peer_there_is_no_ratio(bench):
    row = bench.Row("work", "size", "ours", "none", None, 1.0)
    assert row.ratio is None
    assert "| work | size | none |  | 1 |  |" in bench.markdown({"pca": [row]})


def test_the_exponent_is_the_slope_on_logarithmic_axes():
    from works.measure import exponent

    assert exponent([10, 100, 1000], [3.0, 300.0, 30_000.0]) == pytest.approx(2)


def test_a_work_that_takes_too_long_is_stopped_and_keeps_its_rows(bench, tmp_path, monkeypatch):
    script = tmp_path / "slow.py"
    line = '{"kind": "Point", "work": "w", "against": "items", "value": 1, "seconds": 2.0}'
    script.write_text(f"import time\nprint('''{line}''', flush=True)\ntime.sleep(60)\n")
    monkeypatch.setattr(bench, "__file__", str(script))
    arguments = argparse.Namespace(threads=1, smoke=True)
    assert bench._measure("growth", arguments, 2) == [bench.Point("w", "items", 1, 2.0)]


def test_parameters_of_a_variant_are_those_of_its_file():
    from works.variants import parameters

    assert parameters("pca", "images") == {"svd_solver": "covariance_eigh"}
    hinton = parameters("hinton-2006", "documents")
    assert hinton["hidden"] == [500, 250, 125]
    assert hinton["optimizer"] == "conjugate_gradients"
    assert "images" not in hinton
    with pytest.raises(AebenchError, match=r"lsa-log.smk names no images"):
        parameters("lsa-log", "images")


def test_an_unknown_work_is_refused(tmp_path):
    outcome = run(tmp_path, "speed")
    assert outcome.returncode == 2
    assert "'speed'; allowed are pca" in outcome.stderr
    assert "Traceback" not in outcome.stderr
