"""Losses against numpy, scipy and scikit-learn: one value per item, summed over features."""

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.metrics import log_loss

from aebench.training import losses

random = np.random.default_rng(0)
OUTPUT = random.normal(0, 2, (6, 9))
TARGET = random.random((6, 9))
SHARES = TARGET / TARGET.sum(1, keepdims=True)


def value(loss, nonlinearity, target):
    found = losses.make(loss, nonlinearity)(torch.from_numpy(OUTPUT), torch.from_numpy(target))
    assert found.shape == (6,)
    return found.numpy()


@pytest.mark.parametrize(
    ("nonlinearity", "function"), [("linear", lambda x: x), ("sigmoid", expit)]
)
def test_squared_error(nonlinearity, function):
    expected = ((function(OUTPUT) - TARGET) ** 2).sum(1)
    np.testing.assert_allclose(value("squared_error", nonlinearity, TARGET), expected)


def test_cross_entropy():
    p = expit(OUTPUT)
    expected = -(TARGET * np.log(p) + (1 - TARGET) * np.log(1 - p)).sum(1)
    np.testing.assert_allclose(value("cross_entropy", "sigmoid", TARGET), expected)


def test_cross_entropy_of_binary_targets_is_the_log_loss_of_scikit_learn():
    binary = (TARGET > 0.5).astype(float)
    binary[:, 0], binary[:, 1] = 0, 1
    expected = [log_loss(t, p, normalize=False) for t, p in zip(binary, expit(OUTPUT), strict=True)]
    np.testing.assert_allclose(value("cross_entropy", "sigmoid", binary), expected)


def test_multinomial():
    expected = -(SHARES * np.log(softmax(OUTPUT, axis=1))).sum(1)
    np.testing.assert_allclose(value("multinomial", "softmax", SHARES), expected)
    one_word = np.eye(9)[[3, 1, 4, 1, 5, 8]]
    each = [
        log_loss([k], p[None], labels=range(9))
        for k, p in zip(one_word.argmax(1), softmax(OUTPUT, axis=1), strict=True)
    ]
    np.testing.assert_allclose(value("multinomial", "softmax", one_word), each)


@pytest.mark.parametrize("loss", ["cross_entropy", "multinomial"])
def test_saturated_outputs_stay_finite(loss):
    output = torch.tensor([[1e4, -1e4, 0.0]])
    target = torch.tensor([[0.5, 0.5, 0.0]])
    assert torch.isfinite(losses.make(loss, losses.OUTPUTS[loss][0])(output, target)).all()


def test_every_loss_has_a_nonlinearity_that_exists():
    for allowed in losses.OUTPUTS.values():
        assert set(allowed) <= set(losses.ACTIVATED)
    np.testing.assert_allclose(
        losses.ACTIVATED["softmax"](torch.from_numpy(OUTPUT)), softmax(OUTPUT, axis=1)
    )
