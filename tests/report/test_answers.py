"""The words and marks that say who is better."""

import re
from pathlib import Path

import pandas as pd
import pytest

from aebench import statistics
from aebench.report import answers, tables
from aebench.report.results import Results, read
from aebench.stages import aggregate

from .conftest import ROLES


def results(values):
    """Squared errors on mnist at code size 30 by variant, one a seed."""
    rows = [
        ("mnist", variant, 30, seed, "test", "squared_error", value)
        for variant, seeds in values.items()
        for seed, value in enumerate(seeds)
    ]
    made = object.__new__(Results)
    made.folder = Path("nowhere")
    made.metrics = pd.DataFrame(rows, columns=statistics.METRIC_COLUMNS)
    made.summary = statistics.summarise(made.metrics)
    made.facts, made.asked = {"mnist": {"kind": "images", "test_items": 1, "n_features": 1}}, {}
    linear = {name: "baseline" for name in values if name.startswith("pca")}
    roles = dict.fromkeys(values, "autoencoder") | linear | {"mean": "control"}
    return of_roles(made, roles)


def of_roles(made, roles):
    """The same results where variants have these roles."""
    made.roles = roles
    tables = aggregate.describe(made.metrics, roles)
    made.audit, made.tests, made.ranks = (tables[name] for name in ("audit", "tests", "ranks"))
    return made


@pytest.mark.parametrize(
    ("deep", "mark", "words"),
    [
        ([3.0, 3.1, 3.2], tables.BETTER, "3.10 ± 0.25), is better than the best baseline, pca"),
        ([20.0, 20.1, 20.2], tables.WORSE, "20.10 ± 0.25), is worse than the best baseline"),
        ([12.0, 14.0, 17.0], tables.EVEN, "is not shown to differ from the best baseline, pca"),
    ],
)
def test_the_interval_decides(deep, mark, words):
    found = results({"pca": [14.0, 14.0, 14.0], "deep": deep})
    (answer,) = answers.answers(found)
    sentence = answer.sentence.replace("\u00a0", " ").replace("\u202f", " ")
    assert sentence.startswith("On MNIST at code size 30 the best autoencoder, deep (squared error")
    assert words in sentence
    assert sentence.endswith("pca (14.00).")
    assert answer.measure == "squared error"
    assert tables.headline(found).rows[1][2].mark == mark


def test_codes_found_by_search_are_called_so(monkeypatch):
    found = results({"pca": [14.0, 14.0], "deep": [3.0, 3.1]})
    monkeypatch.setattr(Results, "searches", lambda self, variant: variant == "pca")
    (answer,) = answers.answers(found)
    assert answer.sentence.endswith("pca (14.00, codes found by search).")
    assert any("search: pca optimises the code" in line for line in answers.caveats(found, {}))


def test_one_seed_claims_no_difference():
    found = results({"pca": [14.0], "deep": [3.0]})
    (answer,) = answers.answers(found)
    assert "is ahead of the best baseline, pca (14.00)" in answer.sentence
    assert "with one seed this is no test" in answer.sentence
    assert answer.counts == [(answers.UNTESTED, "ahead", 1)]
    assert tables.headline(found).rows[1][2].mark == ""
    assert any("no interval" in caveat for caveat in answers.caveats(found, {}))


def test_the_best_of_each_side_is_compared():
    found = results({"pca": [14.0, 14.0], "mean": [1.0, 1.0], "a": [9.0, 9.1], "b": [5.0, 5.1]})
    (answer,) = answers.answers(found)
    assert "(b) against 14.00 (pca)" in answer.comparisons[0].line


def test_without_a_rival_there_is_no_answer():
    assert answers.answers(results({"pca": [14.0, 14.0]})) == []


def test_headline_names_the_baseline_of_each_column():
    row = tables.headline(results({"pca": [14.0], "pca-whitened": [13.0], "deep": [3.0]})).rows[0]
    assert [cell.text for cell in row[1:3]] == ["best baseline", "13.00"]
    assert row[2].detail == "pca-whitened"


def test_an_exact_method_shows_no_interval():
    found = results({"pca": [14.0, 14.0], "deep": [3.0, 3.2]})
    assert tables.measured(found, "mnist", "pca", 30, "squared_error").detail == ""
    assert tables.measured(found, "mnist", "deep", 30, "squared_error").detail.startswith("±")


@pytest.mark.parametrize(
    ("text", "safe"),
    [("a|b", "a\\|b"), ("<b>", "&lt;b&gt;"), ("a\nb", "a b"), ("p_at_1", "p\\_at\\_1")],
)
def test_markdown_is_escaped(text, safe):
    assert tables.escape(text) == safe


