"""Controls: the mean, and random directions decoded by least squares."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from aebench.errors import ParameterError
from aebench.models import Identity, Mean, RandomProjection

random = np.random.default_rng(0)
X = (random.normal(size=(80, 6)) @ random.normal(size=(6, 12)) + 2).astype(np.float32)


def error(model):
    return ((model.inverse_transform(model.transform(X)) - X) ** 2).sum(1).mean()


def test_the_mean_reconstructs_the_mean_and_its_code_says_nothing():
    model = Mean(code_size=3).fit(X)
    codes = model.transform(X)
    assert codes.shape == (80, 3)
    assert (codes == 0).all()
    np.testing.assert_allclose(
        model.inverse_transform(codes), np.tile(X.mean(0), (80, 1)), rtol=1e-5
    )
    assert error(model) == pytest.approx(X.var(0).sum(), rel=1e-5)
    assert list(model.get_feature_names_out()) == ["mean0", "mean1", "mean2"]


def test_a_projection_is_decoded_by_least_squares():
    model = RandomProjection(3, random_state=0).fit(X)
    codes = model.transform(X)
    np.testing.assert_allclose(codes.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(codes, (X - X.mean(0)) @ model.directions_, atol=1e-4)
    best = LinearRegression().fit(codes, X).predict(codes)
    np.testing.assert_allclose(model.inverse_transform(codes), best, atol=1e-3)


def test_a_projection_lies_between_mean_and_pca():
    pca = PCA(3).fit(X)
    best = ((pca.inverse_transform(pca.transform(X)) - X) ** 2).sum(1).mean()
    errors = [error(RandomProjection(3, random_state=seed).fit(X)) for seed in range(5)]
    assert best < min(errors)
    assert max(errors) < error(Mean(3).fit(X))


def test_as_many_directions_as_features_lose_nothing():
    well = random.normal(size=(60, 5))
    model = RandomProjection(5, random_state=0).fit(well)
    np.testing.assert_allclose(model.inverse_transform(model.transform(well)), well, atol=1e-8)


def test_the_seed_draws_the_directions():
    first, again, other = (RandomProjection(2, s).fit(X).directions_ for s in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_raw_items_lose_nothing():
    model = Identity(12).fit(X)
    codes = model.transform(X)
    assert np.array_equal(codes, X)
    assert codes.dtype == np.float32
    assert error(model) == 0


def test_raw_items_have_the_size_of_the_items():
    for size in (3, 13):
        with pytest.raises(
            ParameterError, match=rf"code_size is {size}; allowed is 12, the number"
        ):
            Identity(size).fit(X)


@pytest.mark.parametrize("model", [Identity(), Mean(2), RandomProjection(2, random_state=0)])
def test_sparse_and_dense_input_give_equal_results(model):
    counts = random.poisson(0.7, (50, 9)).astype(np.float32)
    results = []
    for form in (counts, scipy.sparse.csr_matrix(counts)):
        codes = model.fit(form).transform(form)
        assert isinstance(codes, np.ndarray)
        results.append((codes, model.inverse_transform(codes)))
    for dense, sparse in zip(*results, strict=True):
        np.testing.assert_allclose(dense, sparse, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [Mean, RandomProjection])
@pytest.mark.parametrize("size", [0, 13, True, 2.0, "2", None])
def test_a_code_size_outside_what_is_allowed_is_refused(kind, size):
    with pytest.raises(ParameterError, match=r"code_size is .*whole numbers from 1 to 12"):
        kind(size).fit(X)
