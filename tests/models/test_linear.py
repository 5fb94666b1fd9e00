"""Linear baselines against theory, and reconstructions clipped to a known range."""

import numpy as np
import pytest
import sklearn.decomposition
from sklearn.decomposition import PCA

from aebench.errors import ParameterError
from aebench.models import NMF, Clipped, build

random = np.random.default_rng(0)


@pytest.fixture(scope="module")
def mixed():
    """Two sources [2000, 2], one uniform, one with heavy tails, and mixtures [2000, 6] of them."""
    random = np.random.default_rng(1)
    sources = np.column_stack([random.uniform(-1, 1, 2000), random.laplace(size=2000)])
    sources /= sources.std(axis=0)
    mixing = np.array([[2.0, 1.0], [1.0, 2.0]]) @ np.linalg.qr(random.normal(size=(6, 2)))[0].T
    return sources, sources @ mixing + 0.01 * random.normal(size=(2000, 6)) + 3


def reconstructed(model, X):
    return model.inverse_transform(model.fit(X).transform(X))


# ----------------------------------------------------------------- clipped to a range


def test_clipping_changes_what_lies_outside_and_nothing_else():
    X = random.random((60, 5)).round()
    plain = reconstructed(build("PCA", 2, {}), X)
    clipped = reconstructed(build("PCA", 2, {"clip": [0, 1]}), X)
    inside = (plain >= 0) & (plain <= 1)
    assert not inside.all()
    np.testing.assert_array_equal(clipped[inside], plain[inside])
    assert set(clipped[~inside]) == {0, 1}
    assert ((clipped - X) ** 2).sum() < ((plain - X) ** 2).sum()


def test_clipping_leaves_codes_alone():
    X = random.random((60, 5))
    model = Clipped(PCA(2), 0.4, 0.6).fit(X)
    np.testing.assert_array_equal(model.transform(X), PCA(2).fit(X).transform(X))
    assert model.n_features_in_ == 5
    assert list(model.get_feature_names_out()) == ["pca0", "pca1"]


def test_a_range_that_does_not_rise_is_refused():
    with pytest.raises(ParameterError, match=r"clip is from 1 to 0; it must rise"):
        build("PCA", 2, {"clip": [1, 0]}).fit(random.random((9, 5)))


# ---------------------------------------------------------------------------- ICA, NMF


def ica(code_size):
    return build("FastICA", code_size, {})


def test_ica_reconstructs_what_pca_does(mixed):
    X = mixed[1]
    np.testing.assert_allclose(reconstructed(ica(2), X), reconstructed(PCA(2), X), atol=1e-6)


def test_ica_finds_independent_sources_where_pca_does_not(mixed):
    sources, X = mixed

    def found(model):
        pairs = np.corrcoef(model.fit_transform(X).T, sources.T)[:2, 2:]
        return np.abs(pairs).max(axis=0).min()

    assert found(ica(2)) > 0.99
    assert found(PCA(2)) < 0.95


def test_ica_codes_are_white(mixed):
    codes = ica(3).fit_transform(mixed[1])
    np.testing.assert_allclose(np.cov(codes.T, bias=True), np.eye(3), atol=1e-2)


def test_ica_bears_pixels_that_never_change(mixed):
    X = np.pad(mixed[1].astype(np.float32), ((0, 0), (0, 3)))
    np.testing.assert_allclose(reconstructed(ica(2), X), reconstructed(PCA(2), X), atol=1e-3)


def test_nmf_recovers_planted_parts():
    parts = np.kron(np.eye(3), np.ones(4))  # three features each, none shared
    X = random.exponential(size=(100, 3)) @ parts
    model = build("NMF", 3, {"init": "nndsvd", "max_iter": 500, "tol": 0}).fit(X)
    codes = model.transform(X)
    assert (codes >= 0).all()
    assert (model.components_ >= 0).all()
    np.testing.assert_allclose(model.inverse_transform(codes), X, atol=1e-2)
    units = model.components_ / np.linalg.norm(model.components_, axis=1, keepdims=True)
    likeness = units @ parts.T / 2  # cosines, for a part has length 2
    np.testing.assert_allclose(np.sort(likeness.max(axis=0)), 1, atol=1e-3)


def test_nmf_of_counts_has_shares_of_planted_topics_as_codes():
    topics = np.kron(np.eye(3), np.full(4, 0.25))
    mixtures = random.dirichlet(np.ones(3), 200)
    lengths = random.integers(200, 2000, (200, 1))
    X = np.vstack(
        [random.multinomial(n, p) for (n,), p in zip(lengths, mixtures @ topics, strict=True)]
    )
    model = NMF(3, init="nndsvda", solver="mu", beta_loss="kullback-leibler", max_iter=300, tol=0)
    model.set_params(random_state=0).fit(X.astype(float))
    codes = model.transform(X.astype(float))
    np.testing.assert_allclose(codes.sum(axis=1), 1)
    np.testing.assert_allclose(model.transform(3.0 * X), codes, atol=1e-3)
    np.testing.assert_allclose(model.inverse_transform(codes).sum(axis=1), 1)
    nearest = np.abs(model.components_[:, None] - topics).sum(axis=2).argmin(axis=0)
    assert np.abs(codes[:, nearest] - mixtures).mean() < 0.05
    assert not model.transform(np.zeros((1, 12))).any()


def test_other_nmf_is_scikit_learns():
    X = random.exponential(size=(30, 5))
    ours, theirs = (kind(2, tol=0.1, random_state=0) for kind in (NMF, sklearn.decomposition.NMF))
    np.testing.assert_array_equal(ours.fit(X).components_, theirs.fit(X).components_)
    np.testing.assert_array_equal(ours.transform(X), theirs.transform(X))
