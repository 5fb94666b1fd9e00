import math

import numpy as np
import pandas as pd
import pytest

from aebench import reference, statistics
from aebench.errors import AebenchError

VARIANTS = [f"v{i:02d}" for i in range(20)]
METRICS = {
    "squared_error": (20.0, 0.3),
    "knn_accuracy": (0.9, 0.004),
    "precision_at_7": (0.7, 0.01),
}
"""Metrics of the simulated process: mean and noise between seeds."""


def simulated(seed, sizes=(2, 30), spread=0.3, seeds=2):
    """A run of one process: exact `pca`, and variants whose noises differ by factors about e^0.3.

    The factors belong to the variants and are the same in every run. The metrics of a seed err
    together, as those of one network do.
    """
    factors = np.exp(spread * np.random.default_rng(0).standard_normal((len(VARIANTS), len(sizes))))
    rng = np.random.default_rng([1, seed])
    rows = []
    for size_number, size in enumerate(sizes):
        for number, variant in enumerate([*VARIANTS, "pca"]):
            factor = 0.0 if variant == "pca" else factors[number, size_number]
            for s in range(seeds):
                shared = rng.standard_normal()
                for metric, (mean, noise) in METRICS.items():
                    error = factor * noise * (0.8 * shared + 0.6 * rng.standard_normal())
                    rows.append(("mnist", variant, size, s, "test", metric, mean + error))
    return pd.DataFrame(rows, columns=statistics.METRIC_COLUMNS)


def shifted(metrics, variant, metric, by, size=30):
    chosen = (metrics["variant"] == variant) & (metrics["metric"] == metric)
    chosen &= metrics["code_size"] == size
    assert chosen.any()
    return metrics.assign(value=metrics["value"] + by * chosen)


def outside(released, found):
    table = reference.compare(reference.summarise(released), reference.summarise(found))
    rows = table[table["outside"]]
    return list(zip(rows["variant"], rows["code_size"], rows["metric"], strict=True))


def test_summary_is_mean_and_standard_deviation_over_seeds():
    rows = [("mnist", "deep", 30, s, "test", "squared_error", v) for s, v in enumerate((1, 2, 6))]
    rows += [("mnist", "pca", 30, 0, "test", "squared_error", 5.0)]
    table = reference.summarise(pd.DataFrame(rows, columns=statistics.METRIC_COLUMNS))
    assert list(table) == reference.COLUMNS
    deep, pca = table.to_dict("records")
    assert (deep["seeds"], deep["mean"], deep["noise"]) == (3, 3, pytest.approx(math.sqrt(7)))
    assert (pca["seeds"], pca["mean"]) == (1, 5)
    assert math.isnan(pca["noise"])


def test_runs_that_differ_by_their_seeds_alone_agree():
    """At least 95% of whole runs, though variants differ in noise."""
    failed = sum(bool(outside(simulated(2 * i), simulated(2 * i + 1))) for i in range(60))
    assert failed <= 3


@pytest.mark.parametrize("metric", METRICS)
def test_a_shift_of_several_noises_is_named_and_nothing_else(metric):
    by = 25 * METRICS[metric][1]
    found = shifted(simulated(1), "v03", metric, by)
    assert outside(simulated(0), found) == [("v03", 30, metric)]
    assert outside(simulated(0), shifted(simulated(1), "v03", metric, -by)) == [("v03", 30, metric)]


def test_more_seeds_see_smaller_shifts():
    by = 4 * METRICS["squared_error"][1]
    few = outside(simulated(0), shifted(simulated(1), "v03", "squared_error", by))
    many = [simulated(seed, seeds=10) for seed in (0, 1)]
    many = outside(many[0], shifted(many[1], "v03", "squared_error", by))
    assert few == []
    assert many == [("v03", 30, "squared_error")]


def test_a_seed_that_went_astray_does_not_hide_itself():
    found = simulated(1)
    astray = (found["variant"] == "v03") & (found["seed"] == 1) & (found["code_size"] == 30)
    found.loc[astray & (found["metric"] == "squared_error"), "value"] = 1000.0
    assert outside(simulated(0), found) == [("v03", 30, "squared_error")]


def test_noise_is_the_largest_of_rows_alike():
    rows = [
        ("mnist", f"v{i}", size, "test", "squared_error", 2, mean, noise)
        for size, values in ((30, [(10.0, 0.1), (20.0, 0.4), (5.0, 0.0)]), (2, [(40.0, 2.0)]))
        for i, (mean, noise) in enumerate(values)
    ]
    table = pd.DataFrame(rows, columns=reference.COLUMNS)
    noise, freedom = reference.largest_noise(table)
    # Relative to the mean, 2 of 40 is the largest; v2 is exact.
    np.testing.assert_allclose(noise, [0.5, 1.0, 0.0, 2.0])
    assert freedom.tolist() == [3, 3, 3, 3]
    shares = table.assign(mean=table["mean"] / 100)
    np.testing.assert_allclose(reference.largest_noise(shares)[0], [2.0, 2.0, 0.0, 2.0])


def test_rows_of_all_code_sizes_count_as_just_enough():
    table = reference.summarise(simulated(0, sizes=(2, 5, 10, 30)))
    few = table[table["variant"].isin(VARIANTS[:6])]
    assert set(reference.largest_noise(few)[1]) == {reference.ENOUGH}
    assert set(reference.largest_noise(table)[1]) == {len(VARIANTS)}


