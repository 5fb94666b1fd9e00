"""Kernel PCA against the PCA that it tends to, and against scikit-learn's without landmarks."""

import numpy as np
import pytest
import sklearn.decomposition
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from aebench.errors import ParameterError
from aebench.models import KernelPCA

random = np.random.default_rng(0)
X = random.normal(size=(120, 3)) @ random.normal(size=(3, 6)) + 0.1 * random.normal(size=(120, 6))
angle = random.uniform(0, np.pi, 400)
ARC = np.column_stack([np.cos(angle), np.sin(angle)])


def error(model, X):
    back = model.inverse_transform(model.fit(X).transform(X))
    return ((back - X) ** 2).sum(axis=1).mean()


def test_a_wide_kernel_gives_the_subspace_of_pca():
    codes = KernelPCA(2, gamma=1e-4, random_state=0).fit(X).transform(X)
    expected = PCA(2).fit_transform(X)
    assert LinearRegression().fit(codes, expected).score(codes, expected) > 0.9999


def test_wide_kernels_reconstruct_as_pca_does():
    model = KernelPCA(2, gamma=1e-4, decoder_gamma=1e-4, alpha=1e-6, random_state=0)
    assert error(model, X) == pytest.approx(error(PCA(2), X), rel=0.02)


def test_with_all_items_as_landmarks_it_is_scikit_learns():
    unit = 2 * X.var(axis=0).sum()
    exact = sklearn.decomposition.KernelPCA(2, kernel="rbf", gamma=1 / unit).fit(X)
    found = KernelPCA(2, gamma=1.0, landmarks=120, random_state=0).fit(X).transform(X)
    np.testing.assert_allclose(np.abs(found), np.abs(exact.transform(X)), atol=1e-6)


def test_one_number_follows_an_arc_that_pca_cuts_across():
    curved = KernelPCA(1, gamma=0.1, decoder_gamma=3.0, alpha=1e-4, random_state=0)
    assert error(curved, ARC) < 0.02 * error(PCA(1), ARC)


def test_the_unit_of_the_features_does_not_matter():
    codes = [KernelPCA(2, random_state=0).fit(c * X).transform(c * X) for c in (1, 100)]
    np.testing.assert_allclose(*codes, atol=1e-8)


def test_landmarks_are_training_items_and_bounded_by_them():
    model = KernelPCA(2, landmarks=50, random_state=0).fit(X)
    rows = {tuple(row) for row in X}
    assert {tuple(row) for row in model.landmarks_} < rows
    assert model.code_landmarks_.shape == (50, 2)
    assert len(KernelPCA(2, random_state=0).fit(X).landmarks_) == len(X)


def test_the_seed_draws_the_landmarks():
    first, again, other = (
        KernelPCA(2, landmarks=20, random_state=seed).fit(X).transform(X) for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_codes_of_single_precision_stay_so():
    model = KernelPCA(2, random_state=0).fit(X.astype(np.float32))
    codes = model.transform(X.astype(np.float32))
    assert codes.dtype == model.inverse_transform(codes).dtype == np.float32


@pytest.mark.parametrize("size", [0, 7, True, 2.0])
def test_a_code_size_outside_what_is_allowed_is_refused(size):
    with pytest.raises(ParameterError, match=r"code_size is .*whole numbers from 1 to 6"):
        KernelPCA(size).fit(X)
