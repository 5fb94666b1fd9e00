import math
import re
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
    "tolerance": {"by": 0.1, "reason": "a third of a tenth"},
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
    ("values", "status", "remark"),
    [
        ([2.0, 2.1, 2.2], claims.BEATEN, ""),
        ([1.0, 2.0, 3.2], claims.REPRODUCED, "Better by more than the tolerance, but the interval"),
        ([3.9, 4.0, 4.1], claims.NOT_REPRODUCED, ""),
        ([2.9, 4.0, 5.1], claims.NOT_REPRODUCED, "The interval over seeds includes the published"),
        ([2.99, 3.0, 3.01], claims.REPRODUCED, ""),
        ([2.95, 3.0, 3.05], claims.REPRODUCED, "The interval over seeds reaches beyond the t"),
        (
            [2.0, 3.0, 4.0],
            claims.REPRODUCED,
            "The interval over seeds reaches beyond the tolerance",
        ),
    ],
)
def test_the_interval_over_seeds_counts(tmp_path, values, status, remark):
    row = judge(tmp_path, VALUE, table(("deep", 30, "squared_error", values)))
    assert row["status"] == status
    assert row["note"].startswith(remark or "Tolerance")
    assert row["note"].endswith("Tolerance 0.1: a third of a tenth.")


def test_a_value_may_be_a_difference(tmp_path):
    query = VALUE["query"] | {"minus": {"variant": "pca", "code_size": 10}}
    claim = VALUE | {"query": query, "expected": {"value": -1, "better": "neither"}}
    rows = [("deep", 30, "squared_error", [3.0, 3.1]), ("pca", 10, "squared_error", [4.0, 4.0])]
    row = judge(tmp_path, claim, table(*rows))
    assert row["measured"] == pytest.approx(-0.95)
    assert row["status"] == claims.REPRODUCED
    assert row["published"] == "deep at 30 minus pca at 10: -1.00"
    assert judge(tmp_path, claim, table(rows[0]))["status"] == claims.NOT_MEASURED


CHAIN = {key: value for key, value in ORDER.items() if key != "query"} | {
    "id": "chain",
    "expected": {"order": "lower"},
    "query": {
        "dataset": "mnist",
        "split": "test",
        "metric": "jacobian_norm",
        "chain": [{"variant": name, "code_size": 9} for name in ("a", "b", "c")],
    },
}


@pytest.mark.parametrize(
    ("values", "status", "worst"),
    [
        ((1, 2, 4), claims.REPRODUCED, "a at 9 against b at 9"),
        ((1, 3, 4), claims.REPRODUCED, "b at 9 against c at 9"),
        ((1, 4, 3), claims.NOT_REPRODUCED, "b at 9 against c at 9"),
        ((2, 1, 3), claims.NOT_REPRODUCED, "a at 9 against b at 9"),
    ],
)
def test_a_chain_holds_where_each_pair_of_neighbours_does(tmp_path, values, status, worst):
    rows = [(name, 9, "jacobian_norm", [v]) for name, v in zip("abc", values, strict=True)]
    row = judge(tmp_path, CHAIN, table(*rows))
    assert row["status"] == status
    assert f"The worst case is jacobian_norm of {worst}" in row["note"]
    assert row["published"] == "a at 9 < b at 9 < c at 9"


def test_a_side_may_have_a_metric_of_its_own(tmp_path):
    side = {"variant": "deep", "code_size": 2}
    left = side | {"metric": "squared_error_unseen"}
    query = ORDER["query"] | {"metric": "squared_error", "left": left, "right": [side]}
    rows = [("deep", 2, "squared_error", [5.0]), ("deep", 2, "squared_error_unseen", [40.0])]
    row = judge(tmp_path, ORDER | {"query": query}, table(*rows))
    assert row["status"] == claims.REPRODUCED
    assert row["measured"] == 35
    assert row["published"] == "squared_error_unseen of deep at 2 > deep at 2"
    left["metric"] = "squared_error_unsen"
    with pytest.raises(AebenchError, match="asks for the metric 'squared_error_unsen'"):
        judge(tmp_path, ORDER | {"query": query}, table(*rows))


