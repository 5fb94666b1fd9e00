import math
import tracemalloc
from unittest import mock

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, IPrec, P, R, Rprec, nDCG
from sklearn.metrics.pairwise import cosine_similarity

from aebench.metrics import ranking, retrieval
from aebench.metrics.retrieval import retrieval_scores
from aebench.streams import stream

from . import tie_orders

MAP = "mean_average_precision"
CONTROL = "mean_average_precision_permuted_labels"


def scores_of(*arguments, **options):
    """Scores without the control, whose permutation of labels knows the order of items."""
    scores = retrieval_scores(*arguments, **options).scores
    return {name: value for name, value in scores.items() if name != CONTROL}


def distances_of(asked, codes):
    if codes.dtype == np.uint8:
        return (asked[:, None] != codes).sum(axis=2)
    return -np.round(cosine_similarity(asked.astype(float), codes.astype(float)), 9)


def grades_of(asked, labels):
    if labels.ndim == 1:
        return (asked[:, None] == labels).astype(int)
    return asked.astype(int) @ labels.T


def others(matrix):
    """Rows of a square matrix without the diagonal: no query finds itself."""
    n = len(matrix)
    return matrix[~np.eye(n, dtype=bool)].reshape(n, n - 1)


def oracle(codes, labels):
    """`retrieval_scores` by listing all orders of ties: for a handful of items."""
    distances, grades = others(distances_of(codes, codes)), others(grades_of(labels, labels))
    cutoffs, few = (
        [k for k in ks if k < len(codes)] for ks in (retrieval.CUTOFFS, retrieval.FEW_CUTOFFS)
    )
    expected = tie_orders.of_all(distances, grades, cutoffs, few)
    if codes.dtype != np.uint8:
        return {name: v for name, v in expected.items() if not name.endswith("_order")}
    for radius in range(5):
        inside = distances <= radius
        share = (inside & (grades > 0)).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
        expected[f"hamming_share_at_radius_{radius}"] = inside.mean()
        expected[f"hamming_precision_at_radius_{radius}"] = share.mean()
    return expected


@st.composite
def tied_items(draw, dtype, topics=False):
    n = draw(st.integers(2, 6))
    values = (0, 1) if dtype == np.uint8 else (-1, 0, 1)
    rows = st.lists(st.sampled_from(values), min_size=2, max_size=2)
    codes = np.array(draw(st.lists(rows, min_size=n, max_size=n)), dtype=dtype)
    if topics:
        sets = st.lists(st.integers(0, 1), min_size=3, max_size=3)
        return codes, np.array(draw(st.lists(sets, min_size=n, max_size=n)), dtype=np.uint8)
    return codes, np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))


@settings(max_examples=60, deadline=None)
@given(st.one_of(*(tied_items(t, topics) for t in (np.uint8, np.float32) for topics in (0, 1))))
def test_ties_against_every_order_of_the_tied_items(items):
    with mock.patch.multiple(retrieval, CUTOFFS=(1, 2, 3, 4), FEW_CUTOFFS=(1, 2, 4)):
        expected, scores = oracle(*items), scores_of(*items)
    undefined = {name for name in scores if name not in expected}
    assert expected.keys() <= scores.keys()
    assert all(math.isnan(scores[name]) for name in undefined)
    assert {name: scores[name] for name in expected} == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("topics", [False, True])
def test_without_ties_against_trec_eval(topics):
    # 15 others of a class: cutoffs of recall are whole or halves, never tenths, which trec_eval
    # rounds by accident.
    rng, n = np.random.default_rng(0), 64
    labels = np.arange(n) % 4
    if topics:
        labels = np.hstack([np.eye(4)[labels], rng.random((n, 8)) < 0.3]).astype(np.uint8)
        labels[:, 4:] *= labels[:, :1]  # further topics inside the first class: grades up to 9
    codes = (3 * np.eye(4)[np.arange(n) % 4] + rng.normal(size=(n, 4))).astype(np.float32)
    distances, grades = -cosine_similarity(codes.astype(float)), grades_of(labels, labels)
    np.fill_diagonal(distances, np.inf)
    run, relevant = {}, {}
    for q in range(n):
        order = np.argsort(distances[q])[:-1]
        run[str(q)] = {str(item): -float(rank) for rank, item in enumerate(order)}
        relevant[str(q)] = {str(item): int(grades[q, item]) for item in order}
    few, cutoffs = (1, 15, 31), (1, 3, 7, 15, 31, 63)
    measures = {f"precision_at_{k}": P @ k for k in cutoffs}
    measures |= {f"recall_at_{k}": R @ k for k in few} | {"r_precision": Rprec, MAP: AP}
    measures |= {f"ndcg_at_{k}": nDCG @ k for k in few} | {"ndcg": nDCG}
    measures |= {f"precision_at_recall_{r}": IPrec @ r for r in tie_orders.RECALLS}
    expected = ir_measures.calc_aggregate(list(measures.values()), relevant, run)
    with mock.patch.object(retrieval, "FEW_CUTOFFS", few):
        found = retrieval_scores(codes, labels)
    assert {m for m in found.scores if m != CONTROL} == measures.keys()
    for name, measure in measures.items():
        assert found.scores[name] == pytest.approx(expected[measure], abs=1e-6), name
    each = {m.query_id: m.value for m in ir_measures.iter_calc([AP], relevant, run)}
    np.testing.assert_allclose(
        found.items["average_precision"], [each[str(q)] for q in range(n)], atol=1e-6
    )


