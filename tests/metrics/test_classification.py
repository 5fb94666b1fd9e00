import math
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from aebench.metrics import classification, linear
from aebench.metrics.classification import (
    CURVE_PENALTY,
    DRAWS,
    classification_scores,
    layer_scores,
)
from aebench.metrics.probes import spread_sample

from .test_probes import blobs

ACCURACIES = {f"{probe}_accuracy" for probe in ("logistic", "svm", "knn")}
CONTROLS = {f"{accuracy}_permuted_labels" for accuracy in ACCURACIES}


@pytest.fixture(scope="module")
def scored():
    data = blobs(n_train=1200, n_test=400, d=5)
    return data, classification_scores(*data, n_classes=5)


def test_names(scored):
    _, found = scored
    curve = {f"logistic_accuracy_at_{n}_labels" for n in (10, 100, 1000)}
    assert found.scores.keys() == ACCURACIES | CONTROLS | curve
    assert found.items.keys() == {"logistic_correct", "svm_correct", "knn_correct"}
    assert found.classes.keys() == ACCURACIES
    assert found.train == {}
    assert all(type(value) is float and 0 <= value <= 1 for value in found.scores.values())


def test_items_and_classes_have_the_accuracy_as_their_mean(scored):
    (_, _, _, labels), found = scored
    share = np.bincount(labels, minlength=5) / 400
    for probe in ("logistic", "svm", "knn"):
        accuracy = found.scores[f"{probe}_accuracy"]
        right, by_class = found.items[f"{probe}_correct"], found.classes[f"{probe}_accuracy"]
        assert right.dtype == bool
        assert right.mean() == accuracy
        assert by_class.shape == (5,)
        assert np.nansum(by_class * share) == pytest.approx(accuracy)
        assert math.isnan(by_class[4])


def test_items_and_classes_by_hand():
    """Three places far apart, and test items of which some lie at another class's place."""
    places = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], np.float32)
    labels = np.arange(60) % 3
    at, of = np.array([0, 1, 1, 2, 0, 2]), np.array([0, 1, 0, 2, 0, 1])
    found = classification_scores(places[labels], labels, places[at], of, n_classes=3)
    for probe in ("logistic", "svm", "knn"):
        assert list(found.items[f"{probe}_correct"]) == [True, True, False, True, True, False]
        np.testing.assert_allclose(found.classes[f"{probe}_accuracy"], [2 / 3, 1 / 2, 1])
        assert found.scores[f"{probe}_accuracy"] == 4 / 6
    assert found.scores["logistic_accuracy_at_10_labels"] == pytest.approx(4 / 6)


def test_probes_and_curve_against_pipelines_of_scikit_learn(scored):
    (train, y, test, y_test), found = scored
    scaler = StandardScaler().fit(train)
    for n, draws in DRAWS.items():
        accuracies = []
        for draw in range(draws):
            some = spread_sample(y, n, draw, "few labels")
            model = LogisticRegression(C=CURVE_PENALTY, max_iter=5000)
            model.fit(scaler.transform(train[some]), y[some])
            accuracies.append(model.score(scaler.transform(test), y_test))
        value = found.scores[f"logistic_accuracy_at_{n}_labels"]
        assert value == pytest.approx(np.mean(accuracies), abs=0.002)
    for name, models in {
        "logistic": [LogisticRegression(C=C, max_iter=5000) for C in (0.01, 1, 100)],
        "svm": [LinearSVC(C=C, dual=False, intercept_scaling=1000) for C in (0.01, 1, 100)],
    }.items():
        scores = [
            make_pipeline(StandardScaler(), model).fit(train, y).score(test, y_test)
            for model in models
        ]
        value = found.scores[f"{name}_accuracy"]
        assert min(scores) - 0.006 <= value <= max(scores) + 0.006


def test_test_labels_change_nothing_but_what_is_right(scored):
    """With labels turned by one class, right items are wrong, and the same items are predicted."""
    (train, y, test, y_test), found = scored
    turned = classification_scores(train, y, test, (y_test + 1) % 4, n_classes=5)
    for name, right in found.items.items():
        assert not (right & turned.items[name]).any()
        assert right.mean() > 0.6


def test_accuracies_do_not_change_with_shift_and_scale_of_the_codes():
    train, y, test, y_test = blobs()
    scores = classification_scores(train, y, test, y_test, 4).scores
    moved = [(codes * np.float32(4) + np.float32(8)) for codes in (train, test)]
    again = classification_scores(moved[0], y, moved[1], y_test, 4).scores
    assert again == pytest.approx(scores, abs=0.011)


def test_accuracies_drop_when_test_is_shifted_alone():
    train, y, test, y_test = blobs(noise=0.3)
    right = classification_scores(train, y, test, y_test, 4).scores
    wrong = classification_scores(train, y, test + 20, y_test, 4).scores
    for name in (*ACCURACIES, "logistic_accuracy_at_100_labels"):
        assert right[name] > 0.9
        assert wrong[name] < 0.6


