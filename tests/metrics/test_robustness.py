"""Corruption against closed forms; outliers against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from aebench.metrics import robustness
from aebench.metrics.reconstruction import Decoded, headline, squared_error
from aebench.metrics.robustness import (
    MISSING,
    NOISE,
    auroc,
    corruption_scores,
    corruptions,
    unseen_scores,
)

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((200, 30)).astype(np.float32)
DOCUMENTS = sparse.csr_matrix(RANDOM.poisson(1, (200, 30)).astype(np.float32))


class Identity:
    """Codes are the items; of documents, shares of words, each taken to occur once more."""

    def transform(self, X):
        if isinstance(X, np.ndarray):
            return X
        counts = X.toarray() + 1
        return counts / counts.sum(axis=1, keepdims=True)

    def inverse_transform(self, Z):
        return Z


def test_names():
    images = {f"squared_error_gaussian_{level}" for level in (0.1, 0.2, 0.3, 0.4, 0.5)}
    images |= {f"squared_error_missing_{level}" for level in (0.1, 0.3, 0.5, 0.7, 0.9)}
    assert set(corruption_scores(Identity(), IMAGES, "images").scores) == images
    documents = {f"perplexity_missing_{level}" for level in (0.1, 0.3, 0.5, 0.7, 0.9)}
    assert set(corruption_scores(Identity(), DOCUMENTS, "documents").scores) == documents


@pytest.mark.parametrize(("X", "kind"), [(IMAGES, "images"), (DOCUMENTS, "documents")])
def test_the_order_of_the_items_changes_no_bit(X, kind):
    found = corruption_scores(Identity(), X, kind).scores
    assert corruption_scores(Identity(), X[RANDOM.permutation(200)], kind).scores == found
    assert corruption_scores(Identity(), X, kind, seed=1).scores != found


@pytest.mark.parametrize(("X", "kind"), [(IMAGES, "images"), (DOCUMENTS, "documents")])
def test_level_0_is_the_clean_item_and_more_is_worse_for_the_identity(monkeypatch, X, kind):
    monkeypatch.setattr(robustness, "NOISE", (0.0, *NOISE))
    monkeypatch.setattr(robustness, "MISSING", (0.0, *MISSING))
    found = corruption_scores(Identity(), X, kind).scores
    R = Decoded(Identity(), Identity().transform(X), 30)
    (clean,) = headline(X, R, kind).values()
    for corruption, levels in (("gaussian", NOISE), ("missing", MISSING)):
        curve = [v for name, v in found.items() if f"_{corruption}_" in name]
        if curve:
            assert curve[0] == clean
            assert len(curve) == 1 + len(levels)
            assert (np.diff(curve) > 0).all()


def test_missing_pixels_cost_the_identity_their_energy():
    found = corruption_scores(Identity(), IMAGES, "images").scores
    energy = float((IMAGES**2).sum(axis=1).mean())
    for share in MISSING:
        assert found[f"squared_error_missing_{share}"] == pytest.approx(share * energy, rel=0.06)


def test_noise_on_black_pixels_by_integration():
    # Half of it is clipped at 0, and a little at 1.
    black = np.zeros((400, 50), np.float32)
    black[:, 0] = np.arange(400) / 1e6  # else all items were one
    found = corruption_scores(Identity(), black, "images").scores
    for sd in NOISE:
        expected = quad(lambda n, sd=sd: min(n, 1) ** 2 * norm.pdf(n, scale=sd), 0, np.inf)[0]
        assert found[f"squared_error_gaussian_{sd}"] == pytest.approx(50 * expected, rel=0.05)


def test_pca_lets_pass_the_noise_of_its_own_dimensions():
    # Noise of 0.1 on grey pixels is not clipped; of it the projection keeps one part in each
    # of 4 directions: error = clean error + 4 * 0.1^2, where the clean item is what counts.
    grey = (0.5 + 0.02 * RANDOM.standard_normal((2000, 10))).astype(np.float32)
    pca = PCA(4).fit(grey)
    clean = squared_error(grey, pca.inverse_transform(pca.transform(grey))).mean()
    found = corruption_scores(pca, grey, "images").scores["squared_error_gaussian_0.1"]
    assert found == pytest.approx(clean + 4 * 0.01, rel=0.03)


def test_pixels_stay_pixels():
    for _, corrupted in corruptions(IMAGES):
        assert corrupted.dtype == np.float32
        assert corrupted.min() >= 0
        assert corrupted.max() <= 1


@pytest.mark.parametrize("X", [IMAGES, DOCUMENTS])
def test_what_is_missing_stays_missing_and_the_rest_stays(X):
    clean = X if isinstance(X, np.ndarray) else X.toarray()
    before = np.zeros(clean.shape, bool)
    for share, (name, corrupted) in zip(MISSING, list(corruptions(X))[-5:], strict=True):
        assert name == f"missing_{share}"
        if not isinstance(X, np.ndarray):
            assert corrupted.nnz < X.nnz
            corrupted = corrupted.toarray()
        missing = (corrupted == 0) & (clean > 0)
        np.testing.assert_array_equal(corrupted[~missing], clean[~missing])
        assert (missing >= before).all()
        assert missing.sum() / (clean > 0).sum() == pytest.approx(share, abs=0.03)
        before = missing


def test_documents_are_left_as_they_were():
    X = sparse.csr_matrix(([1.0, 1.0, 2.0], [3, 3, 1], [0, 3]), shape=(1, 5))
    whole = X.toarray()
    assert len(list(corruptions(X))) == 5  # duplicates do not disturb
    np.testing.assert_array_equal(X.toarray(), whole)


values = arrays(np.float64, st.integers(1, 12), elements=st.sampled_from([0.0, 0.5, 1.0, 2.0]))


@given(values, values)
def test_area_under_the_roc_against_scikit_learn(negative, positive):
    truth = np.repeat([0, 1], [len(negative), len(positive)])
    expected = roc_auc_score(truth, np.concatenate([negative, positive]))
    assert auroc(negative, positive) == pytest.approx(expected, abs=1e-12)
    assert auroc(positive, negative) == pytest.approx(1 - expected, abs=1e-12)


def test_ties_count_half():
    assert auroc(np.array([1.0, 1.0]), np.array([1.0])) == 0.5
    assert auroc(np.array([1.0, 2.0, 3.0]), np.array([2.0])) == 0.5
    assert auroc(np.array([1.0, 2.0]), np.array([2.0])) == 0.75


def test_two_halves_of_one_set_are_not_told_apart():
    pca = PCA(3).fit(IMAGES)
    items = RANDOM.random((2000, 30)).astype(np.float32)
    found = unseen_scores(pca, items[::2], items[1::2]).scores
    # The standard error of an area of one half is sqrt((n + m + 1) / (12 n m)).
    assert abs(found["outlier_auroc"] - 0.5) < 3 * np.sqrt(2001 / 12e6)


def test_what_was_never_seen_is_found():
    line = RANDOM.random((100, 1)) * np.linspace(0.1, 1, 30)
    pca = PCA(1).fit(line)
    found = unseen_scores(pca, line, IMAGES).scores
    assert found["outlier_auroc"] == 1
    error = squared_error(IMAGES, pca.inverse_transform(pca.transform(IMAGES))).mean()
    assert found["squared_error_unseen"] == pytest.approx(error, rel=1e-6)
