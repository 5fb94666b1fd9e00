from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from aebench.metrics import linear, probes
from aebench.metrics.probes import (
    NEIGHBOURS,
    PENALTIES,
    knn_probe,
    linear_probe,
    split,
    spread_sample,
    standardise,
)

logistic_probe = partial(linear_probe, linear.cross_entropy)
svm_probe = partial(linear_probe, linear.squared_hinge)
PROBES = pytest.mark.parametrize(
    "probe", [logistic_probe, svm_probe, knn_probe], ids=["logistic", "svm", "knn"]
)


def blobs(n_train=400, n_test=200, n_classes=4, d=3, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, d)) * 1.5
    data = []
    for n in (n_train, n_test):
        labels = rng.integers(0, n_classes, n)
        codes = centres[labels] + rng.normal(size=(n, d)) * noise
        data += [codes.astype(np.float32), labels]
    return data


# ---------------------------------------------------------------- standardising


def test_standardise_against_scikit_learn_and_by_train_alone():
    train, _, test, _ = blobs()
    test = test * 3 + 5
    scaler = StandardScaler().fit(train)
    a, b = standardise(train, test)
    np.testing.assert_allclose(a, scaler.transform(train), atol=1e-5)
    np.testing.assert_allclose(b, scaler.transform(test), atol=1e-5)
    assert abs(b.mean()) > 1


def test_standardise_far_from_zero():
    train = np.array([[10_000.0], [10_001.0], [10_002.0]], np.float32)
    a, _ = standardise(train, train)
    np.testing.assert_allclose(a[:, 0], np.array([-1, 0, 1]) * np.sqrt(1.5), rtol=1e-6)


def test_dimensions_constant_over_train_are_zero_in_both():
    train, _, test, _ = blobs(d=3)
    train[:, 1] = 0.1  # not exact in binary: a sum of it may round
    a, b = standardise(train, test)
    assert not a[:, 1].any()
    assert not b[:, 1].any()
    assert a[:, 0].std() == pytest.approx(1, rel=1e-3)


def test_binary_codes_are_standardised():
    a, _ = standardise(np.array([[0, 1], [1, 1]], np.uint8), np.array([[1, 1]], np.uint8))
    np.testing.assert_array_equal(a, [[-1, 0], [1, 0]])
    assert a.dtype == np.float32


# ---------------------------------------------------------------- samples of train


def test_split_is_stratified_fixed_and_disjoint():
    labels = np.repeat([0, 1, 2, 3], [500, 300, 199, 1])
    fit, validation = split(labels)
    assert sorted([*fit, *validation]) == list(range(1000))
    counts = np.bincount(labels[validation], minlength=4)
    np.testing.assert_array_equal(np.abs(counts - [50, 30, 20, 0]) <= 1, True)
    np.testing.assert_array_equal(validation, split(labels)[1])


def test_validation_has_at_most_five_thousand_items():
    assert len(split(np.zeros(80_000, int))[1]) == 5_000


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.data())
def test_spread_sample_gives_each_class_its_share_rounded(labels, data):
    labels = np.array(labels)
    size = data.draw(st.integers(1, len(labels)))
    drawn = spread_sample(labels, size, data.draw(st.integers(0, 5)), "x")
    assert len(set(drawn)) == size
    assert list(drawn) == sorted(drawn)
    share = np.bincount(labels, minlength=7) * size / len(labels)
    counts = np.bincount(labels[drawn], minlength=7)
    assert (np.abs(counts - share) < 1 + 1e-9).all()


def test_spread_sample_is_random_inside_classes():
    labels = np.repeat([0, 1], 50)
    drawn = np.bincount(np.concatenate([spread_sample(labels, 10, s, "x") for s in range(200)]))
    assert drawn.min() > 5
    assert drawn.max() < 45
    assert not np.array_equal(spread_sample(labels, 10, 0, "x"), spread_sample(labels, 10, 1, "x"))


def test_spread_sample_of_fewer_items_than_classes_takes_each_class_in_turn():
    labels = np.repeat(np.arange(20), 7)
    drawn = [labels[spread_sample(labels, 10, s, "x")] for s in range(200)]
    assert all(len(set(classes)) == 10 for classes in drawn)
    times = np.bincount(np.concatenate(drawn), minlength=20)
    assert times.min() > 65  # of 100 expected, standard deviation 7
    assert times.max() < 135