def test_a_query_never_finds_itself():
    codes = np.eye(8, dtype=np.float32)
    scores = scores_of(codes, np.arange(8))
    assert scores["precision_at_1"] == 0
    assert all(math.isnan(scores[name]) for name in (MAP, "ndcg", "r_precision"))
    pairs, labels = np.repeat(np.eye(4, dtype=np.float32), 2, axis=0), np.repeat(np.arange(4), 2)
    scores = scores_of(pairs, labels)
    assert scores["precision_at_3"] == 1 / 3
    assert [scores[m] for m in (MAP, "ndcg", "r_precision", "precision_at_recall_1.0")] == [1] * 4
    # In a database of its own it does: with its partner it makes two.
    assert scores_of(pairs, labels, database=(pairs, labels))["precision_at_3"] == 2 / 3


def test_cutoffs_are_those_the_database_has():
    codes = np.random.default_rng(0).normal(size=(16, 2)).astype(np.float32)
    labels = np.zeros(16, int)
    assert "recall_at_15" in scores_of(codes, labels)
    assert "precision_at_15" not in scores_of(codes[:15], labels[:15])
    assert "recall_at_15" not in scores_of(codes[:15], labels[:15])
    few = (codes[:15], labels[:15])
    assert "recall_at_15" in scores_of(*few, database=few)


@pytest.mark.parametrize("codes", [np.zeros((60, 2), np.float32), np.ones((60, 3), np.uint8)])
def test_codes_that_say_nothing_are_at_chance(codes):
    labels = np.arange(60) % 3
    scores = retrieval_scores(codes, labels).scores
    for k in (1, 3, 7, 15, 31):
        assert scores[f"precision_at_{k}"] == pytest.approx(19 / 59)
    assert scores["recall_at_15"] == pytest.approx(15 / 59)
    assert scores["r_precision"] == pytest.approx(19 / 59)
    for recall in tie_orders.RECALLS:
        assert scores[f"precision_at_recall_{recall}"] == pytest.approx(19 / 59)
    # 19 relevant among 59 in random order: mean over the places of the first formula
    expected = sum((1 + (j - 1) * 18 / 58) / j for j in range(1, 60)) / 59
    assert scores[MAP] == pytest.approx(expected)
    assert scores[CONTROL] == pytest.approx(expected)


def test_permuted_labels_are_at_chance_where_the_code_is_perfect():
    labels = np.arange(400) % 4
    codes = np.eye(4, dtype=np.float32)[labels]
    scores = retrieval_scores(codes, labels).scores
    assert scores[MAP] == 1
    assert scores[CONTROL] == pytest.approx(0.25, abs=0.02)
    scores = retrieval_scores(codes[:40], labels[:40], database=(codes, labels)).scores
    assert scores[MAP] == 1
    assert scores[CONTROL] == pytest.approx(0.25, abs=0.05)


def test_the_control_is_the_score_of_permuted_labels():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    codes = rng.normal(size=(200, 2)).astype(np.float32) + labels[:, None]
    permuted = labels[stream(0, "permuted labels").permutation(200)]
    control = retrieval_scores(codes, labels).scores[CONTROL]
    assert control == retrieval_scores(codes, permuted).scores[MAP]


def random_items(seed, kind, n=40):
    rng = np.random.default_rng(seed)
    codes, labels = rng.normal(size=(n, 3)).astype(np.float32), rng.integers(0, 4, n)
    if kind == "binary":
        codes = (codes > 0).astype(np.uint8)
    if kind == "duplicates":
        codes = codes[rng.integers(0, 6, n)]
    if kind == "topics":
        labels = (rng.random((n, 5)) < 0.4).astype(np.uint8)
    return rng, codes, labels


any_kind = st.sampled_from(["real", "binary", "duplicates", "topics"])
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=30, deadline=None)
@given(seeds, any_kind)
def test_order_of_items_does_not_matter(seed, kind):
    rng, codes, labels = random_items(seed, kind)
    order = rng.permutation(len(codes))
    found = retrieval_scores(codes, labels)
    again = retrieval_scores(codes[order], labels[order])
    assert again.scores | {CONTROL: 0} == found.scores | {CONTROL: 0}  # to the last bit
    np.testing.assert_array_equal(
        again.items["average_precision"], found.items["average_precision"][order]
    )


