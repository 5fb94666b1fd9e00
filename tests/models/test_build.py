"""What a variant names becomes an estimator, fitted once or once for each seed, and saved."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA, TruncatedSVD

from aebench import models
from aebench.errors import ParameterError
from aebench.models import Mean, RandomProjection, WordCounts, build, fit_seeds

random = np.random.default_rng(0)
X = random.random((60, 8)).astype(np.float32)
COUNTS = scipy.sparse.csr_matrix(random.poisson(1.0, (60, 8)).astype(np.float32))


def test_estimators_by_name():
    assert build("Mean", 2, {}).code_size == 2
    pca = build("PCA", 3, {"svd_solver": "covariance_eigh"})
    assert isinstance(pca, PCA)
    assert (pca.n_components, pca.svd_solver) == (3, "covariance_eigh")
    lsa = build("TruncatedSVD", 4, {"algorithm": "arpack", "weighting": "tfidf"})
    assert isinstance(lsa, WordCounts)
    assert isinstance(lsa.estimator, TruncatedSVD)
    assert (lsa.weighting, lsa.estimator.n_components) == ("tfidf", 4)


def test_an_unknown_estimator_is_refused():
    with pytest.raises(ParameterError) as caught:
        build("Autoencoder", 2, {})
    allowed = ", ".join(sorted(models.ESTIMATORS))
    assert str(caught.value) == f"estimator is 'Autoencoder'; allowed are {allowed}."


@pytest.mark.parametrize("estimator", models.ESTIMATORS)
def test_an_unknown_parameter_is_refused(estimator):
    with pytest.raises(
        ParameterError, match=f"estimator {estimator} has no parameter 'epoch'; allowed are"
    ):
        build(estimator, 2, {"epoch": 3})


def test_the_message_lists_what_a_variant_may_give():
    with pytest.raises(ParameterError, match=r"'hiden'; allowed are hidden, layers, .*device"):
        build("AutoEncoder", 2, {"hiden": [5]})
    with pytest.raises(ParameterError, match=r"allowed are .*svd_solver") as caught:
        build("PCA", 2, {"n_components": 5})
    assert "random_state" not in str(caught.value)


def test_building_leaves_the_parameters_alone():
    parameters = {"weighting": "log"}
    build("Mean", 2, parameters)
    assert parameters == {"weighting": "log"}


class Counting(BaseEstimator):
    """Counts how often it is fitted."""

    fits = 0

    def fit(self, X, y=None):
        Counting.fits += 1
        return self


class Drawing(Counting):
    def __init__(self, random_state=None):
        self.random_state = random_state


@pytest.mark.parametrize(("estimator", "fits"), [(Counting(), 1), (Drawing(0), 1), (Drawing(), 3)])
def test_only_what_draws_is_fitted_for_each_seed(estimator, fits):
    Counting.fits = 0
    fitted = fit_seeds(estimator, X, [3, 1, 2])
    assert len(fitted) == 3
    assert Counting.fits == fits
    if fits == 3:
        assert [model.random_state for model in fitted] == [3, 1, 2]


@pytest.mark.parametrize(
    "name",
    ["FastICA", "Identity", "KernelPCA", "Mean", "NMF", "PCA", "SignHashing", "TruncatedSVD"],
)
def test_exact_methods_are_fitted_once(name):
    parameters = {"tol": 0.1} if name in ("FastICA", "NMF") else {}
    first, second = fit_seeds(build(name, 8 if name == "Identity" else 2, parameters), X, [0, 1])
    assert first is second


@pytest.mark.parametrize(
    ("estimator", "data"),
    [
        (RandomProjection(2), X),
        (WordCounts(RandomProjection(2), "log"), COUNTS),
    ],
)
def test_a_seed_inside_an_estimator_is_set(estimator, data):
    codes = [model.transform(data) for model in fit_seeds(estimator, data, [0, 1, 0])]
    assert np.array_equal(codes[0], codes[2])
    assert not np.array_equal(codes[0], codes[1])
    alone = fit_seeds(estimator, data, [1])[0].transform(data)
    assert np.array_equal(alone, codes[1])


@pytest.mark.parametrize("estimator", [Mean(2), RandomProjection(2)])
def test_empty_seeds_are_refused(estimator):
    with pytest.raises(ParameterError, match="seeds is empty"):
        fit_seeds(estimator, X, [])
