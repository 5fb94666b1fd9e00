"""The norm of the encoder's Jacobian against closed forms and automatic differentiation."""

import math

import numpy as np
import pytest
from sklearn.decomposition import PCA

from aebench.metrics.jacobian import jacobian_norm

RANDOM = np.random.default_rng(0)
X = RANDOM.random((200, 40)).astype(np.float32)
X[:, ::3] = 0  # black, as most of a digit is


class Encoder:
    """A function of items as a model."""

    def __init__(self, transform):
        self.transform = transform


def test_the_directions_of_pca_are_orthonormal():
    for d in (1, 5, 30):
        assert jacobian_norm(PCA(d).fit(X), X) == pytest.approx(math.sqrt(d), rel=0.05)


def test_many_directions_find_it_exactly():
    pca = PCA(5).fit(X)
    assert jacobian_norm(pca, X, directions=200) == pytest.approx(math.sqrt(5), rel=0.005)


def test_a_code_that_copies_pixels_is_exact():
    # Of one pixel a unit every sign counts the same.
    assert jacobian_norm(Encoder(lambda X: 3 * X[:, :16]), X[:20]) == pytest.approx(12, rel=1e-3)


def test_logistic_units_against_the_contractive_penalty():
    # Rifai et al. (2011), eq. 4: sum_j (h_j (1 - h_j))^2 sum_i W_ji^2.
    W = RANDOM.normal(size=(40, 25)) / 2

    def logistic(X):
        return (1 / (1 + np.exp(-(X @ W)))).astype(np.float32)

    h = logistic(X.astype(np.float64))
    exact = ((h * (1 - h)) ** 2 @ (W**2).sum(axis=0)).mean() ** 0.5
    assert jacobian_norm(Encoder(logistic), X, directions=20) == pytest.approx(exact, rel=0.02)


def test_a_network_against_automatic_differentiation():
    torch = pytest.importorskip("torch")
    from aebench.models import AutoEncoder

    model = AutoEncoder(code_size=6, hidden=[30], epochs=3, random_state=0, device="cpu").fit(X)
    squares = []
    for item in torch.as_tensor(X[:50]):
        J = torch.autograd.functional.jacobian(lambda x: model.network_.encode(x[None])[0], item)
        squares.append(float((J.double() ** 2).sum()))
    exact = math.sqrt(np.mean(squares))
    assert jacobian_norm(model, X[:50], directions=50) == pytest.approx(exact, rel=0.02)


def test_every_point_it_asks_for_is_an_image():
    asked = []
    jacobian_norm(Encoder(lambda X: asked.append((X.min(), X.max(), X.dtype)) or X), X)
    assert len(asked) == 9
    assert all(low >= 0 and high <= 1 and dtype == np.float32 for low, high, dtype in asked)


def test_the_order_of_items_does_not_matter():
    encoder = Encoder(lambda X: X[:, :3] ** 2 + X[:, 3:6])
    order = RANDOM.permutation(len(X))
    assert jacobian_norm(encoder, X[order]) == jacobian_norm(encoder, X)


def test_a_constant_code_does_not_move():
    assert jacobian_norm(Encoder(lambda X: np.ones((len(X), 2), np.float32)), X) == 0


@pytest.mark.parametrize(
    "transform",
    [
        lambda X: np.rint(64 * X[:, :20]) / 8,  # entries of a codebook
        lambda X: X * (np.median(X, axis=1, keepdims=True) < X),  # the largest units
        lambda X: (1 + 1e-4 * X).astype(np.float32),  # rounding decides
    ],
    ids=["codebook", "largest", "rounding"],
)
def test_codes_that_jump_have_no_norm(transform):
    assert math.isnan(jacobian_norm(Encoder(transform), X))


def test_kinks_are_no_jumps():
    assert jacobian_norm(Encoder(lambda X: np.maximum(X - 0.5, 0)), X) > 0.1
