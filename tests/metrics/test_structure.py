"""Structure of codes: what theory, other libraries and all orders of tied items say."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.manifold import trustworthiness
from sklearn.metrics.pairwise import cosine_distances
from sklearn.neighbors import NearestNeighbors

from aebench.metrics import structure
from aebench.metrics.structure import (
    factor_recovery,
    local_intrinsic_dimension,
    neighbourhoods,
    sparsity,
    structure_scores,
)

RANDOM = np.random.default_rng(5)
TRAIN, TEST = (RANDOM.uniform(6, 22, (n, 3)).astype(np.float32) for n in (1000, 300))

seeds = st.integers(0, 2**32 - 1)


def make_codes(seed, n=60, d=4, kind="real"):
    """Codes of items, real, of bits, or with copies."""
    random = np.random.default_rng(seed)
    codes = random.normal(size=(n, d)).astype(np.float32)
    if kind == "bits":
        return (codes > 0).astype(np.uint8)
    return codes[random.integers(0, n // 4, n)] if kind == "copies" else codes


# ---------------------------------------------------------------- neighbourhoods


@pytest.mark.parametrize("k", [1, 5, 10, 24])
def test_without_ties_against_scikit_learn(k):
    X = RANDOM.random((50, 8)).astype(np.float32)
    Z = (X @ RANDOM.normal(size=(8, 2))).astype(np.float32)
    trust, continuity = neighbourhoods(X, Z, k)
    assert trust.mean() == pytest.approx(trustworthiness(X, Z, n_neighbors=k), abs=1e-12)
    assert continuity.mean() == pytest.approx(trustworthiness(Z, X, n_neighbors=k), abs=1e-12)


def ranks_in_every_order(distances):
    """Ranks [n_orders, n] from 1, one row for each order that agrees with the distances."""
    groups = [np.flatnonzero(distances == value) for value in np.unique(distances)]
    orders = itertools.product(*map(itertools.permutations, groups))
    return 1 + np.argsort([list(itertools.chain(*order)) for order in orders], axis=1)


def wrong_in_every_order(shown, true, k):
    """Mean over all pairs of orders of what is wrong with the k nearest that are shown."""
    shown, true = (ranks_in_every_order(distances)[:, None] for distances in (shown, true))
    return (np.maximum(true.swapaxes(0, 1) - k, 0) * (shown <= k)).sum(axis=2).mean()


@st.composite
def tied_spaces(draw):
    """Items and their codes on small grids."""
    n = draw(st.integers(3, 6))
    row = st.lists(st.integers(0, 2), min_size=2, max_size=2)
    X, Z = (draw(st.lists(row, min_size=n, max_size=n)) for _ in range(2))
    return np.array(X, np.float32), np.array(Z, np.uint8)


@settings(max_examples=50, deadline=None)
@given(tied_spaces())
def test_ties_against_every_order_of_the_tied_items(spaces):
    X, Z = spaces
    n, k = len(X), (len(X) - 1) // 2
    found = neighbourhoods(X, Z)
    for i in range(n):
        others = np.arange(n) != i
        x, z = (((A[others] - A[i].astype(float)) ** 2).sum(axis=1) for A in (X, Z))
        for value, shown, true in ((found[0][i], z, x), (found[1][i], x, z)):
            wrong = wrong_in_every_order(shown, true, k)
            assert value == pytest.approx(1 - 2 / (k * (2 * n - 3 * k - 1)) * wrong, abs=1e-12)


def test_a_neighbourhood_by_hand():
    # Places on a line; codes swap the last two. Of k = 2 the first three see no change.
    X, Z = (np.array([places], np.float32).T for places in ([0, 1, 3, 7, 15], [0, 1, 3, 15, 7]))
    trust, continuity = neighbourhoods(X, Z)
    # Item 3 is shown 4, 2, 1, 0 and has 2, 1, 0, 4; item 4 is shown 2, 1, 0, 3, has 3, 2, 1, 0.
    assert list(trust) == pytest.approx([1, 1, 1, 1 - 2 / 3, 1 - 1 / 3])
    assert list(continuity) == pytest.approx([1, 1, 1, 1 - 1 / 3, 1 - 2 / 3])


@pytest.mark.parametrize("codes", [np.zeros((60, 2), np.float32), np.ones((60, 9), np.uint8)])
def test_codes_that_are_all_equal_are_at_chance(codes):
    X = RANDOM.random((60, 5))
    chance = 1 - 49 * 50 / (59 * (2 * 60 - 3 * 10 - 1))
    drawn = neighbourhoods(X, RANDOM.random((60, 5)))
    for equal, random in zip(neighbourhoods(X, codes), drawn, strict=True):
        assert equal == pytest.approx(np.full(60, chance))
        assert random.mean() == pytest.approx(chance, abs=0.03)


@pytest.mark.parametrize("kind", ["real", "copies"])
def test_the_items_themselves_lose_nothing_but_the_order_of_copies(kind):
    X = make_codes(0, kind=kind)
    for values in neighbourhoods(X, X):
        assert (values == 1).all() if kind == "real" else 0.9 < values.mean() < 1


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from(["real", "bits", "copies"]))
def test_the_order_of_items_does_not_matter(seed, kind):
    X, Z = make_codes(seed, d=6), make_codes(seed + 1, kind=kind)
    order = np.random.default_rng(seed).permutation(len(X))
    scores, items = structure_scores(X, Z, Z)[::2]
    scores_again, items_again = structure_scores(X[order], Z[order], Z[order])[::2]
    assert scores_again == scores  # to the last bit
    for name, values in items.items():
        np.testing.assert_array_equal(items_again[name], values[order])
        assert 0 <= scores[name] <= 1


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_rotation_scale_and_shift_of_codes_do_not_matter(seed):
    X, Z = make_codes(seed, d=6), make_codes(seed + 1).astype(np.float64)
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))[0]
    names = ("trustworthiness", "continuity", "local_intrinsic_dimension")
    scores = structure_scores(X, Z, Z).scores
    moved = (Z @ rotation) * 3 + 1
    again = structure_scores(X, moved, moved).scores
    assert [again[name] for name in names] == pytest.approx([scores[name] for name in names])


def test_noise_takes_neighbours_away():
    X = RANDOM.random((80, 5))
    noise = RANDOM.normal(size=X.shape)
    means = np.array([np.mean(neighbourhoods(X, X + s * noise), axis=1) for s in (0, 0.1, 0.5, 5)])
    assert (np.diff(means, axis=0) < -0.01).all()


def test_documents_are_compared_by_the_cosine_of_log_counts():
    counts = RANDOM.poisson(1.0, (40, 30)).astype(np.float32)
    counts[:10] *= 5  # long ones
    Z = RANDOM.normal(size=(40, 3)).astype(np.float32)
    distances = cosine_distances(np.log1p(counts.astype(np.float64)))
    expected = trustworthiness(distances, Z, n_neighbors=10, metric="precomputed")
    found = structure_scores(sparse.csr_matrix(counts), Z, Z).scores["trustworthiness"]
    assert found == pytest.approx(expected, abs=1e-12)


def test_blocks_do_not_matter(monkeypatch):
    X, Z = make_codes(0), make_codes(1, kind="bits")
    whole = neighbourhoods(X, Z)
    monkeypatch.setattr(structure, "_BLOCK_ENTRIES", 130)
    np.testing.assert_array_equal(neighbourhoods(X, Z), whole)


def test_too_few_items_have_no_neighbourhoods():
    X = RANDOM.random((3, 2))
    assert np.isfinite(neighbourhoods(X, X)).all()
    assert np.isnan(neighbourhoods(X[:2], X[:2])).all()


# ---------------------------------------------------------------- dimension


def test_the_dimension_against_its_formula():
    Z = RANDOM.normal(size=(200, 6))
    near = NearestNeighbors(n_neighbors=11).fit(Z).kneighbors(Z)[0][:, 1:]
    inverses = np.log(near[:, -1:] / near[:, :-1]).mean(axis=1)
    assert local_intrinsic_dimension(Z) == pytest.approx(1 / inverses.mean())


def sphere(d, n=3000):
    points = np.random.default_rng(d).normal(size=(n, d + 1))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("d", [1, 2, 4])
def test_the_dimension_of_a_sphere_in_a_larger_space(d):
    embedded = sphere(d) @ np.linalg.qr(RANDOM.normal(size=(20, 20)))[0][: d + 1] + 7
    assert local_intrinsic_dimension(embedded.astype(np.float32)) == pytest.approx(d, rel=0.05)


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("draw", ["random", "normal"])
def test_the_dimension_of_a_cube_and_of_a_gaussian(d, draw):
    Z = getattr(np.random.default_rng(0), draw)(size=(3000, d)).astype(np.float32)
    assert local_intrinsic_dimension(Z) == pytest.approx(d, rel=0.1)


def test_copies_of_a_code_are_one_point():
    Z = make_codes(0)
    assert local_intrinsic_dimension(np.repeat(Z, 3, axis=0)) == local_intrinsic_dimension(Z)
    zeros = np.array([[0.0], [-0.0], [1.0], [3.0]])
    assert math.isfinite(local_intrinsic_dimension(zeros))


def test_dimensions_of_points_that_are_few_or_equally_far():
    assert local_intrinsic_dimension(np.zeros((50, 3), np.float32)) == 0
    assert local_intrinsic_dimension(np.repeat(np.eye(2), 9, axis=0)) == 0
    assert math.isnan(local_intrinsic_dimension(np.eye(8)))


# ---------------------------------------------------------------- units


def test_sparsity_by_hand():
    Z = np.array([[2, 2, -2, 2], [0, -3, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0]], np.float32)
    assert list(sparsity(Z)) == pytest.approx([0, 1, np.nan, 2 - 2**0.5], nan_ok=True)
    assert list(sparsity(Z.astype(bool).astype(np.uint8))) == pytest.approx(
        [0, 1, np.nan, 2 - 2**0.5], nan_ok=True
    )
    assert np.isnan(sparsity(np.ones((3, 1)))).all()


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(1e-3, 1e3))
def test_sparsity_lies_in_0_to_1_whatever_the_scale(seed, scale):
    Z = make_codes(seed).astype(np.float64)
    assert ((sparsity(Z) >= 0) & (sparsity(Z) <= 1)).all()
    np.testing.assert_allclose(sparsity(scale * Z), sparsity(Z), rtol=1e-9, atol=1e-12)


def test_units_by_hand():
    X = RANDOM.random((4, 2))
    Z = np.array([[1, 0], [0, -4], [0, 0], [1, 1]], np.float32)
    train = np.array([[1, 7], [1, 7], [2, 7]], np.float32)
    scores = structure_scores(X, Z, train).scores
    assert scores["mean_activation"] == 7 / 8
    assert scores["code_sparsity"] == pytest.approx(2 / 3)  # of those that are not zero
    assert scores["dead_units"] == 1 / 2


def test_a_code_of_zeros():
    zeros = np.zeros((30, 2), np.float32)
    scores = structure_scores(RANDOM.random((30, 4)), zeros, zeros).scores
    assert (scores["mean_activation"], scores["dead_units"]) == (0, 1)
    assert math.isnan(scores["code_sparsity"])
    assert scores["local_intrinsic_dimension"] == 0


class Half:
    """An encoder of images: half of the first pixels."""

    def transform(self, X):
        return X[:, :4] / 2


def test_names():
    X, Z, bits = RANDOM.random((30, 6)), make_codes(0, 30), make_codes(0, 30, kind="bits")
    always = {"trustworthiness", "continuity", "mean_activation", "code_sparsity", "dead_units"}
    dimension = {"local_intrinsic_dimension"}
    found = structure_scores(X, Z, Z, Half())
    assert set(found.scores) == always | dimension | {"jacobian_norm"}
    assert found.scores["jacobian_norm"] == pytest.approx(1)
    assert {name: len(values) for name, values in found.items.items()} == {
        "trustworthiness": 30,
        "continuity": 30,
    }
    assert found.scores["continuity"] == pytest.approx(found.items["continuity"].mean())
    assert set(structure_scores(X, Z, Z).scores) == always | dimension
    assert set(structure_scores(sparse.csr_matrix(X), Z, Z, Half()).scores) == always | dimension
    assert set(structure_scores(X, bits, bits, Half()).scores) == always


# ---------------------------------------------------------------- factors


def recovery(code):
    """Recovery from what `code` makes of the factors."""
    return factor_recovery(code(TRAIN), TRAIN, code(TEST), TEST)


def test_a_linear_image_of_the_factors_gives_1():
    mixing = RANDOM.standard_normal((3, 5))  # five columns of rank three
    assert recovery(lambda F: (F @ mixing - 40).astype(np.float32)) == pytest.approx(1, abs=1e-6)


def test_a_constant_code_gives_exactly_0():
    assert recovery(lambda F: np.full((len(F), 2), 0.3, np.float32)) == 0


def test_a_code_that_says_nothing_gives_about_0():
    assert recovery(lambda F: RANDOM.standard_normal((len(F), 4)).astype(np.float32)) < 0.02


def test_one_factor_of_three_gives_a_third():
    assert recovery(lambda F: F[:, :1]) == pytest.approx(1 / 3, abs=0.02)


def test_bits_are_codes_too():
    # A uniform variable's half explains 3/4 of its variance.
    assert recovery(lambda F: (F > 14).astype(np.uint8)) == pytest.approx(3 / 4, abs=0.03)


def test_the_scale_of_a_factor_does_not_weigh_it():
    scale = np.array([1e4, 1, 1])
    found = factor_recovery(TRAIN[:, :1], TRAIN * scale, TEST[:, :1], TEST * scale)
    assert found == pytest.approx(recovery(lambda F: F[:, :1]), abs=1e-6)


def test_rarely_active_units_do_little_harm():
    # Nearly as many units as items: least squares alone would learn their noise.
    def code(F):
        random = np.random.default_rng(len(F))
        rare = random.random((len(F), 900)) < 0.002
        return np.c_[F + random.normal(0, 2, F.shape), rare].astype(np.float32)

    assert recovery(lambda F: code(F)[:, :3]) == pytest.approx(0.84, abs=0.03)  # 21.3 / (21.3 + 4)
    assert recovery(code) > 0.4
