import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import cosine_similarity

from aebench.metrics import retrieval
from aebench.metrics.arrays import here
from aebench.metrics.retrieval import CUTOFFS, expected_scores, retrieval_scores

MAP = "mean_average_precision"
CONTROL = "mean_average_precision_permuted_labels"


def average_over_tie_orders(similarity, relevant, cutoffs):
    """Precision at the cutoffs and average precision, by listing every order of tied items."""
    groups = [
        list(itertools.permutations(np.flatnonzero(similarity == s)))
        for s in np.unique(similarity)[::-1]
    ]
    precisions, averages = [], []
    for orders in itertools.product(*groups):
        hits = [bool(relevant[i]) for i in itertools.chain(*orders)]
        precisions.append([sum(hits[:k]) / k for k in cutoffs])
        gains = [sum(hits[: i + 1]) / (i + 1) for i, hit in enumerate(hits) if hit]
        averages.append(sum(gains) / len(gains) if gains else math.nan)
    return np.mean(precisions, axis=0), np.mean(averages)


def oracle(codes, labels, shares=lambda a, b: a == b):
    """`retrieval_scores` by listing all orders: for a handful of items."""
    n = len(codes)
    cutoffs = [k for k in CUTOFFS if k < n]
    if codes.dtype == np.uint8:
        similarity = -(codes[:, None] != codes).sum(axis=2)
    else:
        similarity = np.round(cosine_similarity(codes.astype(float)), 9)
    found = []
    for q in range(n):
        others = [i for i in range(n) if i != q]
        relevant = [shares(labels[q], labels[i]) for i in others]
        found.append(average_over_tie_orders(similarity[q, others], relevant, cutoffs))
    scores = {f"precision_at_{k}": np.mean([p[i] for p, _ in found]) for i, k in enumerate(cutoffs)}
    averages = [a for _, a in found if not math.isnan(a)]
    return scores | {MAP: np.mean(averages) if averages else math.nan}


def without_control(scores):
    return {name: value for name, value in scores.items() if name != CONTROL}


small_labels = st.lists(st.integers(0, 2), min_size=2, max_size=6)


@st.composite
def tied_items(draw, dtype):
    labels = draw(small_labels)
    values = (0, 1) if dtype == np.uint8 else (-1, 0, 1)
    row = st.lists(st.sampled_from(values), min_size=2, max_size=2)
    codes = draw(st.lists(row, min_size=len(labels), max_size=len(labels)))
    return np.array(codes, dtype=dtype), np.array(labels)


@settings(max_examples=60, deadline=None)
@given(st.one_of(tied_items(np.uint8), tied_items(np.float32)))
def test_ties_against_every_order_of_the_tied_items(items):
    codes, labels = items
    expected = pytest.approx(oracle(codes, labels), abs=1e-12, nan_ok=True)
    assert without_control(retrieval_scores(codes, labels)) == expected


def test_ranking_by_hand():
    # From item 0 the others lie at angles 10, 20, 30, 40, 50 degrees.
    angles = np.radians([0, 10, 20, 30, 40, 50])
    codes = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    labelings = np.array([1, 1, 0, 1, 0, 1]), np.array([1, 0, 0, 1, 0, 0])
    ranked = next(retrieval._ranked(codes, labelings, np.array([0]), here))
    groups = retrieval._groups(ranked)
    precision, average = expected_scores(ranked, groups, retrieval.LABELS, [1, 3, 4, 5])
    np.testing.assert_allclose(precision, [[1, 2 / 3, 2 / 4, 3 / 5]])
    np.testing.assert_allclose(average, [(1 + 2 / 3 + 3 / 5) / 3])
    precision, average = expected_scores(ranked, groups, retrieval.PERMUTED, [3])
    np.testing.assert_allclose(precision, [[1 / 3]])
    np.testing.assert_allclose(average, [1 / 3])


def test_without_ties_against_scikit_learn():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 150)
    codes = (np.eye(5)[labels] + rng.normal(size=(150, 5))).astype(np.float32)
    similarity = cosine_similarity(codes.astype(float))
    averages, at_7 = [], []
    for q in range(150):
        others = np.arange(150) != q
        relevant = labels[others] == labels[q]
        averages.append(average_precision_score(relevant, similarity[q, others]))
        at_7.append(relevant[np.argsort(-similarity[q, others])[:7]].mean())
    scores = retrieval_scores(codes, labels)
    assert scores[MAP] == pytest.approx(np.mean(averages), abs=1e-6)
    assert scores["precision_at_7"] == pytest.approx(np.mean(at_7), abs=1e-6)
    assert list(scores)[:5] == [f"precision_at_{k}" for k in (1, 3, 7, 15, 31)]
    assert "precision_at_127" in scores
    assert "precision_at_255" not in scores


