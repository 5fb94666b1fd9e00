"""Codes by optimisation: as good as the decoder allows, whatever the encoder found."""

import copy

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.datasets import load_digits

from aebench.errors import ParameterError
from aebench.models import AutoEncoder


@pytest.fixture(scope="module")
def digits():
    return (load_digits().data / 16).astype(np.float32)


@pytest.fixture(scope="module")
def model(digits):
    """Logistic PCA, not trained to the end, whose encoder leaves something to be found."""
    return AutoEncoder(
        10,
        (),
        loss="cross_entropy",
        inference="optimised",
        epochs=20,
        batch_size=100,
        learning_rate=0.03,
        device="cpu",
        random_state=0,
    ).fit(digits[:1000])


def loss(model, codes, X):
    """Cross-entropy of each item in nats, in double precision."""
    weight, bias = (p.detach().double().numpy() for p in model.network_.decoder[0].parameters())
    outputs = codes.astype(float) @ weight.T + bias
    return (np.logaddexp(0, outputs) - X * outputs).sum(1)


def encoded(model, X):
    """The same network's codes by its encoder alone."""
    codes = model._blockwise(model.network_.encode, X, model.code_size)
    assert codes.dtype == np.float32
    return codes


def test_codes_reach_the_optimum_that_is_convex(model, digits):
    X = digits[1000:1030].astype(float)
    weight, bias = (p.detach().double().numpy() for p in model.network_.decoder[0].parameters())

    def objective(z, x):
        outputs = weight @ z + bias
        value = (np.logaddexp(0, outputs) - x * outputs).sum()
        return value, weight.T @ (expit(outputs) - x)

    best = [minimize(objective, np.zeros(10), args=(x,), jac=True, method="BFGS").fun for x in X]
    np.testing.assert_allclose(loss(model, model.transform(X), X), best, rtol=1e-5)
    assert loss(model, encoded(model, digits[1000:1030]), X).mean() > 1.01 * np.mean(best)


def test_no_item_is_worse_off_than_with_the_encoder(model, digits):
    found, start = model.transform(digits), encoded(model, digits)
    assert (loss(model, found, digits) <= loss(model, start, digits) * (1 + 1e-6)).all()


def test_where_nothing_better_is_found_the_encoders_codes_stay(model, digits, monkeypatch):
    from aebench.models import inference

    monkeypatch.setattr(inference, "STEPS", 1)
    leaping = copy.deepcopy(model)
    leaping.network_.spread.mul_(1e4)
    np.testing.assert_array_equal(leaping.transform(digits), encoded(model, digits))


def test_codes_are_the_same_every_time_and_whatever_the_other_items(model, digits):
    whole = model.transform(digits[:50])
    assert np.array_equal(model.transform(digits[:50]), whole)
    one_by_one = np.vstack([model.transform(digits[i : i + 1]) for i in range(50)])
    np.testing.assert_allclose(one_by_one, whole, rtol=1e-3, atol=1e-4)


def test_the_spread_of_the_codes_is_kept_with_the_model(model, digits, tmp_path):
    spread = encoded(model, digits[:1000]).std(axis=0)
    np.testing.assert_allclose(model.network_.spread.numpy(), spread, rtol=1e-4)
    model.save(tmp_path)
    back = AutoEncoder.load(tmp_path, device="cpu")
    assert np.array_equal(back.transform(digits[:20]), model.transform(digits[:20]))


def test_targets_are_what_the_network_was_trained_to_reconstruct():
    """Word counts as weighted, not as they come."""
    counts = np.random.default_rng(0).poisson(1.0, (80, 12)).astype(np.float32)
    model = AutoEncoder(3, (), weighting="log", inference="optimised", epochs=30, batch_size=20)
    model.set_params(device="cpu", random_state=0, learning_rate=0.02).fit(counts)
    weight, bias = (p.detach().numpy() for p in model.network_.decoder[0].parameters())
    best, *_ = np.linalg.lstsq(weight, (np.log1p(counts) - bias).T, rcond=None)
    np.testing.assert_allclose(model.transform(counts), best.T, atol=1e-2)


def test_a_network_fitted_for_its_encoders_codes_says_so(digits):
    plain = AutoEncoder(2, (), epochs=1, device="cpu", random_state=0).fit(digits[:100])
    with pytest.raises(ParameterError, match="was not 'optimised' in fit; fit anew"):
        plain.set_params(inference="optimised").transform(digits[:5])
