import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA

from aebench.metrics.amortisation import amortisation_scores

RANDOM = np.random.default_rng(0)
X = RANDOM.random((50, 6)).astype(np.float32)


class Lazy:
    """A decoder that knows its best codes; the encoder's are off by 0.1 in each of two units."""

    def __init__(self):
        self.best = PCA(2).fit(X)

    def transform(self, X):
        return self.best.transform(X) + 0.1

    def inverse_transform(self, Z):
        return self.best.inverse_transform(Z)

    def optimised_codes(self, X, Z, spread):
        np.testing.assert_array_equal(Z, self.transform(X))
        self.spread = spread
        return self.best.transform(X)


def test_gap_of_an_encoder_that_is_off():
    model, spread = Lazy(), np.array([1.0, 2.0])
    found = amortisation_scores(model, X, "images", model.transform(X), spread).scores
    best = ((model.best.inverse_transform(model.best.transform(X)) - X) ** 2).sum(axis=1).mean()
    assert found["squared_error_optimised_codes"] == pytest.approx(best, rel=1e-5)
    assert found["amortisation_gap"] == pytest.approx(2 * 0.1**2, rel=1e-4)
    assert set(found) == {"squared_error_optimised_codes", "amortisation_gap"}
    assert model.spread is spread


class Words:
    """Codes are shares of words; the encoder knows nothing."""

    def inverse_transform(self, Z):
        return Z

    def optimised_codes(self, X, Z, spread):
        counts = X.toarray()
        return counts / counts.sum(axis=1, keepdims=True)


def test_gap_of_documents_is_one_of_perplexity():
    counts = sparse.csr_matrix([[1.0, 1, 0, 0], [0, 0, 2, 2]])
    found = amortisation_scores(Words(), counts, "documents", np.full((2, 4), 0.25), np.ones(4))
    assert found.scores == {
        "perplexity_optimised_codes": pytest.approx(2),
        "amortisation_gap": pytest.approx(4 - 2),
    }


def test_nothing_for_what_cannot_optimise():
    pca = PCA(2).fit(X)
    assert not amortisation_scores(pca, X, "images", pca.transform(X), np.ones(2)).scores
    bits = np.zeros((50, 2), np.uint8)
    assert not amortisation_scores(Lazy(), X, "images", bits, np.ones(2)).scores
