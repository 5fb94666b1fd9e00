import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from aebench.metrics import linear

LOSSES = [linear.cross_entropy, linear.squared_hinge]


def blobs(n=300, n_classes=4, d=3, noise=1.5, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    return rng.normal(size=(n_classes, d))[labels] * 2 + rng.normal(size=(n, d)) * noise, labels


@pytest.fixture
def converged(monkeypatch):
    monkeypatch.setattr(linear, "TOLERANCES", dict.fromkeys(LOSSES, 1e-8))
    monkeypatch.setattr(linear, "MAX_ITERATIONS", 5000)


def test_losses_by_hand():
    right = np.array([0, 1])
    value, slope = linear.cross_entropy(np.array([[0.0, np.log(3)], [np.log(3), 0.0]]), right)
    assert value == pytest.approx(2 * np.log(4))
    np.testing.assert_allclose(slope, [[-0.75, 0.75], [0.75, -0.75]])
    # Margins: 0.5 and -2 of the right classes, -3 (far enough) and 1 of the wrong ones.
    value, slope = linear.squared_hinge(np.array([[0.5, -3.0], [1.0, -2.0]]), right)
    assert value == pytest.approx(0.5**2 + 0 + 2**2 + 3**2)
    np.testing.assert_allclose(slope, [[-1, 0], [4, -6]])


def test_large_scores_do_not_overflow():
    value, slope = linear.cross_entropy(np.array([[2000.0, 0.0]]), np.array([1]))
    assert value == 2000
    np.testing.assert_array_equal(slope, [[1, -1]])


@pytest.mark.parametrize("loss", LOSSES)
def test_slopes_are_the_gradients_of_the_losses(loss):
    rng = np.random.default_rng(0)
    right = rng.integers(0, 3, 5)
    error = check_grad(
        lambda flat: loss(flat.reshape(5, 3).copy(), right)[0],
        lambda flat: loss(flat.reshape(5, 3).copy(), right)[1].ravel(),
        rng.normal(size=15),
    )
    assert error < 1e-5


@pytest.mark.usefixtures("converged")
@pytest.mark.parametrize("loss", LOSSES)
def test_more_units_than_items_against_scikit_learn(loss):
    codes, labels = blobs(n=20, d=50, n_classes=3)
    model = linear.fit(loss, codes, labels, 0.1)
    if loss is linear.cross_entropy:
        oracle = LogisticRegression(C=0.1, max_iter=5000, tol=1e-9).fit(codes, labels)
    else:
        # Its intercept is punished like a weight: on a large constant it costs nothing.
        oracle = LinearSVC(C=0.1, tol=1e-9, max_iter=200_000, intercept_scaling=1e3, dual=False)
        oracle.fit(codes, labels)
    np.testing.assert_allclose(model.weights[:, :-1], oracle.coef_, atol=1e-4)


@pytest.mark.usefixtures("converged")
@pytest.mark.parametrize("C", [0.01, 1.0, 10.0])
def test_logistic_regression_against_scikit_learn(C):
    codes, labels = blobs()
    model = linear.fit(linear.cross_entropy, codes, labels, C)
    oracle = LogisticRegression(C=C, max_iter=5000, tol=1e-9).fit(codes, labels)
    np.testing.assert_allclose(model.weights[:, :-1], oracle.coef_, atol=1e-4)
    intercepts = model.weights[:, -1] - model.weights[:, -1].mean()
    np.testing.assert_allclose(intercepts, oracle.intercept_ - oracle.intercept_.mean(), atol=1e-4)
    np.testing.assert_array_equal(model.predict(codes), oracle.predict(codes))


@pytest.mark.usefixtures("converged")
@pytest.mark.parametrize("C", [0.01, 1.0, 10.0])
def test_svm_against_scikit_learn(C):
    codes, labels = blobs()
    model = linear.fit(linear.squared_hinge, codes, labels, C)
    # liblinear has a price on the intercept; scaled by 1,000 it is a millionth of it.
    oracle = LinearSVC(C=C, dual=False, tol=1e-9, max_iter=10_000, intercept_scaling=1000)
    oracle.fit(codes, labels)
    np.testing.assert_allclose(model.weights[:, :-1], oracle.coef_, atol=1e-4)
    np.testing.assert_allclose(model.weights[:, -1], oracle.intercept_, atol=1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_intercept_costs_nothing(loss):
    model = linear.fit(loss, np.zeros((300, 3)), np.repeat([0, 1], [200, 100]), 1e-6)
    assert model.weights[0, -1] - model.weights[1, -1] > 0.5
    assert not model.weights[:, :-1].any()


@pytest.mark.parametrize("loss", LOSSES)
def test_a_fit_starts_from_other_weights_and_ends_at_the_same_ones(loss, monkeypatch):
    codes, labels = blobs(n=1000, d=5)
    calls = []

    def counted(scores, right):
        calls.append(0)
        return loss(scores, right)

    monkeypatch.setitem(linear.TOLERANCES, counted, 1e-6)
    cold = linear.fit(counted, codes, labels, 1.0)
    before = cold.weights.copy()
    calls.clear()
    linear.fit(counted, codes, labels, 1.0, cold)
    assert len(calls) == 1
    np.testing.assert_array_equal(cold.weights, before)
    other = linear.fit(counted, codes, labels, 0.01)
    warm = linear.fit(counted, codes, labels, 1.0, other)
    np.testing.assert_allclose(warm.weights[:, :-1], cold.weights[:, :-1], atol=0.01)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_fit_with_other_classes_starts_afresh(loss):
    codes, labels = blobs()
    cold = linear.fit(loss, codes, labels, 1.0)
    for fewer in (labels < 3, labels < 1):
        start = linear.fit(loss, codes[fewer], labels[fewer], 1.0)
        np.testing.assert_array_equal(
            linear.fit(loss, codes, labels, 1.0, start).weights, cold.weights
        )


@pytest.mark.parametrize("loss", LOSSES)
def test_labels_need_not_be_dense_and_one_class_is_always_right(loss):
    codes, labels = blobs(noise=0.1)
    model = linear.fit(loss, codes, labels * 3 + 2, 1.0)
    assert set(model.predict(codes)) == {2, 5, 8, 11}
    assert set(linear.fit(loss, codes, np.full(300, 7), 1.0).predict(codes)) == {7}


@pytest.mark.parametrize("loss", LOSSES)
def test_separable_items_end_within_the_limit(loss):
    codes = np.array([[-1.0], [1.0]]) * 1e3
    model = linear.fit(loss, codes, np.array([0, 1]), 1e12)
    assert np.isfinite(model.weights).all()
    assert list(model.predict(codes)) == [0, 1]
