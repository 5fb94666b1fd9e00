"""Binary codes against what their papers promise."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LinearRegression

from aebench.errors import ParameterError
from aebench.models import HyperplaneHashing, RotationHashing, SignHashing, WordCounts, build
from aebench.models.hashing import quantisation_loss, quantising_rotation

random = np.random.default_rng(0)
X = random.normal(size=(300, 6)) @ random.normal(size=(6, 20)) + random.normal(size=(300, 20))
KINDS = [SignHashing(4), RotationHashing(4, random_state=0), HyperplaneHashing(4, random_state=0)]


def agreement(model):
    """Correlation of Euclidean with Hamming distances between the first 80 items."""
    codes, rows, columns = model.fit(X).transform(X).astype(int), *np.triu_indices(80, 1)
    exact = np.linalg.norm(X[rows] - X[columns], axis=1)
    return np.corrcoef(exact, (codes[rows] != codes[columns]).sum(axis=1))[0, 1]


@pytest.mark.parametrize("model", KINDS)
def test_codes_are_bits_decoded_by_least_squares(model):
    codes = model.fit(X).transform(X)
    assert codes.dtype == np.uint8
    assert set(np.unique(codes)) == {0, 1}
    best = LinearRegression().fit(codes, X).predict(codes)
    np.testing.assert_allclose(model.inverse_transform(codes), best, atol=1e-8)


@pytest.mark.parametrize("model", KINDS)
def test_sparse_and_dense_input_give_equal_results(model):
    counts = random.poisson(0.7, (60, 9)).astype(np.float64)
    results = []
    for form in (counts, scipy.sparse.csr_matrix(counts)):
        codes = model.fit(form).transform(form)
        results.append((codes, model.inverse_transform(codes)))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-10)


def test_bits_of_word_counts_stay_bits():
    counts = scipy.sparse.csr_matrix(random.poisson(1.0, (60, 9)).astype(np.float32))
    model = build("SignHashing", 4, {"weighting": "tfidf"}).fit(counts)
    assert isinstance(model, WordCounts)
    codes = model.transform(counts)
    assert codes.dtype == np.uint8
    np.testing.assert_allclose(model.inverse_transform(codes).sum(axis=1), 1, rtol=1e-5)


# ------------------------------------------------------------------- sign of LSA codes


def test_a_sign_is_that_of_the_centred_lsa_code():
    lsa = TruncatedSVD(4, algorithm="arpack", random_state=0).fit_transform(X)
    expected = lsa > lsa.mean(axis=0)
    np.testing.assert_array_equal(SignHashing(4).fit(X).transform(X), expected)


# -------------------------------------------------------------------------- hyperplanes


def test_bits_differ_in_proportion_to_the_angle():
    """Charikar 2002: the expected share of bits that differ is angle / pi, of centred LSA codes."""
    lsa = TruncatedSVD(6, algorithm="arpack", random_state=0).fit_transform(X)
    lsa -= lsa.mean(axis=0)
    rows, columns = np.triu_indices(40, 1)
    cosine = (lsa[rows] * lsa[columns]).sum(1) / np.prod(
        [np.linalg.norm(lsa[i], axis=1) for i in (rows, columns)], axis=0
    )
    expected = np.arccos(cosine) / np.pi
    assert expected.min() < 0.2
    assert expected.max() > 0.8
    codes = [HyperplaneHashing(6, random_state=seed).fit_transform(X) for seed in range(150)]
    differ = np.mean([(Z[rows] != Z[columns]).mean(1) for Z in codes], axis=0)
    np.testing.assert_allclose(differ, expected, atol=5 * 0.5 / np.sqrt(900))


def test_the_seed_draws_the_hyperplanes():
    first, again, other = (HyperplaneHashing(4, s).fit(X).transform(X) for s in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


# ------------------------------------------------------------------ iterative quantisation


@pytest.fixture(scope="module")
def codes():
    found = TruncatedSVD(6, random_state=0).fit_transform(X)
    return found - found.mean(axis=0)


def test_the_rotation_is_orthogonal(codes):
    rotation, _ = quantising_rotation(codes, 5, np.random.RandomState(0))
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(6), atol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_the_quantisation_loss_never_rises_and_ends_below_that_of_signs(codes, seed):
    rotation, losses = quantising_rotation(codes, 50, np.random.RandomState(seed))
    assert len(losses) == 51
    assert (np.diff(losses) <= 1e-10).all()
    assert losses[-1] < losses[0]
    assert losses[-1] == pytest.approx(quantisation_loss(codes @ rotation))
    assert losses[-1] < quantisation_loss(codes)


def test_it_turns_the_corners_of_a_turned_cube_back():
    corners = random.choice([-1.0, 1.0], size=(200, 3))
    turned = corners @ np.linalg.qr(random.normal(size=(3, 3)))[0]
    ends = [quantising_rotation(turned, 50, np.random.RandomState(s))[1][-1] for s in range(10)]
    assert quantisation_loss(turned) > 0.1
    assert min(ends) < 1e-10  # some starts end in a local minimum


def test_its_bits_are_the_signs_of_rotated_codes(codes):
    model = RotationHashing(6, random_state=0).fit(X)
    lsa = TruncatedSVD(6, algorithm="arpack", random_state=0).fit_transform(X)
    lsa /= np.linalg.norm(lsa, axis=1, keepdims=True)
    rotation, losses = quantising_rotation(lsa - lsa.mean(axis=0), 50, np.random.RandomState(0))
    np.testing.assert_array_equal(model.transform(X), (lsa - lsa.mean(axis=0)) @ rotation > 0)
    np.testing.assert_allclose(model.losses_, losses)


def test_distances_of_rotated_codes_agree_best_with_those_of_items():
    assert agreement(RotationHashing(6, random_state=0)) > agreement(SignHashing(6)) > 0
    assert agreement(HyperplaneHashing(6, random_state=0)) > 0


@pytest.mark.parametrize("kind", [SignHashing, RotationHashing, HyperplaneHashing])
@pytest.mark.parametrize("size", [0, 21, True, 2.0])
def test_a_code_size_outside_what_is_allowed_is_refused(kind, size):
    with pytest.raises(ParameterError, match=r"code_size is .*whole numbers from 1 to 20"):
        kind(size).fit(X)
