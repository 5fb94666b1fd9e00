"""The estimators keep scikit-learn's contract: its own checks."""

import numpy as np
import pytest
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.utils.estimator_checks import parametrize_with_checks

from aebench.models import (
    NMF,
    AutoEncoder,
    Clipped,
    HyperplaneHashing,
    Identity,
    KernelPCA,
    Mean,
    RandomProjection,
    RotationHashing,
    SignHashing,
    TopicModel,
    WordCounts,
)

SMALL = {"code_size": 1, "hidden": (4,), "epochs": 2, "batch_size": 20, "device": "cpu"}


ESTIMATORS = [
    AutoEncoder(**SMALL, random_state=0),
    AutoEncoder(**SMALL, random_state=0, loss="multinomial", weighting="log"),
    AutoEncoder(**SMALL, random_state=0, optimizer="conjugate_gradients"),
    AutoEncoder(**SMALL, random_state=0, tied=True, corruption="masking"),
    AutoEncoder(**SMALL, random_state=0, pretraining="denoising", pretraining_epochs=1),
    AutoEncoder(**SMALL, random_state=0, code="sigmoid", penalties={"kl": 1.0, "contractive": 0.1}),
    AutoEncoder(**SMALL, random_state=0, code="k-sparse"),
    AutoEncoder(**SMALL, random_state=0, code="binary", code_noise=4.0),
    AutoEncoder(**SMALL, random_state=0, code="gaussian", penalties={"prior": 0.1}),
    AutoEncoder(**SMALL, random_state=0, code="quantised", penalties={"quantisation": 1.0}),
    AutoEncoder(**SMALL, random_state=0, inference="optimised"),
    Clipped(PCA(n_components=1), 0.0, 1.0),
    HyperplaneHashing(code_size=1, random_state=0),
    Identity(),
    KernelPCA(code_size=1, landmarks=20, random_state=0),
    Mean(code_size=1),
    NMF(1, solver="mu", beta_loss="kullback-leibler", max_iter=20, tol=0, random_state=0),
    RandomProjection(code_size=1, random_state=0),
    RotationHashing(code_size=1, random_state=0),
    SignHashing(code_size=1),
    TopicModel(code_size=1, passes=1, random_state=0),
    WordCounts(TruncatedSVD(n_components=1, random_state=0), "log"),
    WordCounts(TruncatedSVD(n_components=1, random_state=0), "tfidf"),
    WordCounts(RandomProjection(code_size=1, random_state=0), "share"),
]
# They allow a difference of 1e-9, which only double precision keeps on every processor.
IN_SINGLE_PRECISION = ("check_methods_sample_order_invariance", "check_methods_subset_invariance")


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_own_check(estimator, check):
    if check.func.__name__ not in IN_SINGLE_PRECISION:
        check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_codes_depend_neither_on_the_order_nor_on_the_number_of_items(estimator):
    """What scikit-learn's checks of those names ask, in the precision of float32."""
    X = np.random.default_rng(0).poisson(2.0, (40, 9)).astype(np.float32)
    whole = estimator.fit(X).transform(X)
    order = np.random.default_rng(1).permutation(40)
    one_by_one = np.vstack([estimator.transform(X[i : i + 1]) for i in range(40)])
    np.testing.assert_allclose(estimator.transform(X[order]), whole[order], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one_by_one, whole, rtol=1e-4, atol=1e-6)
