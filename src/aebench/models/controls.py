"""Controls: what a code is worth that learned nothing, be it empty, blind or everything."""

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from aebench.errors import ParameterError
from aebench.models.linear import least_squares
from aebench.models.words import check_code_size


class Identity(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Take every item for its own code: what a smaller code can lose.

    Parameters
    ----------
    code_size : int or None
        The number of features; no other is allowed.
    """

    def __init__(self, code_size: int | None = None) -> None:
        self.code_size = code_size

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: None = None) -> "Identity":
        """Take note of the number of features of X [n_items, n_features]."""
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32])
        if self.code_size not in (None, X.shape[1]):
            raise ParameterError(
                f"code_size is {self.code_size!r}; allowed is {X.shape[1]}, the number of features."
            )
        self._n_features_out = X.shape[1]  # for scikit-learn's get_feature_names_out
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the items, dense, [n_items, n_features]."""
        check_is_fitted(self, "n_features_in_")
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        return X.toarray() if scipy.sparse.issparse(X) else X

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Return the codes, which are the items, [n_items, n_features]."""
        check_is_fitted(self, "n_features_in_")
        return np.asarray(Z)


class Mean(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Reconstruct every item by the training mean; the code is all zeros.

    Parameters
    ----------
    code_size : int
    """

    def __init__(self, code_size: int = 2) -> None:
        self.code_size = code_size

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: None = None) -> "Mean":
        """Learn the mean of X [n_items, n_features]."""
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32])
        check_code_size(self.code_size, X.shape[1])
        self._n_features_out = self.code_size  # for scikit-learn's get_feature_names_out
        self.mean_ = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel().astype(X.dtype)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return zeros [n_items, code_size]."""
        check_is_fitted(self, "mean_")
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        return np.zeros((X.shape[0], self.code_size), dtype=X.dtype)

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Return the mean once for each code, [n_items, n_features]."""
        check_is_fitted(self, "mean_")
        return np.tile(self.mean_, (len(Z), 1))


class RandomProjection(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Project centred items on Gaussian random directions; decode by least squares.

    The decoder is the best linear one for these codes, so that the distance to PCA is what
    choosing the directions is worth.

    Parameters
    ----------
    code_size : int
    random_state : int, RandomState instance or None
    """

    def __init__(self, code_size: int = 2, random_state: Any = None) -> None:
        self.code_size = code_size
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: None = None) -> "RandomProjection":
        """Draw the directions and fit the decoder on X [n_items, n_features]."""
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32])
        check_code_size(self.code_size, X.shape[1])
        self._n_features_out = self.code_size  # for scikit-learn's get_feature_names_out
        random = check_random_state(self.random_state)
        directions = random.standard_normal((X.shape[1], self.code_size)) / np.sqrt(X.shape[1])
        self.directions_ = directions.astype(X.dtype)
        self.mean_ = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel().astype(X.dtype)
        self.decoder_ = least_squares(self._project(X), X)
        return self

    def _project(self, X: Any) -> np.ndarray:
        return np.asarray(X @ self.directions_) - self.mean_ @ self.directions_

    def transform(self, X: Any) -> np.ndarray:
        """Return codes [n_items, code_size]."""
        check_is_fitted(self, "decoder_")
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        return self._project(X)

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Return reconstructions [n_items, n_features]."""
        check_is_fitted(self, "decoder_")
        return np.asarray(Z) @ self.decoder_ + self.mean_