@pytest.mark.parametrize(("budget", "measured"), [("full", 13.87), ("smoke", None)])
def test_a_misquoted_number_is_called_so_at_every_budget(tmp_path, budget, measured):
    claim = VALUE | {"misquote": "3 is the figure of something else"}
    row = judge(tmp_path, claim, table(("deep", 30, "squared_error", [13.87])), budget)
    assert row["status"] == claims.MISQUOTED
    assert row["note"].startswith("3 is the figure of something else.")
    assert row["measured"] == measured if measured else math.isnan(row["measured"])


def test_what_no_budget_measures_is_not_put_on_the_budget(tmp_path):
    claim = {key: VALUE[key] for key in ("id", "source", "statement", "unit", "protocol")}
    claim |= {"verified": False, "published": "1.2%", "unmeasured": "needs labels"}
    row = judge(tmp_path, claim, table(("deep", 30, "squared_error", [3.0])))
    assert row["status"] == claims.UNMEASURED
    assert row["published"] == "1.2%"
    assert row["note"] == "Needs labels."
    with pytest.raises(AebenchError, match=r"'budgets'.* unexpected"):
        judge(tmp_path, claim | {"budgets": ["full"]}, table())


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
    base += [("deep", 2, "precision_at_recall_0.5", [0.1, 0.1])]  # no number retrieved
    row = judge(tmp_path, claim, table(*good, *base, ("deep", 2, "precision_at_7", [0.6, 0.61])))
    assert row["status"] == claims.REPRODUCED
    assert row["measured"] == pytest.approx(0.105)
    assert "precision_at_7 of deep at 2 against pca at 2" in row["note"]
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
        (
            {"tolerance": {"by": -1, "reason": "?"}},
            "tolerance.by: -1 is less than the minimum of 0",
        ),
        ({"tolerance": {"by": 1}}, "claim value: tolerance: 'reason' is a required property"),
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


ROWS = """
hs06-mnist-ae hs06-mnist-logpca hs06-mnist-pca hs06-curves-ae hs06-curves-logpca-6
hs06-curves-logpca-18 hs06-curves-pca hs06-faces-ae hs06-faces-pca hs06-codes-2d hs06-nopretrain
hs06-rcv1 hs06-classify hs06-script-curve hs06-script-second-run misquote-mnist-pca-8
misquote-mnist-ae-1-44 smdh13-mnist-sgd smdh13-mnist-nesterov smdh13-mnist-hf smdh13-curves-sgd
smdh13-curves-nesterov smdh13-curves-hf martens10-cg-train martens10-cg-test
martens10-random-hf-train martens10-random-hf-test martens10-hf-train martens10-hf-test
martens10-hf-l2-train martens10-hf-l2-test bn-relu rifai11-classify rifai11-order vincent10-svm
makhzani13 masci11 bourlard88 kunin19 sh09-lsa sh09-lsa-rcv1 docs2d-order log-pca-knn
log-pca-knn-time
"""
"""What the suite set out to judge, apart from what lectures say."""


def test_the_ledger_of_the_package():
    found = claims.judge(table(), "quick")
    assert list(found.columns) == claims.COLUMNS
    assert set(ROWS.split()) <= set(found["id"])
    nothing = {claims.NOT_MEASURED, claims.UNMEASURED, claims.MISQUOTED}
    assert set(found["status"]) == nothing
    assert (found["note"] != "").all()


def test_figures_that_were_not_read_are_not_called_verified():
    verified = {claim["id"]: claim["verified"] for claim in claims.load()}
    unread = ("martens10", "bn-relu", "vincent10", "makhzani13", "masci11", "bourlard88", "sh09")
    for name, seen in verified.items():
        assert seen != name.startswith((*unread, "lecture")), name


def test_tests_that_hold_a_claim_exist():
    named = {path for claim in claims.load() for path in re.findall(r"tests/\S+?\.py", str(claim))}
    assert len(named) >= 2
    for path in named:
        assert (Path(__file__).parents[1] / path).is_file(), path


def test_sources_are_whole_citations():
    for claim in claims.load():
        assert re.search(r"\b(19|20)\d\d\b|[Ll]ecture|secondary", claim["source"]), claim["id"]


def test_the_anchor_is_reproduced_at_quick_and_not_judged_at_smoke():
    metrics = table(("pca", 30, "squared_error", [13.8663, 13.8663]))
    for budget, status in (("quick", claims.REPRODUCED), ("smoke", claims.NOT_MEASURED)):
        rows = claims.judge(metrics, budget).set_index("id")
        assert rows.loc["hs06-mnist-pca", "status"] == status