# ---------------------------------------------------------------- the probes


def test_votes_by_hand_with_ties_to_the_smallest_class():
    nearest = np.array([[0, 2, 2, 1, 1], [3, 3, 0, 0, 0]])
    one, two, three, four, five = probes._votes(nearest, [1, 2, 3, 4, 5])
    assert [list(v) for v in (one, two, three, four, five)] == [
        [0, 3],
        [0, 3],
        [2, 3],
        [2, 0],
        [1, 0],
    ]


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_knn_against_scikit_learn_at_the_chosen_k(noise):
    train, y, test, y_test = blobs(noise=noise)
    probe = knn_probe(train, y, test, y_test)
    oracle = KNeighborsClassifier(int(probe.chosen), algorithm="brute").fit(train, y)
    np.testing.assert_array_equal(probe.correct, oracle.predict(test) == y_test)
    assert probe.accuracy == oracle.score(test, y_test)


def test_knn_chooses_the_k_that_is_best_on_validation():
    train, y, test, y_test = blobs(noise=2.0)
    fit, validation = split(y)
    scores = [
        KNeighborsClassifier(k, algorithm="brute")
        .fit(train[fit], y[fit])
        .score(train[validation], y[validation])
        for k in NEIGHBOURS
    ]
    best = [k for k, score in zip(NEIGHBOURS, scores, strict=True) if score == max(scores)]
    assert knn_probe(train, y, test, y_test).chosen == best[-1]


def test_knn_needs_many_neighbours_under_label_noise_and_one_without():
    rng = np.random.default_rng(1)
    grid = rng.random((900, 1)).astype(np.float32)
    stripes = (grid[:, 0] * 40).astype(int) % 2
    assert knn_probe(grid[:600], stripes[:600], grid[600:], stripes[600:]).chosen <= 3
    halves = (grid[:, 0] > 0.5).astype(int) ^ (rng.random(900) < 0.3)
    assert knn_probe(grid[:600], halves[:600], grid[600:], halves[600:]).chosen >= 9


@pytest.mark.parametrize("noise", [0.3, 1.0, 2.0])
@pytest.mark.parametrize(
    ("probe", "oracle"),
    [
        (logistic_probe, partial(LogisticRegression, max_iter=5000)),
        (svm_probe, partial(LinearSVC, dual=False, intercept_scaling=1000)),
    ],
    ids=["logistic", "svm"],
)
def test_linear_probes_against_scikit_learn(probe, oracle, noise):
    train, y, test, y_test = blobs(n_train=1000, d=8, noise=noise)
    fit, validation = split(y)
    scores = [
        oracle(C=C).fit(train[fit], y[fit]).score(train[validation], y[validation])
        for C in PENALTIES
    ]
    found = probe(train.astype(np.float64), y, test.astype(np.float64), y_test)
    assert found.chosen == PENALTIES[int(np.argmax(scores))]
    expected = oracle(C=found.chosen).fit(train, y).predict(test) == y_test
    assert np.mean(found.correct != expected) <= 0.01


def test_less_penalty_is_not_tried_once_validation_falls(monkeypatch):
    tried = []
    fit = linear.fit

    def worse_with_less_penalty(loss, codes, labels, C, start=None):
        tried.append(C)
        return fit(loss, codes, (labels + (PENALTIES[0] < C)) % 4, C, start)

    monkeypatch.setattr(linear, "fit", worse_with_less_penalty)
    probe = logistic_probe(*blobs())
    assert probe.chosen == PENALTIES[0]
    assert tried == [*PENALTIES[:2], probe.chosen, probe.chosen]  # then for test, and the control


def test_the_penalty_is_chosen_on_a_sample_and_the_probe_learns_from_all(monkeypatch):
    monkeypatch.setattr(probes, "PENALTY_ITEMS", 100)
    monkeypatch.setattr(probes, "CONTROL_ITEMS", 50)
    calls = []
    fit = linear.fit

    def recorded(loss, codes, labels, C, start=None):
        calls.append((len(codes), C, np.mean(labels == codes[:, -1])))
        return fit(loss, codes, labels, C, start)

    monkeypatch.setattr(linear, "fit", recorded)
    train, y, test, y_test = blobs(n_train=300)
    train, test = np.column_stack([train, y]), np.column_stack([test, y_test])
    found = svm_probe(train, y, test, y_test)
    *choice, final, control = calls
    assert {size for size, *_ in choice} == {100}
    assert final == (300, found.chosen, 1)
    assert found.chosen > PENALTIES[0]
    assert control[:2] == (50, found.chosen)
    assert control[2] < 0.5  # of the labels that it learns are true ones


