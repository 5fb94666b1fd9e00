import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aebench.errors import AebenchError
from aebench.statistics import (
    METRIC_COLUMNS,
    SUMMARY_COLUMNS,
    difference,
    summarise,
    write_csv,
)

DEEP = [2.9, 3.1, 3.3]
PCA = [13.5, 13.9, 13.6]


def table(**values):
    """Tidy table: one variant a keyword, one value a seed (a list, or a dict of seed to value)."""
    rows = [
        ("mnist", variant, 30, seed, "test", "squared_error", value)
        for variant, of_seed in values.items()
        for seed, value in (
            of_seed if isinstance(of_seed, dict) else dict(enumerate(of_seed))
        ).items()
    ]
    return pd.DataFrame(rows, columns=METRIC_COLUMNS)


def select(variant):
    return {"dataset": "mnist", "variant": variant, "code_size": 30, "metric": "squared_error"}


def test_interval_against_scipy():
    row = summarise(table(deep=DEEP)).iloc[0]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(DEEP), scale=stats.sem(DEEP))
    assert row["seeds"] == 3
    assert row["mean"] == pytest.approx(3.1)
    assert (row["low"], row["high"]) == pytest.approx((low, high))


def test_interval_of_two_seeds_by_hand():
    row = summarise(table(deep=[1.0, 3.0])).iloc[0]
    assert row["high"] - 2 == pytest.approx(12.7062, abs=1e-4)  # t(1) quantile * 1


def test_one_seed_has_no_interval():
    row = summarise(table(deep=[3.0])).iloc[0]
    assert (row["seeds"], row["mean"]) == (1, 3.0)
    assert math.isnan(row["low"])
    assert math.isnan(row["high"])


def test_equal_seeds_have_an_interval_of_zero_width():
    row = summarise(table(pca=[0.1] * 5)).iloc[0]
    assert (row["mean"], row["low"], row["high"]) == (0.1, 0.1, 0.1)


def test_coverage_is_95_percent():
    rng = np.random.default_rng(0)
    metrics = pd.DataFrame(
        [
            ("mnist", "deep", case, seed, "test", "squared_error", value)
            for case in range(400)
            for seed, value in enumerate(rng.normal(5, 2, 3))
        ],
        columns=METRIC_COLUMNS,
    )
    summary = summarise(metrics)
    covered = ((summary["low"] <= 5) & (summary["high"] >= 5)).mean()
    assert 0.92 < covered < 0.98


def test_cases_are_kept_apart_and_sorted_by_number():
    names = ["precision_at_15", "precision_at_7", "perplexity", "precision_at_1"]
    rows = [
        (dataset, variant, size, seed, "test", metric, float(size))
        for metric in names
        for size in (30, 2)
        for seed in (1, 0)
        for variant in ("pca", "deep")
        for dataset in ("mnist", "20newsgroups")
    ]
    metrics = pd.DataFrame(rows, columns=METRIC_COLUMNS)
    summary = summarise(metrics)
    assert list(summary.columns) == SUMMARY_COLUMNS
    assert len(summary) == len(rows) / 2
    assert list(summary["metric"][:4]) == ["perplexity", *(f"precision_at_{k}" for k in (1, 7, 15))]
    assert list(summary["code_size"][:8]) == [2] * 4 + [30] * 4
    assert list(summary["dataset"].unique()) == ["20newsgroups", "mnist"]
    assert list(summary["variant"].unique()) == ["deep", "pca"]
    shuffled = metrics.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(summarise(shuffled), summary)


def test_empty_table():
    summary = summarise(pd.DataFrame(columns=METRIC_COLUMNS))
    assert list(summary.columns) == SUMMARY_COLUMNS
    assert summary.empty


def test_a_seed_twice_and_missing_columns_are_refused():
    twice = pd.concat([table(deep=DEEP), table(deep=[4.0])])
    with pytest.raises(AebenchError, match="more than one value for dataset mnist, variant deep"):
        summarise(twice)
    with pytest.raises(AebenchError, match="no column seed, value; needed: dataset"):
        summarise(table(deep=DEEP).drop(columns=["seed", "value"]))


def test_difference_with_the_same_seeds_is_paired():
    found = difference(table(deep=DEEP, pca=PCA), select("deep"), select("pca"))
    oracle = stats.ttest_rel(DEEP, PCA).confidence_interval(0.95)
    assert found.mean == pytest.approx(np.mean(DEEP) - np.mean(PCA))
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high))
    assert found.seeds == 3


def test_difference_pairs_by_seed_not_by_row():
    metrics = table(deep={2: 2.0, 0: 0.0, 1: 1.0}, pca={0: 5.0, 1: 6.0, 2: 7.0})
    assert difference(metrics, select("deep"), select("pca")) == (-5, -5, -5, 3)


@pytest.mark.parametrize("pca", [{7: 13.5, 8: 13.9, 9: 13.6}, dict(enumerate([13.5, 13.9]))])
def test_difference_with_other_seeds_is_welch(pca):
    found = difference(table(deep=DEEP, pca=pca), select("deep"), select("pca"))
    oracle = stats.ttest_ind(DEEP, list(pca.values()), equal_var=False).confidence_interval(0.95)
    assert found.mean == pytest.approx(np.mean(DEEP) - np.mean(list(pca.values())))
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high))
    assert found.seeds == len(pca)


def test_difference_from_a_deterministic_method_with_other_seeds():
    metrics = table(deep=DEEP, pca={5: 13.9, 6: 13.9}, mean={8: 52.9, 9: 52.9})
    found = difference(metrics, select("deep"), select("pca"))
    low, high = stats.t.interval(0.95, 2, loc=np.mean(DEEP) - 13.9, scale=stats.sem(DEEP))
    assert (found.low, found.high) == pytest.approx((low, high))
    same = difference(metrics, select("mean"), select("pca"))
    assert same.low == same.high == same.mean == pytest.approx(39)


@pytest.mark.parametrize("pca", [{0: 13.9}, {4: 13.9}])
def test_difference_with_one_seed_has_no_interval(pca):
    for deep in (DEEP, [3.0]):
        found = difference(table(deep=deep, pca=pca), select("deep"), select("pca"))
        assert found.seeds == 1
        assert found.mean == pytest.approx(np.mean(deep) - 13.9)
        assert math.isnan(found.low)
        assert math.isnan(found.high)


def test_difference_without_rows_says_no_seeds():
    found = difference(table(deep=DEEP), select("deep"), select("pca"))
    assert found.seeds == 0
    assert math.isnan(found.mean)


def test_difference_refuses_loose_and_unknown_selections():
    metrics = table(deep=DEEP, pca=PCA)
    with pytest.raises(AebenchError, match="more than one value for a seed; it must name all of"):
        difference(metrics, {"dataset": "mnist"}, select("pca"))
    with pytest.raises(AebenchError, match="cannot select by 'codesize'; allowed: dataset"):
        difference(metrics, {"codesize": 30}, select("pca"))


def test_write_csv(tmp_path):
    path, again = tmp_path / "metrics.csv", tmp_path / "again.csv"
    summary = summarise(table(deep=[np.float32(1 / 3)], pca=[0.1, 0.2, 1e-12]))
    write_csv(summary, path)
    text = path.read_bytes().decode()
    assert text.splitlines()[1] == "mnist,deep,30,test,squared_error,1,0.333333343,,"
    assert "\r" not in text
    write_csv(pd.read_csv(path), again)
    assert again.read_bytes() == path.read_bytes()
    assert np.float32(pd.read_csv(path)["mean"][0]) == np.float32(1 / 3)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["again.csv", "metrics.csv"]