def test_accuracies_do_not_change_with_the_order_of_test_items(scored):
    (train, y, test, y_test), found = scored
    order = np.random.default_rng(0).permutation(len(test))
    again = classification_scores(train, y, test[order], y_test[order], 5)
    for name in found.scores.keys() - CONTROLS:  # another order is another permutation of labels
        assert again.scores[name] == found.scores[name]


def test_what_is_right_does_not_depend_on_the_other_test_items(scored):
    (train, y, test, y_test), found = scored
    some = test[:, 0] > test[:, 0].mean()  # not where the rest of them lie
    alone = classification_scores(train, y, test[some], y_test[some], 5)
    for name, right in found.items.items():
        np.testing.assert_array_equal(alone.items[name], right[some])


def test_constant_codes_are_at_chance():
    _, y, _, y_test = blobs(n_train=600, n_test=600)
    train, test = np.zeros((600, 2), np.float32), np.zeros((600, 2), np.float32)
    scores = classification_scores(train, y, test, y_test, 4).scores
    commonest = np.bincount(y_test).max() / 600
    assert all(0.1 < value <= commonest for value in scores.values())


@pytest.mark.parametrize("n", [1, 2, 5])
def test_very_few_items(n):
    codes = np.arange(n, dtype=np.float32)[:, None]
    labels = np.arange(n) % 2
    scores = classification_scores(codes, labels, codes, labels, 2).scores
    assert scores.keys() == ACCURACIES | CONTROLS
    assert all(0 <= value <= 1 for value in scores.values())


def test_no_warning_reaches_the_user(monkeypatch):
    monkeypatch.setattr(linear, "MAX_ITERATIONS", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classification_scores(*blobs(noise=0.01), n_classes=4)


# ---------------------------------------------------------------- from few labels


def test_more_labels_are_better_where_classes_can_be_told_apart(scored):
    _, found = scored
    curve = [found.scores[f"logistic_accuracy_at_{n}_labels"] for n in DRAWS]
    assert curve == sorted(curve)
    assert curve[-1] > curve[0] + 0.1


@pytest.mark.parametrize(("n_train", "points"), [(9, 0), (10, 1), (999, 2), (1000, 3)])
def test_points_with_more_labels_than_train_are_left_out(n_train, points):
    scores = classification_scores(*blobs(n_train=n_train, n_test=20), n_classes=4).scores
    assert sum("_labels" in name and "_at_" in name for name in scores) == points


def test_a_point_sees_no_more_labels_than_it_claims(monkeypatch):
    train, y, test, y_test = blobs(n_train=300)
    seen, fit = [], linear.fit
    monkeypatch.setattr(
        linear, "fit", lambda loss, X, *a, **k: seen.append(len(X)) or fit(loss, X, *a, **k)
    )
    classification._accuracy_from(100, train, y, test, y_test)
    assert seen == [100] * DRAWS[100]


def test_draws_differ(monkeypatch):
    train, y, test, y_test = blobs(noise=2.0)
    monkeypatch.setitem(DRAWS, 10, 1)
    one = classification._accuracy_from(10, train, y, test, y_test)
    monkeypatch.setitem(DRAWS, 10, 5)
    assert classification._accuracy_from(10, train, y, test, y_test) != one


# ---------------------------------------------------------------- from inside the encoder


def test_layers_are_measured_like_the_code_at_1000_labels(scored):
    (train, y, test, y_test), found = scored
    noise = np.random.default_rng(0).normal(size=(1600, 5)).astype(np.float32)
    layers = [(train * 3 + 1, test * 3 + 1), (noise[:1200], noise[1200:])]
    scores = layer_scores(iter(layers), y, y_test).scores
    assert list(scores) == ["logistic_accuracy_of_layer_1", "logistic_accuracy_of_layer_2"]
    of_code = found.scores["logistic_accuracy_at_1000_labels"]
    assert scores["logistic_accuracy_of_layer_1"] == pytest.approx(of_code, abs=1e-3)
    assert scores["logistic_accuracy_of_layer_2"] < 0.4


def test_a_layer_that_is_too_wide_keeps_its_number(scored, monkeypatch):
    (train, y, test, y_test), _ = scored
    monkeypatch.setattr(classification, "WIDEST_LAYER", 5)
    layers = [(np.hstack([train, train]), np.hstack([test, test])), (train, test)]
    assert layer_scores(layers, y, y_test).scores.keys() == {"logistic_accuracy_of_layer_2"}


def test_layers_need_1000_train_items_and_are_not_computed_without():
    def layers():
        raise AssertionError("asked for")
        yield

    assert layer_scores(layers(), np.zeros(999, int), np.zeros(5, int)).scores == {}