def test_a_query_never_finds_itself():
    codes = np.eye(8, dtype=np.float32)
    scores = retrieval_scores(codes, np.arange(8))
    assert scores["precision_at_1"] == 0
    assert math.isnan(scores[MAP])
    pairs = np.repeat(np.eye(4, dtype=np.float32), 2, axis=0)
    assert retrieval_scores(pairs, np.repeat(np.arange(4), 2))["precision_at_3"] == 1 / 3
    assert retrieval_scores(pairs, np.repeat(np.arange(4), 2))[MAP] == 1


def test_cutoffs_stop_below_the_number_of_items():
    codes = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    names = [f"precision_at_{k}" for k in (1, 3)]
    assert list(without_control(retrieval_scores(codes, np.zeros(7, int)))) == [*names, MAP]
    assert "precision_at_7" in retrieval_scores(codes[[0, *range(7)]], np.zeros(8, int))


@pytest.mark.parametrize("codes", [np.zeros((60, 2), np.float32), np.ones((60, 3), np.uint8)])
def test_codes_that_say_nothing_are_at_chance(codes):
    labels = np.arange(60) % 3
    scores = retrieval_scores(codes, labels)
    for k in (1, 3, 7, 15, 31):
        assert scores[f"precision_at_{k}"] == pytest.approx(19 / 59)
    # 19 relevant among 59 in random order: mean over the places of the first formula
    expected = sum((1 + (j - 1) * 18 / 58) / j for j in range(1, 60)) / 59
    assert scores[MAP] == pytest.approx(expected)
    assert scores[CONTROL] == pytest.approx(expected)


def test_permuted_labels_are_at_chance_where_the_code_is_perfect():
    labels = np.arange(400) % 4
    scores = retrieval_scores(np.eye(4, dtype=np.float32)[labels], labels)
    assert scores[MAP] == 1
    assert scores[CONTROL] == pytest.approx(0.25, abs=0.02)


def test_zero_codes_have_similarity_zero():
    # From item 0: item 1 in front, the zero code in the middle, item 3 behind.
    codes = np.array([[1, 0], [1, 1], [0, 0], [-1, 0]], dtype=np.float32)
    _, keys = next(retrieval._keys(codes, np.array([0]), here))
    assert keys[0, 1] < keys[0, 2] < keys[0, 3]
    rows, keys = next(retrieval._keys(codes, np.array([2]), here))
    assert rows == [2]
    assert len(set(keys[0])) == 1


def test_several_topics_are_relevant_when_one_is_shared():
    topics = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 1]], dtype=np.uint8)
    codes = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    expected = oracle(codes, topics, shares=lambda a, b: bool((a & b).any()))
    assert without_control(retrieval_scores(codes, topics)) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["real", "binary", "duplicates"]))
def test_order_of_items_does_not_matter(seed, kind):
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(40, 3)).astype(np.float32)
    if kind == "binary":
        codes = (codes > 0).astype(np.uint8)
    if kind == "duplicates":
        codes = codes[rng.integers(0, 6, 40)]
    labels, order = rng.integers(0, 4, 40), rng.permutation(40)
    scores = without_control(retrieval_scores(codes, labels))
    again = without_control(retrieval_scores(codes[order], labels[order]))
    assert again == scores  # to the last bit
    assert all(0 <= value <= 1 for value in scores.values())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_rotation_does_not_matter_for_cosine(seed):
    rng = np.random.default_rng(seed)
    codes, labels = rng.normal(size=(40, 4)), rng.integers(0, 4, 40)
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    scores = retrieval_scores(codes.astype(np.float32), labels)
    again = retrieval_scores((codes @ rotation).astype(np.float32), labels)
    assert again == pytest.approx(scores, abs=1e-3)


def test_same_direction_ties_exactly_whatever_the_length():
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(5, 7)).astype(np.float32)
    codes, labels = np.repeat(directions, 8, axis=0), rng.integers(0, 3, 40)
    lengths = (2.0 ** rng.integers(-3, 4, (40, 1))).astype(np.float32)
    assert retrieval_scores(codes * lengths, labels) == retrieval_scores(codes, labels)


