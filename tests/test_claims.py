import math
from pathlib import Path

import pandas as pd
import pytest
import yaml

from aebench import claims, statistics
from aebench.errors import AebenchError

VALUE = {
    "id": "value",
    "source": "Somebody 2006",
    "statement": "It is 3.",
    "unit": "squared error",
    "protocol": "as published",
    "verified": True,
    "expected": {"value": 3.0, "better": "lower"},
    "tolerance": 0.1,
    "budgets": ["full"],
    "query": {
        "dataset": "mnist",
        "split": "test",
        "metric": "squared_error",
        "variant": "deep",
        "code_size": 30,
    },
}
ORDER = {
    **{key: value for key, value in VALUE.items() if key != "tolerance"},
    "id": "order",
    "expected": {"order": "higher"},
    "query": {
        "dataset": "mnist",
        "split": "test",
        "metric": "knn_accuracy",
        "left": {"variant": "deep", "code_size": 2},
        "right": [{"variant": "pca", "code_size": 2}],
    },
}


def table(*rows):
    """Rows (variant, code size, metric, values by seed) on the test split of mnist."""
    flat = [
        ("mnist", variant, size, seed, "test", metric, value)
        for variant, size, metric, values in rows
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(flat, columns=statistics.METRIC_COLUMNS)


def judge(tmp_path, claim, metrics, budget="full", facts=None):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump([claim]))
    return claims.judge(metrics, budget, facts, path).iloc[0]


@pytest.mark.parametrize(
    ("mean", "better", "status"),
    [
        (3.0, "lower", claims.REPRODUCED),
        (3.1, "lower", claims.REPRODUCED),
        (2.9, "lower", claims.REPRODUCED),
        (3.1001, "lower", claims.NOT_REPRODUCED),
        (2.8999, "lower", claims.BEATEN),
        (3.1001, "higher", claims.BEATEN),
        (2.8999, "higher", claims.NOT_REPRODUCED),
        (3.1001, "neither", claims.NOT_REPRODUCED),
        (2.8999, "neither", claims.NOT_REPRODUCED),
    ],
)
def test_values_and_their_boundaries(tmp_path, mean, better, status):
    claim = VALUE | {"expected": {"value": 3.0, "better": better}}
    row = judge(tmp_path, claim, table(("deep", 30, "squared_error", [mean])))
    assert row["status"] == status
    assert row["measured"] == mean
    assert row["published"] == "3.00"
    assert math.isnan(row["low"])
    assert "One seed" in row["note"]


def test_value_has_an_interval_over_seeds(tmp_path):
    row = judge(tmp_path, VALUE, table(("deep", 30, "squared_error", [2.9, 3.0, 3.1])))
    assert row["low"] < row["measured"] < row["high"]


@pytest.mark.parametrize(
    ("deep", "pca", "order", "status"),
    [
        ([0.9, 0.91, 0.92], [0.5] * 3, "higher", claims.REPRODUCED),
        ([0.9, 0.91, 0.92], [0.5] * 3, "lower", claims.NOT_REPRODUCED),
        ([0.1, 0.11, 0.12], [0.5] * 3, "lower", claims.REPRODUCED),
        ([0.4, 0.6, 0.8], [0.5] * 3, "higher", claims.NOT_REPRODUCED),
        ([0.5, 0.5], [0.5] * 2, "higher", claims.NOT_REPRODUCED),
        ([0.6, 0.6], [0.5] * 2, "higher", claims.REPRODUCED),
        ([0.51], [0.5], "higher", claims.REPRODUCED),
        ([0.49], [0.5], "higher", claims.NOT_REPRODUCED),
        ([0.5], [0.5], "higher", claims.NOT_REPRODUCED),
        ([0.9, 0.91, 0.92], [0.5], "higher", claims.REPRODUCED),
    ],
)
def test_orders(tmp_path, deep, pca, order, status):
    metrics = table(("deep", 2, "knn_accuracy", deep), ("pca", 2, "knn_accuracy", pca))
    row = judge(tmp_path, ORDER | {"expected": {"order": order}}, metrics)
    assert row["status"] == status
    assert row["measured"] == pytest.approx(sum(deep) / len(deep) - sum(pca) / len(pca))


def test_the_right_sign_alone_is_said(tmp_path):
    metrics = table(
        ("deep", 2, "knn_accuracy", [0.4, 0.6, 0.8]), ("pca", 2, "knn_accuracy", [0.5] * 3)
    )
    row = judge(tmp_path, ORDER, metrics)
    assert "interval includes 0" in row["note"]


def test_an_order_over_several_metrics_takes_the_worst(tmp_path):
    claim = ORDER | {"query": ORDER["query"] | {"metric": "precision_at_*"}}
    good = [("deep", 2, f"precision_at_{k}", [0.9, 0.91]) for k in (1, 3)]
    base = [("pca", 2, f"precision_at_{k}", [0.5, 0.5]) for k in (1, 3, 7)]
    row = judge(tmp_path, claim, table(*good, *base, ("deep", 2, "precision_at_7", [0.6, 0.61])))
    assert row["status"] == claims.REPRODUCED
    assert row["measured"] == pytest.approx(0.105)
    assert "precision_at_7 against pca at 2" in row["note"]
    row = judge(tmp_path, claim, table(*good, *base, ("deep", 2, "precision_at_7", [0.4, 0.41])))
    assert row["status"] == claims.NOT_REPRODUCED