@settings(max_examples=30, deadline=None)
@given(seeds, any_kind)
def test_values_keep_their_bounds(seed, kind):
    _, codes, labels = random_items(seed, kind)
    scores = scores_of(codes, labels)
    assert all(0 <= value <= 1 for value in scores.values())
    found = [k * scores[f"precision_at_{k}"] for k in (1, 3, 7, 15, 31)]
    curve = [scores[f"precision_at_recall_{recall}"] for recall in tie_orders.RECALLS]
    assert found == sorted(found)
    assert curve == sorted(curve, reverse=True)
    for name in (MAP, "precision_at_15") if kind == "binary" else ():
        worst, best = scores[f"{name}_worst_order"], scores[f"{name}_best_order"]
        assert worst <= scores[name] <= best
    if kind == "binary":
        shares = [scores[f"hamming_share_at_radius_{r}"] for r in range(5)]
        assert shares == sorted(shares)
        assert shares[3:] == [1, 1]  # three bits differ in three at most


@settings(max_examples=20, deadline=None)
@given(seeds, any_kind)
def test_recall_rises_with_the_number_retrieved(seed, kind):
    _, codes, labels = random_items(seed, kind)
    with mock.patch.multiple(retrieval, CUTOFFS=range(1, 40), FEW_CUTOFFS=range(1, 40)):
        scores = scores_of(codes, labels)
    recalls = [scores[f"recall_at_{k}"] for k in range(1, 40)]
    assert recalls == sorted(recalls)
    assert recalls[-1] == 1
    assert scores["ndcg_at_39"] == scores["ndcg"]


@settings(max_examples=20, deadline=None)
@given(seeds, any_kind)
def test_a_relevant_item_on_top_does_not_lower_precision(seed, kind):
    _, codes, labels = random_items(seed, kind)
    query = codes[:1], np.maximum(labels[:1], kind == "topics")
    before = scores_of(*query, database=(codes[1:], labels[1:]))
    more = np.concatenate([query[0], codes[1:]]), np.concatenate([query[1], labels[1:]])
    after = scores_of(*query, database=more)
    for k in (1, 3, 7, 15, 31):
        assert after[f"precision_at_{k}"] >= before[f"precision_at_{k}"]


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_rotation_does_not_matter_for_cosine(seed):
    rng = np.random.default_rng(seed)
    codes, labels = rng.normal(size=(40, 4)), rng.integers(0, 4, 40)
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    scores = scores_of(codes.astype(np.float32), labels)
    again = scores_of((codes @ rotation).astype(np.float32), labels)
    assert again == pytest.approx(scores, abs=1e-3)


def test_same_direction_ties_exactly_whatever_the_length():
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(5, 7)).astype(np.float32)
    codes, labels = np.repeat(directions, 8, axis=0), rng.integers(0, 3, 40)
    lengths = (2.0 ** rng.integers(-3, 4, (40, 1))).astype(np.float32)
    assert scores_of(codes * lengths, labels) == scores_of(codes, labels)


@pytest.mark.parametrize("entries", [1, 100, 2**18])
@pytest.mark.parametrize("kind", ["real", "binary", "topics"])
def test_blocks_and_threads_do_not_matter(monkeypatch, entries, kind):
    _, codes, labels = random_items(0, kind, n=90)
    codes[50:] = codes[:40]
    whole = retrieval_scores(codes, labels, threads=1)
    monkeypatch.setattr(ranking, "_BLOCK_ENTRIES", entries)
    monkeypatch.setattr(ranking, "_BLOCK_ROWS", 7)
    for threads in (1, 3):
        again = retrieval_scores(codes, labels, threads=threads)
        assert again.scores == whole.scores
        np.testing.assert_array_equal(
            again.items["average_precision"], whole.items["average_precision"]
        )


@pytest.mark.parametrize("kind", ["real", "binary", "duplicates", "topics"])
def test_a_database_is_what_is_ranked(kind):
    _, codes, labels = random_items(0, kind)
    among_themselves = retrieval_scores(codes, labels).items["average_precision"]
    for q in range(5):
        rest = np.arange(len(codes)) != q
        one = retrieval_scores(
            codes[q : q + 1], labels[q : q + 1], database=(codes[rest], labels[rest])
        )
        assert one.items["average_precision"] == among_themselves[q : q + 1]