def test_close_angles_are_told_apart():
    angles = np.array([0, 2e-4, 6e-4, 1.2e-3])
    codes = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    _, keys = next(retrieval._keys(codes, np.array([0]), here))
    assert (np.diff(keys[0]) > 0).all()


@pytest.mark.parametrize("entries", [1, 100, 2**18])
@pytest.mark.parametrize("binary", [False, True])
def test_blocks_do_not_matter(monkeypatch, entries, binary):
    rng = np.random.default_rng(0)
    codes, labels = rng.normal(size=(90, 30)).astype(np.float32), rng.integers(0, 4, 90)
    codes[50:] = codes[:40]
    codes = (codes > 0).astype(np.uint8) if binary else codes
    whole = retrieval_scores(codes, labels)
    monkeypatch.setattr(retrieval, "_BLOCK_ENTRIES", entries)
    monkeypatch.setattr(retrieval, "_BLOCK_ROWS", 1)
    assert retrieval_scores(codes, labels) == whole


def test_large_groups_of_ties_against_simulation():
    rng = np.random.default_rng(0)
    codes, labels = rng.integers(0, 2, (60, 3)).astype(np.uint8), rng.integers(0, 3, 60)
    simulated = []
    for _ in range(300):
        distance = (codes[:, None] != codes).sum(axis=2) + rng.random((60, 60))
        for q in range(60):
            others = np.arange(60) != q
            relevant = labels[others] == labels[q]
            order = np.argsort(distance[q, others])
            found = np.cumsum(relevant[order]) / np.arange(1, 60)
            simulated.append((found[14], found[relevant[order]].mean()))
    at_15, average = np.mean(simulated, axis=0)
    scores = retrieval_scores(codes, labels)
    assert scores["precision_at_15"] == pytest.approx(at_15, abs=0.003)
    assert scores[MAP] == pytest.approx(average, abs=0.003)


@pytest.mark.parametrize("topics", [False, True])
@pytest.mark.parametrize("kind", ["real", "binary", "duplicates", "zeros"])
def test_torch_gives_the_same_bits(torch_place, kind, topics):
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(300, 5)).astype(np.float32)
    if kind == "binary":
        codes = (codes > 0).astype(np.uint8)
    if kind == "duplicates":
        codes = codes[rng.integers(0, 20, 300)]
    if kind == "zeros":
        codes = np.maximum(codes - 1, 0)
    labels = rng.integers(0, 4, 300)
    if topics:
        labels = (rng.random((300, 11)) < 0.1).astype(np.uint8)
    scores = retrieval_scores(codes, labels, queries=100)
    assert retrieval_scores(codes, labels, queries=100, place=torch_place) == scores


def test_the_control_is_the_score_of_permuted_labels():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    codes = rng.normal(size=(200, 2)).astype(np.float32) + labels[:, None]
    permuted = labels[np.random.default_rng(0).permutation(200)]
    assert retrieval_scores(codes, labels)[CONTROL] == retrieval_scores(codes, permuted)[MAP]


def test_memory_is_a_few_blocks(monkeypatch):
    monkeypatch.setattr(retrieval, "_BLOCK_ENTRIES", 2**15)
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(4000, 4)).astype(np.float32)
    topics = (rng.random((4000, 20)) < 0.2).astype(np.uint8)
    tracemalloc.start()
    retrieval_scores(codes, topics, queries=400)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2e7  # 6.6e7 in one block


def test_queries_are_a_seeded_sample_and_the_database_stays_whole():
    rng = np.random.default_rng(0)
    codes, labels = rng.normal(size=(200, 3)).astype(np.float32), np.arange(200) % 100
    scores = retrieval_scores(codes, labels, queries=20)
    assert scores == retrieval_scores(codes, labels, queries=20)
    assert scores != retrieval_scores(codes, labels, queries=20, seed=1)
    assert "precision_at_127" in scores  # more than the 20 queries
    # every query has one partner somewhere among all 199 others
    everything = retrieval_scores(codes, labels, queries=200)
    assert everything == retrieval_scores(codes, labels)
    assert everything["precision_at_127"] == pytest.approx(
        scores["precision_at_127"], abs=0.5 / 127
    )
    assert not math.isnan(scores[MAP])
