"""Linear algebra that estimators share, and what any of them can be given: a known range."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from aebench.errors import ParameterError


def least_squares(Z: np.ndarray, X: Any) -> np.ndarray:
    """Return weights W [code_size, n_features] for which Z W is nearest to centred items.

    Parameters
    ----------
    Z : ndarray [n_items, code_size]
        Centred codes, so that X may be sparse and not centred: Z'(X - mean) is Z'X.
    X : ndarray or CSR [n_items, n_features]
    """
    Z = Z.astype(np.float64)
    weights = np.linalg.lstsq(Z.T @ Z, (X.T @ Z).T, rcond=None)[0]
    return weights.astype(X.dtype)


class Clipped(TransformerMixin, BaseEstimator):
    """Clip what an estimator reconstructs to the range that items are known to lie in.

    Parameters
    ----------
    estimator : estimator
        With fit, transform and inverse_transform, such as PCA.
    low, high : float
        The range; that of pixels by default.

    Attributes
    ----------
    estimator_ : the fitted estimator
    """

    def __init__(self, estimator: Any, low: float = 0.0, high: float = 1.0) -> None:
        self.estimator = estimator
        self.low = low
        self.high = high

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.estimator)

    @property
    def n_features_in_(self) -> int:
        """Number of features of the items fitted on."""
        return self.estimator_.n_features_in_

    def fit(self, X: Any, y: None = None) -> "Clipped":
        """Fit the estimator on X [n_items, n_features]."""
        if not self.low < self.high:
            raise ParameterError(f"clip is from {self.low!r} to {self.high!r}; it must rise.")
        self.estimator_ = clone(self.estimator).fit(X)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the estimator's codes [n_items, code_size]."""
        check_is_fitted(self)
        return self.estimator_.transform(X)

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Return reconstructions [n_items, n_features], none outside the range."""
        check_is_fitted(self)
        return np.clip(self.estimator_.inverse_transform(Z), self.low, self.high)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the estimator's names of its codes."""
        check_is_fitted(self)
        return self.estimator_.get_feature_names_out(input_features)
