"""What the seeds can show, and that a control away from chance is noticed."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from seeds import tidy

from aebench.statistics import AUDIT_COLUMNS, Labels, audit

LABELS = {"mnist": Labels(np.arange(1000) % 10, np.arange(1000))}
ALIKE = {"a": [0, 2], "b": [1, 3], "c": [5, 7], "d": [2, 4]}


def only(metrics, controls=(), labels=None):
    (row,) = audit(metrics, controls, labels or {}).to_dict("records")
    return row


def test_smallest_difference_by_hand():
    """Standard deviation sqrt(2) with 4 degrees of freedom, two seeds: t sqrt(2 / 2) sqrt(2)."""
    row = only(tidy(ALIKE))
    assert (row["seeds"], row["freedom"]) == (2, 4)
    assert row["noise"] == pytest.approx(np.sqrt(2))
    assert row["smallest_difference"] == pytest.approx(stats.t.ppf(0.975, 4) * np.sqrt(2))
    more = stats.t.ppf(0.975, 4) + stats.t.ppf(0.8, 4)
    assert row["difference_with_power"] == pytest.approx(more * np.sqrt(2))


@pytest.mark.parametrize(
    ("column", "power"), [("smallest_difference", 0.5), ("difference_with_power", 0.8)]
)
def test_power_by_simulation(column, power):
    """The promised share of true differences of that size is found at the 5% level."""
    rng = np.random.default_rng(0)
    freedom, noise = 12, 1.0
    critical, more = stats.t.ppf(0.975, freedom), stats.t.ppf(0.8, freedom)
    size = {"smallest_difference": critical, "difference_with_power": critical + more}[column]
    estimates = size * noise + rng.normal(0, noise, 20_000)  # two seeds: error sqrt(2 / 2) noise
    errors = noise * np.sqrt(rng.chisquare(freedom, 20_000) / freedom)
    assert (estimates / errors > critical).mean() == pytest.approx(power, abs=0.03)


def test_exact_variants_and_single_seeds():
    exact = only(tidy({"pca": [14, 14], "lsa": [13, 13]}))
    assert (exact["noise"], exact["smallest_difference"]) == (0, 0)
    single = only(tidy({"deep": [3], "tied": [4]}))
    assert np.isnan(single["noise"])
    assert np.isnan(single["smallest_difference"])


def retrieval(mean, permuted):
    """Mean average precision of the control `mean`, of a network, and with permuted labels."""
    scores = {"mean": [mean, mean], "deep": [0.4, 0.42], "tied": [0.5, 0.51]}
    controls = {"deep": [permuted, permuted], "tied": [permuted + 1e-4] * 2, "mean": [permuted] * 2}
    return pd.concat(
        [
            tidy(scores, "mean_average_precision"),
            tidy(controls, "mean_average_precision_permuted_labels"),
        ]
    )


CHANCE = audit(retrieval(0.1, 0.1), ["mean"], LABELS)["chance"].iloc[0]


@pytest.mark.parametrize(
    ("mean", "permuted", "verdict"),
    [
        (CHANCE, CHANCE, "at chance"),
        (CHANCE, CHANCE * 1.05, "at chance"),
        (CHANCE, CHANCE * 1.5, "not at chance"),
        (CHANCE * 1.01, CHANCE, "not at chance"),
    ],
)
def test_controls_of_retrieval(mean, permuted, verdict):
    row = only(retrieval(mean, permuted), ["mean"], LABELS)
    assert row["verdict"] == verdict
    assert row["control_mean"] == pytest.approx(mean)
    assert row["permuted_labels"] == pytest.approx(permuted, abs=1e-4)


def test_of_items_of_several_topics_the_mean_says_what_chance_is():
    topics = {"mnist": Labels(np.eye(10, dtype=np.uint8)[np.arange(1000) % 10], np.arange(1000))}
    row = only(retrieval(0.1, 0.1005), ["mean"], topics)
    assert (row["chance"], row["verdict"]) == (0.1, "at chance")
    assert only(retrieval(0.1, 0.2), ["mean"], topics)["verdict"] == "not at chance"


@pytest.mark.parametrize(("permuted", "verdict"), [(0.11, "at chance"), (0.4, "not at chance")])
def test_a_probe_that_sees_the_labels_is_noticed(permuted, verdict):
    shuffled = {"deep": [permuted, permuted + 0.01], "tied": [permuted, permuted]}
    metrics = pd.concat(
        [
            tidy({"deep": [0.9, 0.91], "tied": [0.8, 0.8]}, "knn_accuracy"),
            tidy(shuffled, "knn_accuracy_permuted_labels"),
        ]
    )
    assert only(metrics, [], LABELS)["verdict"] == verdict


def test_reconstruction_has_no_chance_and_columns_name_the_controls():
    table = audit(tidy(ALIKE | {"mean": [9, 9]}), ["mean", "noise"], LABELS)
    assert list(table.columns) == [*AUDIT_COLUMNS[:-1], "control_mean", "control_noise", "verdict"]
    assert table["verdict"].tolist() == [""]
    assert table["control_mean"].tolist() == [9]
    assert table["control_noise"].isna().all()
    assert list(audit(tidy({}), ["mean"], {}).columns)[-1] == "verdict"
