"""All data sets together: the diagram and its words."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd

from aebench.report import figures, overall
from aebench.report.results import read
from aebench.statistics import Across, average_ranks

from .conftest import ROLES, write_results

ROOT = Path(__file__).parents[2]


def texts(figure):
    return [t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text"))]


def many(n):
    """Ranks of four variants that come in the same order on n data sets."""
    means = {f"d{i}": dict(zip(("a", "b", "c", "d"), range(4), strict=True)) for i in range(n)}
    return average_ranks(means, dict.fromkeys(means, True))


def test_words_and_diagram_have_the_same_numbers():
    found = {"Compressing": many(6)}
    (sentence,) = overall.sentences(found)
    drawn = texts(figures.critical_differences.diagrams(found))
    for variant, rank in found["Compressing"].ranks.items():
        assert f"{variant} {rank:.2f}" in sentence
        assert any(
            re.fullmatch(rf"\s*({variant}  {rank:.2f}|{rank:.2f}  {variant})\s*", text)
            for text in drawn
        )
    assert "a is better than c, a is better than d, b is better than d." in sentence
    assert "Compressing: average rank on 6 data sets" in drawn


def test_the_diagram_does_not_depend_on_the_hashes_of_names(tmp_path):
    code = (
        "import sys, pathlib; sys.path.insert(0, 'tests');"
        "from report.test_overall import many; from aebench.report import figures;"
        "figure = figures.critical_differences.diagrams({'T': many(6)});"
        "figures.save(figure, pathlib.Path(sys.argv[1]))"
    )
    for seed in ("1", "2", "3"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        stem = tmp_path / seed
        subprocess.run([sys.executable, "-c", code, stem], check=True, env=environment, cwd=ROOT)
    drawn = {file.read_bytes() for file in tmp_path.glob("*.svg")}
    assert len(drawn) == 1


def test_what_is_not_significant_is_called_so():
    found = {"Retrieving": many(2)}
    assert found["Retrieving"].p > 0.05
    (sentence,) = overall.sentences(found)
    assert sentence.endswith("not significant, no variant is shown to differ from another.")
    drawn = texts(figures.critical_differences.diagrams(found))
    assert "Retrieving: average rank on 2 data sets, nobody told apart" in drawn


def test_friedman_without_nemenyi():
    ranks = pd.Series({"a": 1.0, "b": 2.0, "c": 3.0})
    pairs = pd.DataFrame(1.0, index=ranks.index, columns=ranks.index)
    (sentence,) = overall.sentences({"Classifying": Across(ranks, ["x", "y"], 0.03, pairs, 2.0)})
    words = "p = 0.030: not all are alike, but Nemenyi's test (critical difference 2.00) tells no"
    assert words in sentence


def test_variants_of_all_data_sets_without_controls(tmp_path):
    both = ("mean", "pca", "deep", "deep-rbm")
    results = write_results(tmp_path, images=both, documents=(*both, "lsa-tfidf"), sizes=(2,))
    found = overall.across(read(results, ROLES))
    assert list(found) == ["Compressing", "Classifying", "Retrieving"]
    for ranks in found.values():
        assert ranks.ranks.to_dict() == {"deep-rbm": 1, "deep": 2, "pca": 3}
        assert ranks.datasets == ["mnist", "20newsgroups"]


def test_one_data_set_has_nothing_to_show(tmp_path):
    results = write_results(tmp_path, documents=(), sizes=(2,))
    assert overall.across(read(results, ROLES)) == {}
    assert "Nothing to show: no three variants ran on two data sets." in texts(
        figures.critical_differences.diagrams({})
    )
