import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from aebench.metrics import classification
from aebench.metrics.classification import (
    NEIGHBOURS,
    PENALTIES,
    classification_scores,
    knn_probe,
    logistic_probe,
    split,
    spread_sample,
    standardise,
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


def test_standardise_against_scikit_learn_and_by_train_alone():
    train, _, test, _ = blobs()
    test = test * 3 + 5
    scaler = StandardScaler().fit(train)
    a, b = standardise(train, test)
    np.testing.assert_allclose(a, scaler.transform(train), atol=1e-5)
    np.testing.assert_allclose(b, scaler.transform(test), atol=1e-5)
    assert abs(b.mean()) > 1


def test_dimensions_constant_over_train_are_zero_in_both():
    train, _, test, _ = blobs(d=3)
    train[:, 1] = 0.1  # not exact in binary: a mean of it rounds
    a, b = standardise(train, test)
    assert not a[:, 1].any()
    assert not b[:, 1].any()
    assert a[:, 0].std() == pytest.approx(1, rel=1e-3)


def test_binary_codes_are_standardised():
    a, _ = standardise(np.array([[0, 1], [1, 1]], np.uint8), np.array([[1, 1]], np.uint8))
    np.testing.assert_array_equal(a, [[-1, 0], [1, 0]])
    assert a.dtype == np.float32


def test_votes_by_hand_with_ties_to_the_smallest_class():
    nearest = np.array([[0, 2, 2, 1, 1], [3, 3, 0, 0, 0]])
    one, two, three, four, five = classification._votes(nearest, [1, 2, 3, 4, 5])
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
    assert probe.accuracy == oracle.score(test, y_test)


def test_knn_chooses_the_k_that_is_best_on_validation():
    train, y, test, y_test = blobs(noise=2.0)
    fit, validation = split(y, 0)
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


@pytest.mark.parametrize("noise", [0.3, 2.0])
def test_logistic_against_scikit_learn(noise):
    train, y, test, y_test = blobs(noise=noise)
    fit, validation = split(y, 0)
    scores = [
        LogisticRegression(C=C, max_iter=5000)
        .fit(train[fit], y[fit])
        .score(train[validation], y[validation])
        for C in PENALTIES
    ]
    probe = logistic_probe(train, y, test, y_test)
    assert probe.chosen == PENALTIES[int(np.argmax(scores))]
    oracle = LogisticRegression(C=probe.chosen, max_iter=5000).fit(train, y)
    assert probe.accuracy == pytest.approx(oracle.score(test, y_test), abs=0.006)


def test_a_fit_from_other_weights_ends_at_the_same_ones_sooner():
    train, y, _, _ = blobs(n_train=2000, d=10, noise=2.0)
    start = classification._logistic(train.astype(np.float64), y, 100.0)
    cold = classification._logistic(train.astype(np.float64), y, 1.0)
    warm = classification._logistic(train.astype(np.float64), y, 1.0, start)
    assert warm.n_iter_[0] < cold.n_iter_[0]
    np.testing.assert_allclose(warm.predict_proba(train), cold.predict_proba(train), atol=0.01)
    untouched = classification._logistic(train.astype(np.float64), y, 100.0)
    np.testing.assert_array_equal(start.coef_, untouched.coef_)


def test_a_fit_with_more_classes_starts_afresh():
    train, y, _, _ = blobs()
    cold = classification._logistic(train.astype(np.float64), y, 1.0)
    for fewer in (y < 3, y < 1):
        start = classification._logistic(train[fewer].astype(np.float64), y[fewer], 1.0)
        model = classification._logistic(train.astype(np.float64), y, 1.0, start)
        np.testing.assert_array_equal(model.coef_, cold.coef_)


def test_no_warning_reaches_the_user(monkeypatch):
    monkeypatch.setattr(classification, "MAX_ITERATIONS", 2)
    train, y, test, y_test = blobs(noise=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 0 <= logistic_probe(train, y, test, y_test).accuracy <= 1


@pytest.mark.parametrize("probe", [knn_probe, logistic_probe])
def test_the_choice_does_not_see_the_test_items(probe):
    train, y, test, y_test = blobs(noise=2.0)
    rng = np.random.default_rng(9)
    chosen = {
        probe(train, y, other, labels).chosen
        for other, labels in (
            (test, y_test),
            (test, rng.permutation(y_test)),
            (rng.normal(size=test.shape).astype(np.float32) * 50, y_test),
        )
    }
    assert len(chosen) == 1


def test_accuracies_do_not_change_with_shift_and_scale_of_the_codes():
    train, y, test, y_test = blobs()
    moved = [(codes * np.float32(4) + np.float32(8)) for codes in (train, test)]
    scores = classification_scores(train, y, test, y_test)
    again = classification_scores(moved[0], y, moved[1], y_test)
    assert again == pytest.approx(scores, abs=0.011)


def test_accuracies_drop_when_test_is_shifted_alone():
    train, y, test, y_test = blobs(noise=0.3)
    right = classification_scores(train, y, test, y_test)
    wrong = classification_scores(train, y, test + 20, y_test)
    for name in ("knn_accuracy", "logistic_accuracy"):
        assert right[name] > 0.9
        assert wrong[name] < 0.6


@pytest.mark.parametrize("seed", range(3))
def test_knn_does_not_change_under_rotation(seed):
    train, y, test, y_test = blobs(seed=seed)
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    turned = [(codes @ rotation).astype(np.float32) for codes in (train, test)]
    probe, again = knn_probe(train, y, test, y_test), knn_probe(turned[0], y, turned[1], y_test)
    assert again.chosen == probe.chosen
    assert again.accuracy == pytest.approx(probe.accuracy, abs=0.006)


def test_control_with_permuted_labels_is_at_chance_where_the_code_is_good():
    train, y, test, y_test = blobs(n_train=2000, n_test=1000, noise=0.2)
    probe = knn_probe(train, y, test, y_test)
    assert probe.accuracy > 0.95
    assert probe.accuracy_permuted_labels == pytest.approx(0.25, abs=0.06)


def test_constant_codes_are_at_chance():
    _, y, _, y_test = blobs(n_train=600, n_test=600)
    train, test = np.zeros((600, 2), np.float32), np.zeros((600, 2), np.float32)
    scores = classification_scores(train, y, test, y_test)
    commonest = np.bincount(y_test).max() / 600
    assert all(0.1 < value <= commonest for value in scores.values())


def test_split_is_stratified_seeded_and_disjoint():
    labels = np.repeat([0, 1, 2, 3], [500, 300, 199, 1])
    fit, validation = split(labels, seed=3)
    assert sorted([*fit, *validation]) == list(range(1000))
    counts = np.bincount(labels[validation], minlength=4)
    np.testing.assert_array_equal(np.abs(counts - [50, 30, 20, 0]) <= 1, True)
    np.testing.assert_array_equal(validation, split(labels, seed=3)[1])
    assert not np.array_equal(validation, split(labels, seed=4)[1])


def test_validation_has_at_most_five_thousand_items():
    assert len(split(np.zeros(80_000, int), 0)[1]) == 5_000


def test_spread_sample_is_random_inside_classes():
    labels = np.repeat([0, 1], 50)
    drawn = np.bincount(np.concatenate([spread_sample(labels, 10, s) for s in range(200)]))
    assert drawn.min() > 5
    assert drawn.max() < 45


@pytest.mark.parametrize("n", [1, 2, 5])
def test_very_few_items(n):
    codes = np.arange(n, dtype=np.float32)[:, None]
    labels = np.arange(n) % 2
    scores = classification_scores(codes, labels, codes, labels)
    assert all(0 <= value <= 1 for value in scores.values())


def test_knn_on_codes_without_information_predicts_the_commonest_class():
    y = np.repeat([0, 1], [150, 850])
    y_train = np.concatenate([[0] * 3, np.random.default_rng(0).permutation(y)])
    probe = knn_probe(np.zeros((1003, 2), np.float32), y_train, np.zeros((1000, 2), np.float32), y)
    assert probe.accuracy == pytest.approx(0.85)