@PROBES
@pytest.mark.parametrize("noise", [0.5, 2.0, 4.0])
def test_the_choice_does_not_see_the_test_items(probe, noise):
    train, y, test, y_test = blobs(noise=noise, d=6)
    rng = np.random.default_rng(9)
    chosen = {
        probe(train, y, other, labels).chosen
        for other, labels in (
            (test, y_test),
            (test, rng.permutation(y_test)),
            (train[:200], y[:200]),
            (rng.normal(size=test.shape).astype(np.float32) * 50, y_test),
        )
    }
    assert len(chosen) == 1


@PROBES
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100))
def test_each_test_item_is_judged_by_itself(probe, seed):
    train, y, test, y_test = blobs(n_train=60, n_test=30, seed=seed)
    order = np.random.default_rng(seed).permutation(30)
    right = probe(train, y, test, y_test).correct
    np.testing.assert_array_equal(probe(train, y, test[order], y_test[order]).correct, right[order])
    np.testing.assert_array_equal(probe(train, y, test[:7], y_test[:7]).correct, right[:7])


@pytest.mark.parametrize("seed", range(3))
@PROBES
def test_probes_do_not_change_under_rotation(probe, seed):
    train, y, test, y_test = blobs(seed=seed)
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    turned = [(codes @ rotation).astype(np.float32) for codes in (train, test)]
    usual, again = probe(train, y, test, y_test), probe(turned[0], y, turned[1], y_test)
    assert again.chosen == usual.chosen
    assert again.accuracy == pytest.approx(usual.accuracy, abs=0.006)


# ---------------------------------------------------------------- controls


@PROBES
@pytest.mark.parametrize("seed", range(4))
def test_controls_are_at_chance_where_codes_lie_in_clusters(probe, seed):
    """Learned from labels permuted in train alone, whole clusters would be right or wrong."""
    n, n_classes = 2000, 4
    labels = np.arange(2 * n) % n_classes
    noise = np.random.default_rng(seed).normal(size=(2 * n, n_classes)) * 0.05
    codes = (np.eye(n_classes)[labels] + noise).astype(np.float32)
    found = probe(codes[:n], labels[:n], codes[n:], labels[n:])
    assert found.accuracy == 1
    spread = np.sqrt(0.25 * 0.75 / n)
    assert abs(found.accuracy_permuted_labels - 0.25) < 4 * spread


@PROBES
def test_controls_are_as_chance_has_it_over_many_data_sets(probe):
    """Mean and spread of the binomial of 100 test items in two equal classes."""
    rng = np.random.default_rng(0)
    controls = []
    for _ in range(60):
        labels = np.concatenate([rng.permutation(np.arange(n) % 2) for n in (60, 100)])
        codes = (labels[:, None] + rng.normal(size=(160, 2))).astype(np.float32)
        found = probe(codes[:60], labels[:60], codes[60:], labels[60:])
        controls.append(found.accuracy_permuted_labels)
    assert np.mean(controls) == pytest.approx(0.5, abs=4 * 0.05 / np.sqrt(60))
    assert 0.03 < np.std(controls) < 0.07


@PROBES
def test_controls_are_at_most_at_the_share_of_the_commonest_class(probe):
    train, y, test, y_test = blobs(n_train=2000, n_test=2000, noise=0.2)
    y, y_test = np.minimum(y % 4, 1), np.minimum(y_test % 4, 1)
    control = probe(train, y, test, y_test).accuracy_permuted_labels
    assert 0.5 < control < y_test.mean() + 4 * np.sqrt(0.25 * 0.75 / 2000)


def test_knn_on_codes_without_information_predicts_the_commonest_class():
    y = np.repeat([0, 1], [150, 850])
    y_train = np.concatenate([[0] * 3, np.random.default_rng(0).permutation(y)])
    probe = knn_probe(np.zeros((1003, 2), np.float32), y_train, np.zeros((1000, 2), np.float32), y)
    assert probe.accuracy == pytest.approx(0.85)