def test_an_order_against_several_takes_the_worst(tmp_path):
    right = [{"variant": name, "code_size": 2} for name in ("pca", "lsa")]
    claim = ORDER | {"query": ORDER["query"] | {"right": right}}
    rows = [
        (name, 2, "knn_accuracy", [v]) for name, v in (("deep", 0.7), ("pca", 0.5), ("lsa", 0.8))
    ]
    row = judge(tmp_path, claim, table(*rows))
    assert row["status"] == claims.NOT_REPRODUCED
    assert row["measured"] == pytest.approx(-0.1)
    assert "against lsa" in row["note"]


def test_a_budget_that_cannot_judge_says_so(tmp_path):
    row = judge(tmp_path, VALUE, table(("deep", 30, "squared_error", [3.0])), budget="quick")
    assert row["status"] == claims.NOT_MEASURED
    assert math.isnan(row["measured"])
    assert row["note"] == "Judged at budget full, this is quick."


@pytest.mark.parametrize("claim", [VALUE, ORDER], ids=["value", "order"])
def test_absent_rows_say_so(tmp_path, claim):
    row = judge(tmp_path, claim, table(("pca", 2, "knn_accuracy", [0.5])))
    assert row["status"] == claims.NOT_MEASURED
    assert "of deep at" in row["note"]
    assert "was measured" in row["note"]


def test_too_few_items_say_so(tmp_path):
    claim = VALUE | {"needs": {"train_items": 60000}}
    metrics = table(("deep", 30, "squared_error", [3.0]))
    row = judge(tmp_path, claim, metrics, facts={"mnist": {"train_items": 2000}})
    assert row["status"] == claims.NOT_MEASURED
    assert "60,000 train items" in row["note"]
    row = judge(tmp_path, claim, metrics, facts={"mnist": {"train_items": 60000}})
    assert row["status"] == claims.REPRODUCED


@pytest.mark.parametrize(("left", "outcome"), [(0.9, ": as claimed"), (0.1, "not as claimed")])
def test_a_different_protocol_shows_its_figure(tmp_path, left, outcome):
    claim = ORDER | {"differs": "another corpus"}
    metrics = table(("deep", 2, "knn_accuracy", [left]), ("pca", 2, "knn_accuracy", [0.5]))
    row = judge(tmp_path, claim, metrics)
    assert row["status"] == claims.PROTOCOL_DIFFERS
    assert row["measured"] == pytest.approx(left - 0.5)
    assert "Differs: another corpus." in row["note"]
    assert outcome in row["note"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tolerance": -1}, "claim value: tolerance: -1 is less than the minimum of 0"),
        ({"verified": "maybe"}, "claim value: verified: 'maybe' is not of type 'boolean'"),
        ({"colour": "red"}, "'colour' was unexpected"),
        ({"query": {"dataset": "mnist"}}, "query: .* is a required property"),
        ({"expected": {"value": 1, "better": "up"}}, "expected.better: 'up' is not one of"),
        ({"expected": {}}, "claim value"),
        ({"budgets": []}, "budgets"),
    ],
)
def test_a_malformed_claim_is_one_message(tmp_path, change, message):
    with pytest.raises(AebenchError, match=message):
        judge(tmp_path, VALUE | change, table())


@pytest.mark.parametrize("text", ["not: [closed", "just: a table", "- 3", "\x00"])
def test_a_ledger_that_is_none_is_one_message(tmp_path, text):
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    with pytest.raises(AebenchError, match=r"claims\.yaml"):
        claims.load(path)


def test_two_claims_of_one_name(tmp_path):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump([VALUE, VALUE]))
    with pytest.raises(AebenchError, match="two claims have the id 'value'"):
        claims.load(path)


def test_an_unknown_metric_is_refused(tmp_path):
    claim = VALUE | {"query": VALUE["query"] | {"metric": "sqared_error"}}
    with pytest.raises(AebenchError, match="claim 'value' asks for the metric 'sqared_error'"):
        judge(tmp_path, claim, table(("deep", 30, "squared_error", [3.0])))


def test_the_ledger_of_the_package():
    found = claims.judge(table(), "quick")
    assert list(found.columns) == claims.COLUMNS
    expected = {
        "hs06-mnist-pca",
        "hs06-mnist-ae",
        "hs06-codes-2d",
        "hs06-nopretrain",
        "sh09-lsa",
        "docs2d-order",
    }
    assert expected <= set(found["id"])
    assert set(found["status"]) == {claims.NOT_MEASURED}
    assert (found["note"] != "").all()


def test_the_anchor_is_reproduced_at_quick_and_not_judged_at_smoke():
    metrics = table(("pca", 30, "squared_error", [13.8663, 13.8663]))
    for budget, status in (("quick", claims.REPRODUCED), ("smoke", claims.NOT_MEASURED)):
        rows = claims.judge(metrics, budget).set_index("id")
        assert rows.loc["hs06-mnist-pca", "status"] == status


def test_every_source_variant_exists():
    """A claim that asks for a variant nobody can train would stay unmeasured for ever."""
    folder = Path(__file__).parents[1] / "workflow" / "variants"
    files = {file.stem for file in folder.glob("*.smk")}
    if not files:
        pytest.skip("no variants here")
    for claim in claims.load():
        query = claim["query"]
        for side in [query.get("left", query), *query.get("right", [])]:
            assert side["variant"] in files, claim["id"]