def test_enough_rows_of_one_code_size_speak_for_themselves():
    table = reference.summarise(simulated(0, spread=0.0))
    chosen = (table["code_size"] == 2) & (table["metric"] == "squared_error")
    loud = table.assign(noise=table["noise"] * np.where(chosen, 100, 1))
    before, after = (reference.largest_noise(t)[0] for t in (table, loud))
    np.testing.assert_allclose(after[~chosen], before[~chosen])
    np.testing.assert_allclose(after[chosen], 100 * before[chosen])


@pytest.mark.parametrize(("factor", "agrees"), [(1 + 1e-5, True), (1.01, False)])
def test_exact_methods_may_differ_by_rounding(factor, agrees):
    metrics = simulated(0)
    exact = metrics["variant"] == "pca"
    found = metrics.assign(value=metrics["value"] * np.where(exact, factor, 1))
    assert (outside(metrics, found) == []) == agrees


@pytest.mark.parametrize(("factor", "agrees"), [(1.02, True), (0.9, False)])
def test_what_iterates_from_a_fixed_start_may_differ_by_more(factor, agrees):
    metrics = simulated(0).replace({"variant": {"pca": "ica"}})
    iterated = metrics["variant"] == "ica"
    found = metrics.assign(value=metrics["value"] * np.where(iterated, factor, 1))
    assert (outside(metrics, found) == []) == agrees


def test_exact_methods_may_differ_by_items_that_rounding_flips():
    metrics = simulated(0)
    for flips, agrees in ((2, True), (4, False)):
        found = shifted(metrics, "pca", "knn_accuracy", flips / 500)
        table = [reference.summarise(run) for run in (metrics, found)]
        rows = reference.compare(*table, items={"mnist": 500})
        assert rows["outside"].any() != agrees
    # What is small is not therefore counted: squared errors of documents are below 1 too.
    small = metrics.assign(value=metrics["value"] / 1000)
    found = shifted(small, "pca", "squared_error", 0.002)
    rows = reference.compare(reference.summarise(small), reference.summarise(found), {"mnist": 500})
    assert list(rows.loc[rows["outside"], "variant"]) == ["pca"]


def test_items_are_counted_among_queries_or_all():
    data = {"mnist": {"test_items": 500}, "curves": {"test_items": 200}}
    settings = {"budget.images.queries": 400, "budget.images.probe_items": 5, "budget.seeds": [0]}
    made_by = {"settings": settings, "data": data}
    assert reference.fewest_items(made_by) == {"mnist": 400, "curves": 200}
    del settings["budget.images.queries"]
    assert reference.fewest_items(made_by) == {"mnist": 500, "curves": 200}


def test_what_is_missing_is_outside_and_what_was_not_run_is_not_compared():
    metrics = simulated(0)
    lost = metrics[(metrics["variant"] != "v03") | (metrics["metric"] != "knn_accuracy")]
    assert outside(metrics, lost) == [("v03", 2, "knn_accuracy"), ("v03", 30, "knn_accuracy")]
    undefined = metrics.assign(value=metrics["value"].where(lost["value"].notna()))
    assert outside(metrics, undefined) == outside(metrics, lost)
    assert outside(metrics, metrics[metrics["variant"] == "v03"]) == []
    assert outside(metrics[metrics["variant"] == "v03"], metrics) == []


def test_one_seed_has_no_band_but_rounding():
    one = simulated(0, seeds=1)
    assert outside(one, one) == []
    assert ("v03", 30, "squared_error") in outside(one, shifted(one, "v03", "squared_error", 1))


def test_files_come_back_and_are_the_same_bytes_twice(tmp_path):
    table = reference.summarise(simulated(0))
    table.loc[0, "noise"] = math.nan
    made_by = {"settings": {"seeds": [0, 1]}, "data": {}, "parameters": {}}
    made_by |= {"versions": [], "devices": []}
    for folder in ("a", "b"):
        reference.write(tmp_path / folder, "quick", table, made_by)
    for name in ("quick.csv", "quick.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    found, facts = reference.read(tmp_path / "a", "quick")
    assert facts == made_by
    assert list(found) == reference.COLUMNS
    np.testing.assert_allclose(found["mean"], table["mean"], rtol=5e-6)
    np.testing.assert_allclose(found["noise"], table["noise"], rtol=5e-2)
    assert math.isnan(found.loc[0, "noise"])


def test_no_reference_names_those_there_are(tmp_path):
    reference.write(tmp_path, "smoke", reference.summarise(simulated(0)), {})
    with pytest.raises(AebenchError, match=r"no reference results of budget 'quick'.*: smoke"):
        reference.read(tmp_path, "quick")


def test_what_was_made_otherwise_is_said():
    made_by = {
        "settings": {"budget.images.epochs.adam": 1, "vocabulary_size": 2000},
        "data": {"mnist": {"sha256": {"raw": "0"}, "train_items": 60000}},
        "parameters": {"mnist deep d30": "abc", "mnist pca d30": "abc"},
        "versions": ["torch 2.6"],
        "devices": ["cpu, 1 thread"],
    }
    assert reference.differences(made_by, made_by) == []
    other = made_by | {
        "settings": {"budget.images.epochs.adam": 2, "budget.images.queries": 9}
        | {"vocabulary_size": 2000},
        "data": {"mnist": {"sha256": {"raw": "1"}, "train_items": 60000}},
        "parameters": {"mnist deep d30": "def"},
        "versions": ["torch 2.7"],
    }
    assert reference.differences(made_by, other) == [
        "data of mnist differ in sha256: the same items are needed",
        "config: budget.images.epochs.adam is 2, in the reference 1",
        "config: budget.images.queries is 9, in the reference absent",
        "parameters of 1 runs differ: mnist deep d30",
        "versions: torch 2.7; in the reference torch 2.6",
    ]