def test_lists_of_a_database_do_not_run_into_each_other():
    # The first item of each list lies as far as the last one of the list before.
    codes, labels = np.array([[0, 0], [1, 1], [0, 1]], np.uint8), np.array([0, 1, 0])
    database = np.array([[0, 0], [0, 0]], np.uint8), np.array([0, 1])
    scores = scores_of(codes, labels, database=database)
    assert scores[MAP] == 0.75
    assert scores["hamming_share_at_radius_0"] == pytest.approx(1 / 3)


def test_large_groups_of_ties_against_simulation():
    rng = np.random.default_rng(0)
    codes, labels = rng.integers(0, 2, (60, 3)).astype(np.uint8), rng.integers(0, 3, 60)
    distances, grades = others(distances_of(codes, codes)), others(grades_of(labels, labels))
    simulated = []
    for _ in range(300):
        order = np.argsort(distances + rng.random(distances.shape), axis=1)
        hits = np.take_along_axis(grades, order, axis=1)
        found, total = hits.cumsum(axis=1), hits.sum(axis=1)
        precision = found / np.arange(1, 60)
        discounts = 1 / np.log2(np.arange(2, 61))
        simulated.append(
            [
                precision[:, 14].mean(),
                (found[:, 14] / total).mean(),
                precision[np.arange(60), total - 1].mean(),
                ((precision * hits).sum(axis=1) / total).mean(),
                (hits @ discounts / discounts.cumsum()[total - 1]).mean(),
            ]
        )
    names = ("precision_at_15", "recall_at_15", "r_precision", MAP, "ndcg")
    scores = scores_of(codes, labels)
    assert [scores[m] for m in names] == pytest.approx(np.mean(simulated, axis=0), abs=0.003)


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
    for database in (None, (codes[100:], labels[100:])):
        options = {"queries": 100, "database": database}
        scores = retrieval_scores(codes, labels, **options).scores
        assert retrieval_scores(codes, labels, place=torch_place, **options).scores == scores


def test_memory_is_a_few_blocks(monkeypatch):
    monkeypatch.setattr(ranking, "_BLOCK_ENTRIES", 2**15)
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(4000, 4)).astype(np.float32)
    topics = (rng.random((4000, 20)) < 0.2).astype(np.uint8)
    tracemalloc.start()
    retrieval_scores(codes, topics, queries=400, threads=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2e7  # 6.6e7 in one block


def test_queries_are_a_seeded_sample_and_the_database_stays_whole():
    rng = np.random.default_rng(0)
    codes, labels = rng.normal(size=(200, 3)).astype(np.float32), np.arange(200) % 100
    found = retrieval_scores(codes, labels, queries=20)
    assert found.scores == retrieval_scores(codes, labels, queries=20).scores
    assert found.scores != retrieval_scores(codes, labels, queries=20, seed=1).scores
    assert "precision_at_127" in found.scores  # more than the 20 queries
    # every query has one partner somewhere among all 199 others
    everything = retrieval_scores(codes, labels, queries=200)
    assert everything.scores == retrieval_scores(codes, labels).scores
    assert everything.scores["precision_at_127"] == pytest.approx(
        found.scores["precision_at_127"], abs=0.5 / 127
    )
    chosen = found.items["queries"]
    assert len(chosen) == len(set(chosen)) == 20
    np.testing.assert_array_equal(
        found.items["average_precision"], everything.items["average_precision"][chosen]
    )


def test_means_of_classes_are_over_the_queries_of_each():
    # The last class has a single item, nothing is relevant to it; the class before has none.
    labels = np.array([3, 0, 1, 0, 0, 1])
    codes = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    found = retrieval_scores(codes, labels)
    average, classes = found.items["average_precision"], found.classes[MAP]
    np.testing.assert_allclose(classes[:2], [average[[1, 3, 4]].mean(), average[[2, 5]].mean()])
    assert np.isnan(average[0])
    assert np.isnan(classes[2:]).all()
    assert len(classes) == 4
    assert found.scores[MAP] == pytest.approx(average[1:].mean())
    few = retrieval_scores(codes, labels, queries=3)
    asked = few.items["queries"]
    for c in (0, 1):
        expected = average[asked[labels[asked] == c]]
        assert few.classes[MAP][c] == pytest.approx(expected.mean()), asked


def test_hamming_balls_by_hand():
    # From 000: at 1, 2, 2 and 3 bits, of classes 0, 0, 1, 0.
    database = (
        np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [1, 1, 1]], np.uint8),
        np.array([0, 0, 1, 0]),
    )
    scores = scores_of(np.zeros((1, 3), np.uint8), np.zeros(1, int), database=database)
    shares = [scores[f"hamming_share_at_radius_{r}"] for r in range(5)]
    precisions = [scores[f"hamming_precision_at_radius_{r}"] for r in range(5)]
    assert shares == [0, 1 / 4, 3 / 4, 1, 1]
    assert precisions == [0, 1, 2 / 3, 3 / 4, 3 / 4]
