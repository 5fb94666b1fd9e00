"""The tables of the aggregate stage, from files as evaluate leaves them."""

import csv

import numpy as np
import pandas as pd
import pytest

from aebench.errors import AebenchError
from aebench.stages import aggregate

ROLES = {"pca": "baseline", "deep": "autoencoder", "tied": "autoencoder", "mean": "control"}
LEVELS = {"pca": 0.5, "deep": 0.7, "tied": 0.7, "mean": 0.1}
N = 80


def write_runs(results, without_items=(), seeds=(0, 1)):
    """Runs of one data set whose retrieval differs between variants, and its labels."""
    rng = np.random.default_rng(0)
    hardness = rng.uniform(-0.1, 0.1, N)
    paths = []
    for variant, level in LEVELS.items():
        for seed in seeds:
            folder = results / "mnist" / variant / "d30" / f"seed-{seed}"
            folder.mkdir(parents=True)
            noise = np.zeros(N) if variant in ("pca", "mean") else rng.normal(0, 0.01, N)
            items = level + hardness + noise
            if variant not in without_items:
                np.savez(folder / "items.npz", average_precision=items, queries=np.arange(N))
            with open(folder / "scores.csv", "w", newline="") as file:
                rows = [
                    ("split", "metric", "value"),
                    ("test", "mean_average_precision", items.mean()),
                    ("test", "mean_activation", items.mean()),
                    ("train", "squared_error", 1.0),
                ]
                csv.writer(file).writerows(rows)
            paths.append(folder / "scores.csv")
    np.savez(results / "mnist" / "data.npz", test_labels=np.arange(N) % 4)
    return paths


def tables(results, **arguments):
    aggregate.run(write_runs(results, **arguments), results, ROLES)
    return {path.stem: pd.read_csv(path) for path in results.glob("*.csv")}


def test_five_tables(tmp_path):
    found = tables(tmp_path)
    assert set(found) == {"metrics", "summary", "audit", "tests", "ranks"}
    assert len(found["metrics"]) == 4 * 2 * 3
    tests = found["tests"].set_index("left")
    assert sorted(tests.index) == ["deep", "tied"]
    assert set(tests["right"]) == {"pca"}
    assert (tests["p_holm"] < 0.05).all()
    assert set(tests["noise_of"]) == {"items and seeds"}
    ranks = found["ranks"].set_index(["metric", "variant"])["rank"]
    assert ranks["mean_average_precision"].to_dict() == {"deep": 1, "pca": 3, "tied": 1}
    assert "mean_activation" not in ranks  # neither direction is better
    audit = found["audit"].set_index("metric").loc["mean_average_precision"]
    assert audit["control_mean"] == pytest.approx(0.1, abs=0.02)
    assert audit["verdict"] == "not at chance"  # four classes: 0.27


def test_a_run_without_items_is_compared_over_seeds(tmp_path):
    found = tables(tmp_path, without_items=("deep",))
    assert found["tests"].set_index("left")["noise_of"].to_dict() == {
        "deep": "seeds",
        "tied": "items and seeds",
    }


def test_the_same_files_in_another_order_give_the_same_tables(tmp_path):
    paths = write_runs(tmp_path)
    aggregate.run(paths, tmp_path / "a", ROLES)
    aggregate.run(paths[::-1], tmp_path / "b", ROLES)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name


def test_seeds_of_different_items_are_not_laid_on_each_other(tmp_path):
    paths = write_runs(tmp_path)
    np.savez(paths[2].with_name("items.npz"), average_precision=np.ones(N - 1))
    runs = aggregate.Runs(paths)
    assert runs.items("mnist", 30, "deep", "mean_average_precision") is None
    assert runs.items("mnist", 30, "tied", "mean_average_precision").shape == (2, N)
    assert runs.items("mnist", 30, "tied", "knn_accuracy") is None


def test_a_damaged_file_is_one_message(tmp_path):
    paths = write_runs(tmp_path)
    paths[0].with_name("items.npz").write_bytes(b"no zip")
    with pytest.raises(AebenchError, match=r"cannot read .*items\.npz"):
        aggregate.run(paths, tmp_path, ROLES)


def test_one_seed(tmp_path):
    found = tables(tmp_path, seeds=(0,))
    assert found["tests"]["p"].isna().all()
    assert set(found["ranks"]["rank"]) == {1}


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("mean_average_precision", "average_precision"),
        ("svm_accuracy", "svm_correct"),
        ("logistic_accuracy_at_10_labels", "logistic_correct_at_10_labels"),
        ("squared_error", "squared_error"),
    ],
)
def test_names_of_items(metric, name):
    assert aggregate.item_name(metric) == name
