"""Chance against simulation: random order, random predictions."""

import numpy as np
import pytest

from aebench.metrics.retrieval import retrieval_scores
from aebench.statistics import Labels
from aebench.statistics.chance import chance

LABELS = np.repeat([0, 1, 2], [30, 12, 8])


def shuffled_lists(seed=0, repeats=400):
    """Relevance of the other items in random order, a list for every query, many times."""
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        for query, label in enumerate(LABELS):
            relevant = np.delete(LABELS, query) == label
            yield relevant[rng.permutation(len(relevant))]


def average_precision(hits):
    places = np.nonzero(hits)[0]
    return float(((np.arange(len(places)) + 1) / (places + 1)).mean())


def ndcg(hits, k):
    gains = 1 / np.log2(np.arange(len(hits)) + 2)
    return float(gains[:k][hits[:k]].sum() / gains[: min(k, hits.sum())].sum())


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        ("mean_average_precision", average_precision),
        ("precision_at_5", lambda hits: hits[:5].mean()),
        ("r_precision", lambda hits: hits[: hits.sum()].mean()),
        ("recall_at_5", lambda hits: hits[:5].sum() / hits.sum()),
        ("ndcg_at_5", lambda hits: ndcg(hits, 5)),
        ("ndcg", lambda hits: ndcg(hits, len(hits))),
    ],
)
def test_a_list_in_random_order(metric, score):
    simulated = np.mean([score(hits) for hits in shuffled_lists()])
    found = chance(metric, Labels(LABELS, np.arange(len(LABELS))))
    assert found.value == pytest.approx(simulated, rel=0.01)
    assert found.high - found.low < 1e-5  # all items are queries: nothing is left to chance


def test_a_code_without_information_scores_exactly_chance():
    """Two closed forms made apart, of the ties of `metrics` and of random order, agree."""
    labels = np.repeat([0, 1, 2, 3], [30, 12, 8, 1])  # the last item has nothing to find
    known = Labels(labels, np.arange(len(labels)))
    scores = retrieval_scores(np.ones((len(labels), 3), dtype=np.float32), labels).scores
    expected = {metric: chance(metric, known) for metric in scores}
    checked = [metric for metric, found in expected.items() if found]
    assert {"mean_average_precision", "precision_at_1", "r_precision", "ndcg"} <= set(checked)
    for metric in checked:
        assert expected[metric].holds(scores[metric]), metric
        assert not expected[metric].holds(scores[metric] + 1e-3), metric


@pytest.mark.parametrize("metric", ["mean_average_precision", "precision_at_3", "ndcg_at_15"])
def test_chance_is_that_of_the_queries_that_were_drawn(metric):
    codes = np.ones((len(LABELS), 3), dtype=np.float32)
    values = set()
    for seed in range(5):
        found = retrieval_scores(codes, LABELS, queries=10, seed=seed)
        known = Labels(LABELS, found.items["queries"])
        assert chance(metric, known).holds(found.scores[metric])
        assert not chance(metric, known).holds(found.scores[metric] + 1e-4)
        values.add(found.scores[metric])
    assert len(values) > 1  # another sample, another chance
    assert np.isnan(chance(metric, Labels(LABELS)).low)


def test_chance_in_a_database_of_other_items():
    stored = np.repeat([0, 1, 2], [5, 20, 10])
    codes = [np.ones((len(labels), 3), dtype=np.float32) for labels in (LABELS, stored)]
    scores = retrieval_scores(codes[0], LABELS, database=(codes[1], stored)).scores
    known = Labels(LABELS, np.arange(len(LABELS)), stored)
    for metric in ("mean_average_precision", "precision_at_3", "r_precision", "ndcg"):
        assert chance(metric, known).holds(scores[metric]), metric
        assert not chance(metric, known._replace(database=None)).holds(scores[metric]), metric


def test_accuracy_is_at_most_the_share_of_the_commonest_class():
    found = chance("knn_accuracy", Labels(LABELS))
    assert found.value == 0.6
    assert found.holds(0.2)
    assert found.holds(0.7)  # 50 items
    assert not found.holds(0.85)
    assert chance("logistic_accuracy_at_10_labels", Labels(LABELS)) == found


def test_where_chance_is_not_known():
    topics = np.eye(3, dtype=np.uint8)[LABELS]
    assert chance("mean_average_precision", Labels(topics)) is None
    assert chance("knn_accuracy", None) is None
    assert chance("squared_error", Labels(LABELS)) is None
    assert chance("explained_variance", None).holds(-0.001)
    assert not chance("explained_variance", None).holds(0.01)