def test_the_declared_role_decides_not_the_name():
    found = results({"pca": [14.0, 14.0], "deep": [9.0, 9.1], "mean": [1.0, 1.0]})
    of_roles(found, {"pca": "autoencoder", "deep": "baseline", "mean": "control"})
    (answer,) = answers.answers(found)
    assert re.search(r"14.00 \(pca\) against 9.05\W+0.64 \(deep\)", answer.comparisons[0].line)
    assert [row[1].text for row in tables.headline(found).rows] == ["best baseline", "pca"]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (
            (2, 1, 1),
            "over all 4 comparisons the best autoencoder is better in 2 and worse in 1,",
        ),
        ((0, 2, 1), "the best autoencoder is worse in 2, and in 1 no difference is shown."),
        ((3, 0, 0), "over all 3 comparisons the best autoencoder is better in 3."),
        ((0, 0, 2), "over all 2 comparisons no difference is shown."),
    ],
)
def test_many_comparisons_are_counted(counts, words):
    ways = dict(zip((tables.BETTER, tables.WORSE, tables.EVEN), counts, strict=True))
    made = [answers.Comparison("", "", m, True) for m, count in ways.items() for _ in range(count)]
    assert words in answers._sentence(made)
    found = {mark: count for mark, _, count in answers._counts(made)}
    assert found == {mark: count for mark, count in ways.items() if count}


def test_a_comparison_without_a_test_is_counted_as_such():
    made = [answers.Comparison("", "", meaning, True) for meaning in (tables.BETTER, "")]
    assert answers._counts(made)[-1] == (answers.UNTESTED, "not tested", 1)
    assert "better in 1, and in 1 no difference is shown" in answers._sentence(made)


def test_the_leaders_are_the_best_of_each_side():
    found = results({"pca": [14.0, 14.0], "a": [9.0, 9.1], "b": [5.0, 5.1], "mean": [1.0, 1.0]})
    table = tables.leaders(found)
    assert [row[1].text for row in table.rows] == ["best autoencoder", "best baseline"]
    assert [row[2].note for row in table.rows] == ["b", "pca"]
    assert [row[2].mark for row in table.rows] == [tables.BETTER, ""]


def test_the_error_column_is_named_after_its_metric(rendered):
    both = tables.headline(read(rendered[0], ROLES))
    assert "error ↓" in both.columns
    assert "perplexity per word" in both.note
    images = tables.headline(results({"pca": [14.0, 14.1], "deep": [3.0, 3.1]}))
    assert "squared error ↓" in images.columns
    assert "perplexity" not in images.note


@pytest.mark.parametrize(
    ("metric", "values", "shown"),
    [
        ("knn_accuracy", [0.90, 0.98], "[0.432, 1.000]"),
        ("knn_accuracy", [0.02, 0.04], "[0.000, 0.157]"),
        ("knn_accuracy", [0.50, 0.52], "±\u20090.127"),
        ("squared_error", [1.0, 2.0], "[0.00, 7.85]"),
        ("squared_error", [14.0, 14.1], "±\u20090.64"),
    ],
)
def test_a_shown_interval_stays_in_the_range_of_its_metric(metric, values, shown):
    found = results({"deep": values})
    for table in (found.metrics, found.summary):
        table["metric"] = metric
    assert tables.measured(found, "mnist", "deep", 30, metric).detail == shown
    assert ("summary.csv has it whole" in tables.of_dataset(found, "mnist").note) == (
        shown[0] == "["
    )


def test_marks_and_ranks_come_from_the_same_tests():
    """A variant marked better stands above the best baseline; a rank that is shared is no mark."""
    noisy = {"pca": [14.0, 14.0], "a": [3.0, 3.1], "b": [13.9, 14.3], "c": [20.0, 20.3]}
    found = results(noisy)
    place = {v: found.rank("mnist", v, 30, "squared_error") for v in noisy}
    marks = {row[1].text: row[2].mark for row in tables.headline(found).rows[1:]}
    assert marks == {"a": tables.BETTER, "b": tables.EVEN, "c": tables.WORSE}
    assert place == {"a": 1, "pca": 2, "b": 2, "c": 4}
    cells = {row[1].text: row[2] for row in tables.of_dataset(found, "mnist").rows}
    assert {v: cell.rank for v, cell in cells.items()} == {v: str(r) for v, r in place.items()}
    assert [v for v, cell in cells.items() if cell.best] == ["a"]
    assert "#2" in tables.of_dataset(found, "mnist").markdown()
    (row,) = tables.tests(found).rows
    assert row[2].text == "a against pca"
    assert row[3].mark == tables.BETTER


def test_where_nobody_is_told_apart_there_are_no_ranks():
    found = results({"pca": [14.0], "deep": [3.0]})
    assert not any(cell.rank for row in tables.of_dataset(found, "mnist").rows for cell in row)
    assert tables.tests(found).rows == []


def test_a_control_away_from_chance_is_said():
    found = results({"pca": [14.0, 14.0], "deep": [3.0, 3.1]})
    assert "all at chance" in tables.audit(found, "mnist").note
    found.audit["verdict"] = statistics.NOT_AT_CHANCE
    table = tables.audit(found, "mnist")
    assert "not at chance: squared_error at code size 30" in table.note
    assert table.rows[0][-1].mark == tables.WORSE
