"""Non-negative matrix factorisation, whose codes of documents are shares of topics."""

from typing import Any

import numpy as np
import sklearn.decomposition


class NMF(sklearn.decomposition.NMF):
    """scikit-learn's NMF, which under the Kullback-Leibler divergence of counts codes in shares.

    There it is probabilistic latent semantic analysis (Gaussier & Goutte 2005, SIGIR). Only the
    product of codes and components is determined; here each component sums to 1, a topic's shares
    of words, and so does each code, a document's shares of topics whatever its length.
    Reconstructions are shares of words. With any other divergence nothing is changed.

    Parameters are scikit-learn's.
    """

    components_: np.ndarray

    @property
    def _in_shares(self) -> bool:
        return self.beta_loss in ("kullback-leibler", 1)

    def fit(self, X: Any, y: None = None) -> "NMF":
        """Fit on X [n_items, n_features], nothing of it negative."""
        super().fit_transform(X)
        if self._in_shares:
            self.components_ = _rows_in_shares(self.components_)
        return self

    def fit_transform(self, X: Any, y: None = None) -> np.ndarray:
        """Fit on X and return its codes [n_items, code_size]."""
        return self.fit(X).transform(X)

    def transform(self, X: Any) -> np.ndarray:
        """Return codes [n_items, code_size]."""
        codes = super().transform(X)
        return _rows_in_shares(codes) if self._in_shares else codes


def _rows_in_shares(A: np.ndarray) -> np.ndarray:
    """Scale rows to sum to 1; rows of zeros stay."""
    sums = A.sum(axis=1, keepdims=True)
    return A / np.where(sums > 0, sums, 1)
