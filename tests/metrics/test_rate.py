"""Quantised codes against what is known of Gaussian and discrete ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.stats import norm
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from aebench.metrics import rate
from aebench.metrics.rate import distribution, lloyd_max, rate_scores

RANDOM = np.random.default_rng(0)
BITS = range(1, 9)

# Max 1960, table I: squared error and entropy of the best 2, 4, 8, 16, 32 levels for a Gaussian.
GAUSSIAN_ERROR = (0.3634, 0.1175, 0.03454, 0.009497, 0.002499)
GAUSSIAN_ENTROPY = (1.0, 1.911, 2.825, 3.765, 4.730)


class Identity:
    """Reconstructs the code; keeps what it was given."""

    def __init__(self):
        self.given = []

    def inverse_transform(self, Z):
        self.given.append(Z)
        return Z


def errors(scores):
    return np.array([scores[f"squared_error_at_{b}_bits"] for b in BITS])


def entropies(scores):
    return np.array([scores[f"entropy_at_{b}_bits"] for b in BITS])


def scored(train, test, kind="images", model=None):
    return rate_scores(model or Identity(), test, kind, train, test).scores


def test_a_gaussian_as_max_found_it():
    train = norm.ppf((np.arange(20_000) + 0.5) / 20_000)[:, None].astype(np.float32)
    test = norm.ppf((np.arange(4999) + 0.5) / 4999)[:, None].astype(np.float32)
    found = scored(train, test)
    np.testing.assert_allclose(errors(found)[:5], GAUSSIAN_ERROR, rtol=0.02)
    np.testing.assert_allclose(entropies(found)[:5], GAUSSIAN_ENTROPY, atol=0.03)


def test_units_add_up_whatever_their_scale():
    one = RANDOM.standard_normal((3000, 1)).astype(np.float32)
    many = one * np.array([1, 10, 0.01], np.float32) + np.array([0, 500, -3], np.float32)
    alone, together = scored(one[:2000], one[2000:]), scored(many[:2000], many[2000:])
    np.testing.assert_allclose(entropies(together), 3 * entropies(alone), rtol=1e-3)
    np.testing.assert_allclose(errors(together)[:6], 101.0001 * errors(alone)[:6], rtol=1e-3)


def test_levels_are_no_worse_than_those_of_k_means():
    points = np.random.default_rng(1).exponential(size=2000)
    found = distribution(points[:, None])
    for n_levels in (2, 4, 8):
        levels, counts = lloyd_max(found.points, n_levels)
        levels = levels[0] * found.scale[0] + found.offset[0]
        error = ((points[:, None] - levels) ** 2).min(axis=1).mean()
        means = KMeans(n_levels, n_init=5, random_state=0).fit(points[:, None])
        assert error <= 1.03 * means.inertia_ / 2000
        assert counts.sum() == 2000


@given(st.integers(0, 2**32 - 1))
def test_nearest_level_and_rising(seed):
    rng = np.random.default_rng(seed)
    codes = rng.choice([0.0, 0.1, 0.5, 3.0], (30, 4)) + rng.choice([0, 1]) * rng.random((30, 4))
    found = distribution(codes)
    levels, counts = lloyd_max(found.points, 8)
    assert (np.diff(levels, axis=1) >= 0).all()
    assert (counts.sum(axis=1) == 30).all()
    cells = rate._cells(levels, found.points)
    chosen = np.take_along_axis(levels, cells, axis=1)
    distances = np.abs(found.points[:, :, None] - levels[:, None])
    np.testing.assert_allclose(np.abs(found.points - chosen), distances.min(axis=2), atol=1e-12)
    for unit in range(4):
        np.testing.assert_array_equal(np.bincount(cells[unit], minlength=8), counts[unit])


def test_many_training_codes_are_stood_for_by_means_of_neighbours():
    codes = RANDOM.random((10_000, 70)).astype(np.float32)
    found = distribution(codes)
    assert found.points.shape == (70, 2048)
    restored = found.points * found.scale[:, None] + found.offset[:, None]
    np.testing.assert_allclose(restored.mean(axis=1), codes.mean(axis=0), rtol=1e-3)
    assert (np.diff(found.points, axis=1) >= 0).all()
    np.testing.assert_allclose(found.points[:, 0], 2 * np.arange(70))
    few = distribution(codes[:100])
    restored = few.points * few.scale[:, None] + few.offset[:, None]
    np.testing.assert_allclose(restored, np.sort(codes[:100].T, axis=1), atol=1e-6)


@pytest.fixture(scope="module")
def digits():
    """A fitted PCA, items and codes whose variances fall as those of images do."""
    scales = np.linspace(2, 0.1, 40)
    X = (RANDOM.standard_normal((3000, 40)) * scales).astype(np.float32)
    pca = PCA(8).fit(X[:2500])
    return pca, X[2500:], pca.transform(X[:2500]), pca.transform(X[2500:])


def test_more_bits_are_better_and_eight_are_nearly_enough(digits):
    pca, X, train, test = digits
    found = rate_scores(pca, X, "images", train, test).scores
    assert (np.diff(errors(found)) < 0).all()
    assert (np.diff(entropies(found)) > 0.8 * 8).all()
    whole = ((pca.inverse_transform(test) - X) ** 2).sum(axis=1).mean()
    assert whole < errors(found)[-1] < 1.001 * whole
    assert (entropies(found) < 8 * np.arange(1, 9) + 0.1).all()


def test_the_order_of_the_items_changes_no_bit(digits):
    _, _, train, test = digits
    found = scored(train, test)
    assert scored(RANDOM.permutation(train), RANDOM.permutation(test)) == found


def test_bits_are_their_own_rate():
    train, test = ((RANDOM.random((n, 3)) < [0.5, 0.1, 0.9]) for n in (4000, 500))
    train, test = train.astype(np.uint8), test.astype(np.uint8)
    model = Identity()
    found = rate_scores(model, np.zeros((500, 3)), "images", train, test).scores
    assert set(found) == {"squared_error_at_1_bits", "entropy_at_1_bits"}
    assert found["squared_error_at_1_bits"] == test.sum() / 500
    assert all(given.dtype == np.uint8 for given in model.given)
    ones = (train.sum(axis=0) + 0.5) / 4001
    expected = -(test * np.log2(ones) + (1 - test) * np.log2(1 - ones)).sum(axis=1).mean()
    assert found["entropy_at_1_bits"] == pytest.approx(expected)


def test_units_that_are_constant_cost_nothing():
    codes = RANDOM.standard_normal((400, 3)).astype(np.float32)
    dead = np.c_[codes, np.full((400, 2), 7, np.float32)]
    alive = dead.copy()
    alive[300:, 4] = 9  # a unit that moves in test alone cannot be coded
    model = Identity()
    found = scored(dead[:300], alive[300:], model=model)
    assert entropies(found) == pytest.approx(entropies(scored(codes[:300], codes[300:])), abs=1e-9)
    assert all((given[:, 3:] == 7).all() for given in model.given)
    constant = scored(dead[:300, 3:], dead[300:, 3:])
    assert not errors(constant).any()
    assert not entropies(constant).any()
    on = np.ones((400, 2), np.uint8)
    assert scored(on, on) == {"squared_error_at_1_bits": 0, "entropy_at_1_bits": 0}


def test_lengths_come_from_training():
    # Three of four training codes are 0: 0 costs log2(4.../3...) bits, smoothed by a half.
    train = np.array([[0.0], [0.0], [0.0], [1.0]], np.float32)
    found = scored(train, np.array([[0.0]], np.float32))
    assert found["entropy_at_1_bits"] == pytest.approx(np.log2(5 / 3.5))
    found = scored(train, np.array([[0.9]], np.float32))
    assert found["entropy_at_1_bits"] == pytest.approx(np.log2(5 / 1.5))
    assert found["squared_error_at_1_bits"] == pytest.approx(0.01)


def test_documents_are_measured_in_perplexity():
    counts = sparse.csr_matrix(RANDOM.poisson(1, (50, 6)).astype(np.float32))
    codes = RANDOM.dirichlet(np.ones(6), 50).astype(np.float32)
    found = rate_scores(Identity(), counts, "documents", codes, codes).scores
    assert set(found) == {f"{m}_at_{b}_bits" for m in ("perplexity", "entropy") for b in BITS}


def test_frequencies_are_those_of_all_training_codes():
    # 10 ones in 20,480 codes: one of the 2,048 points stands for them.
    train = np.zeros((20_480, 1), np.float32)
    train[:10] = 1
    found = scored(train, np.ones((1, 1), np.float32))
    assert found["entropy_at_1_bits"] == pytest.approx(np.log2(20_481 / 10.5))


def test_codes_beyond_training_have_the_outermost_level_of_their_unit():
    train = RANDOM.random((100, 3)).astype(np.float32)
    beyond = np.array([[-50, 50, 0.5], [50, -50, 0.5]], np.float32)
    model = Identity()
    rate_scores(model, np.zeros((2, 3)), "images", train, beyond)
    for quantised in model.given:
        assert (quantised >= train.min(axis=0)).all()
        assert (quantised <= train.max(axis=0)).all()
    np.testing.assert_allclose(model.given[-1][0, :2], [train[:, 0].min(), train[:, 1].max()], 0.01)


def test_halfway_between_two_levels_belongs_to_the_lower():
    levels = np.array([[0.0, 1.0], [2.0, 3.0]])
    points = np.array([[0.0, 0.5, 1.0], [2.0, 2.5, 3.0]])
    np.testing.assert_array_equal(rate._cells(levels, points), [[0, 0, 1], [0, 0, 1]])
    np.testing.assert_array_equal(rate._ends(points, levels), [[0, 2, 3], [0, 2, 3]])
