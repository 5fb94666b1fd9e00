"""What the first units look for, against what their estimators compute."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from aebench.models import NMF, AutoEncoder, Clipped, KernelPCA, Mean, build
from aebench.models.filters import filters

X = np.random.default_rng(0).random((60, 16)).astype(np.float32)


def network(**parameters):
    model = AutoEncoder(2, epochs=0, random_state=0, device="cpu", **parameters)
    return model.fit(X)


@pytest.mark.parametrize("layers", ["dense", "capsules"])
def test_a_networks_units_go_by_the_norm_of_their_weights(layers):
    model = network(hidden=(9,)) if layers == "dense" else capsules()
    units, weights = filters(model, 4)
    first = model.network_.encoder[0].weight.detach().numpy()
    assert len(units) == 4
    np.testing.assert_array_equal(weights, first[units])
    norms = np.linalg.norm(first, axis=1)
    assert list(norms[units]) == sorted(norms, reverse=True)[:4]


def capsules():
    model = AutoEncoder(3, (5,), layers="capsules", code="pose", epochs=0, random_state=0)
    return model.set_params(device="cpu").fit(X)


def test_components_keep_their_order():
    pca = PCA(5).fit(X)
    for model in (pca, Clipped(PCA(5)).fit(X)):
        units, weights = filters(model, 3)
        assert list(units) == [0, 1, 2]
        np.testing.assert_allclose(weights, pca.components_[:3], atol=1e-6)
    parts = NMF(3, random_state=0).fit(X)
    np.testing.assert_array_equal(filters(parts, 9)[1], parts.components_)


def test_whitening_and_turning_are_one_map():
    model = build("FastICA", 4, {}).fit(X)
    _, weights = filters(model, 4)
    np.testing.assert_allclose(model.transform(X), (X - X.mean(axis=0)) @ weights.T, atol=1e-4)


def test_none_where_nothing_dense_sees_the_features():
    for model in (KernelPCA(2, landmarks=9), Mean(2)):
        assert filters(model.fit(X), 3) is None
    assert filters(network(layers="convolutional", hidden=(3,)), 3) is None
