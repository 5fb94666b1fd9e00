"""Word counts as features, and reconstructions as shares of words."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer

from aebench.errors import ParameterError
from aebench.models import Mean, RandomProjection, WordCounts
from aebench.models.words import WEIGHTINGS, weight


def counts(n=200, n_words=15, seed=0):
    random = np.random.default_rng(seed)
    topics = random.dirichlet(np.full(n_words, 0.2), 3)
    lengths = random.integers(10, 80, n)
    rows = [random.multinomial(k, topics[i % 3]) for i, k in enumerate(lengths)]
    return scipy.sparse.csr_matrix(np.array(rows, dtype=np.float32))


def shares_of(X):
    dense = X.toarray()
    return dense / dense.sum(1, keepdims=True)


def svd(size):
    return TruncatedSVD(size, algorithm="arpack", random_state=0)


# ---------------------------------------------------------------------- weighting


@pytest.mark.parametrize("form", [lambda X: X, lambda X: X.toarray()], ids=["sparse", "dense"])
def test_weightings_are_what_they_say(form):
    dense = counts().toarray()
    dense[5] = 0
    X = scipy.sparse.csr_matrix(dense)
    shares = dense / np.maximum(dense.sum(1, keepdims=True), 1e-12)
    for name, expected in (("counts", dense), ("log", np.log1p(dense)), ("share", shares)):
        found = weight(form(X), name)
        assert found.dtype == np.float32
        found = found.toarray() if scipy.sparse.issparse(found) else found
        np.testing.assert_allclose(found, expected, rtol=1e-6)


# --------------------------------------------------------------------- there and back


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_at_full_rank_the_shares_come_back(weighting):
    X = counts()
    model = WordCounts(PCA(15, svd_solver="covariance_eigh"), weighting).fit(X.toarray())
    model.smoothing_ = 0.0
    back = model.inverse_transform(model.transform(X.toarray()))
    np.testing.assert_allclose(back, shares_of(X), atol=2e-5)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("estimator", [svd(2), Mean(2), RandomProjection(2, random_state=0)])
def test_reconstructions_are_shares(estimator, weighting):
    X = counts()
    model = WordCounts(estimator, weighting).fit(X)
    codes = model.transform(X)
    assert codes.dtype == np.float32
    assert codes.shape == (200, 2)
    for Z in (codes, 50 * codes, -50 * codes):  # the last two far from any document
        shares = model.inverse_transform(Z)
        assert shares.dtype == np.float32
        assert (shares >= 0).all()
        np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)


def test_lsa_codes_are_scikit_learns():
    X = counts()
    expected = svd(4).fit_transform(TfidfTransformer().fit_transform(X))
    np.testing.assert_allclose(WordCounts(svd(4), "tfidf").fit_transform(X), expected, atol=1e-5)
    expected = svd(4).fit_transform(np.log1p(X.toarray()))
    np.testing.assert_allclose(WordCounts(svd(4), "log").fit_transform(X), expected, atol=1e-4)


def test_the_mean_of_shares_is_reconstructed():
    X = counts()
    model = WordCounts(Mean(2), "share").fit(X)
    model.smoothing_ = 0.0
    mean = shares_of(X).mean(0)
    np.testing.assert_allclose(model.inverse_transform(np.zeros((1, 2)))[0], mean, atol=1e-5)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_sparse_and_dense_input_give_equal_results(weighting):
    X = counts()
    sparse, dense = (WordCounts(svd(3), weighting).fit(form) for form in (X, X.toarray()))
    codes = sparse.transform(X)
    np.testing.assert_allclose(dense.transform(X.toarray()), codes, atol=1e-4)
    assert dense.smoothing_ == pytest.approx(sparse.smoothing_, abs=1e-3)
    back = sparse.inverse_transform(codes)
    np.testing.assert_allclose(dense.inverse_transform(codes), back, atol=1e-4)


# ---------------------------------------------------------------------- smoothing


def nats(model, X, smoothing):
    """Cross-entropy per word of documents X under this weight of the background."""
    kept, model.smoothing_ = model.smoothing_, smoothing
    shares = model.inverse_transform(model.transform(X)).astype(np.float64)
    model.smoothing_ = kept
    with np.errstate(divide="ignore"):
        log = np.log(shares)
    dense = X.toarray()
    return -(dense[dense > 0] @ log[dense > 0]) / dense.sum()


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_smoothing_helps_on_documents_never_seen(weighting):
    everything = counts(600)
    X, new = everything[:400], everything[400:]
    model = WordCounts(svd(3), weighting).fit(X)
    assert 0 < model.smoothing_ < 1
    chosen = nats(model, new, model.smoothing_)
    assert chosen < nats(model, new, 0.0)
    assert chosen < nats(model, new, 1.0)
    grid = [nats(model, new, smoothing) for smoothing in np.linspace(0.001, 1, 100)]
    assert chosen < min(grid) + 0.02


def test_smoothing_is_chosen_on_documents_the_estimator_was_not_fitted_on(monkeypatch):
    """And on training documents: nothing else enters `fit`."""
    fitted, judged = [], []
    fit, best = WordCounts._fit_estimator, WordCounts._best_smoothing

    def rows(X):
        return {tuple(row) for row in X.toarray()}

    monkeypatch.setattr(
        WordCounts, "_fit_estimator", lambda self, X: fitted.append(rows(X)) or fit(self, X)
    )
    backgrounds = []

    def spy(self, X):
        judged.append(rows(X))
        backgrounds.append(self.background_)
        return best(self, X)

    monkeypatch.setattr(WordCounts, "_best_smoothing", spy)
    X = counts(300, 40)
    model = WordCounts(svd(3), "log").fit(X)
    ((held_out,), (first, last)) = judged, fitted
    assert held_out.isdisjoint(first)
    assert held_out | first == last == rows(X)
    assert 0.05 < len(held_out) / 300 < 0.15
    known = np.array(sorted(first)).sum(0)
    assert not np.array_equal(backgrounds[0], model.background_)
    np.testing.assert_allclose(backgrounds[0], known / known.sum(), atol=1e-3)
    np.testing.assert_allclose(model.background_, X.toarray().sum(0) / X.sum(), rtol=1e-5)


def test_without_documents_to_hold_out_nothing_is_smoothed():
    model = WordCounts(svd(1), "log").fit(counts(2))
    assert model.smoothing_ == 0


# ----------------------------------------------------------------------- refusals


@pytest.mark.parametrize("form", [lambda X: X, lambda X: X.toarray()], ids=["sparse", "dense"])
def test_negative_counts_are_refused(form):
    X = counts()
    X.data[3] = -2
    with pytest.raises(ParameterError, match=r"word counts cannot be negative \(found -2\)"):
        WordCounts(svd(2), "log").fit(form(X))


def test_an_unknown_weighting_is_refused():
    allowed = "weighting is 'idf'; allowed are counts, log, share, tfidf"
    with pytest.raises(ParameterError, match=allowed):
        WordCounts(svd(2), "idf").fit(counts())
