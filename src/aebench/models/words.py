"""Word counts as features, and reconstructed features as shares of words."""

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from aebench.errors import ParameterError
from aebench.streams import stream

STATELESS = ("counts", "log", "share")
WEIGHTINGS = (*STATELESS, "tfidf")
HELD_OUT = 0.1  # share of the training documents that chooses the smoothing


def check_code_size(code_size: Any, n_features: int) -> None:
    """Refuse a code size that is not a whole number from 1 to the number of features."""
    if (
        not isinstance(code_size, int | np.integer)
        or isinstance(code_size, bool)
        or not 1 <= code_size <= n_features
    ):
        raise ParameterError(
            f"code_size is {code_size!r}; allowed are whole numbers from 1 to {n_features}, "
            "the number of features."
        )


def check_counts(X: Any) -> None:
    """Refuse word counts below zero."""
    values = X.data if scipy.sparse.issparse(X) else X
    if values.size and values.min() < 0:
        # scikit-learn's estimator checks look for its own words for this, hence the beginning.
        raise ParameterError(
            f"Negative values in data: word counts cannot be negative (found {values.min():g})."
        )


def weight(X: Any, weighting: str) -> Any:
    """Weight counts X [n_documents, n_words] by `counts`, `log` (log(1+count)) or `share`."""
    if weighting == "counts":
        return X
    if weighting == "log":
        if scipy.sparse.issparse(X):
            return X.log1p()
        return np.log1p(X)
    lengths = np.maximum(np.asarray(X.sum(axis=1)).reshape(-1, 1), 1e-12)
    if scipy.sparse.issparse(X):
        return scipy.sparse.diags_array((1 / lengths).ravel()).dot(X).tocsr().astype(np.float32)
    return ((1 / lengths) * X).astype(np.float32)


class WordCounts(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Fit a linear method on weighted word counts and reconstruct shares of words.

    A linear reconstruction may be negative and does not sum to 1. It is taken back through the
    weighting, negative values are cut off, rows are scaled to sum to 1, and the result is mixed
    with the training set's own word shares. The mixing weight is the one under which a tenth of
    the training documents, held out, are most likely: the best a linear method can be given.

    Parameters
    ----------
    estimator : estimator
        With fit, transform and inverse_transform, such as TruncatedSVD or PCA.
    weighting : {"log", "tfidf", "share", "counts"}
        `tfidf` is scikit-learn's TfidfTransformer with its defaults (smooth idf, unit length).

    Attributes
    ----------
    estimator_ : the fitted estimator
    background_ : ndarray, shape [n_words]
        Shares of words in the whole training set.
    smoothing_ : float
        Weight of the background in [0, 1].
    """

    def __init__(self, estimator: Any, weighting: str = "log") -> None:
        self.estimator = estimator
        self.weighting = weighting

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    @property
    def _n_features_out(self) -> int:  # for scikit-learn's get_feature_names_out
        return self.estimator_._n_features_out

    @property
    def tfidf(self) -> Any:
        """An unfitted TfidfTransformer with its defaults."""
        from sklearn.feature_extraction.text import TfidfTransformer

        return TfidfTransformer()

    def fit(self, X: Any, y: None = None) -> "WordCounts":
        """Fit on counts X [n_documents, n_words]."""
        if self.weighting not in WEIGHTINGS:
            raise ParameterError(
                f"weighting is {self.weighting!r}; allowed are {', '.join(WEIGHTINGS)}."
            )
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float32)
        check_counts(X)
        held_out = stream(0, "smoothing").random(X.shape[0]) < HELD_OUT
        self.smoothing_ = 0.0
        if 0 < held_out.sum() < X.shape[0] - 1:
            self._fit_estimator(X[~held_out])
            self.smoothing_ = self._best_smoothing(X[held_out])
        self._fit_estimator(X)
        return self

    def _fit_estimator(self, X: Any) -> None:
        total = np.asarray(X.sum(axis=0, dtype=np.float64)).ravel()
        self.background_ = (total / max(total.sum(), 1e-12)).astype(np.float32)
        if self.weighting == "tfidf":
            self.tfidf_ = self.tfidf.fit(X)
        self.estimator_ = clone(self.estimator).fit(self._features(X))

    def _features(self, X: Any) -> Any:
        return self.tfidf_.transform(X) if self.weighting == "tfidf" else weight(X, self.weighting)

    def _best_smoothing(self, X: Any) -> float:
        """Weight of the background under which documents X are most likely."""
        from scipy.optimize import minimize_scalar

        shares = self._shares(self.estimator_.transform(self._features(X)))
        counts = scipy.sparse.coo_array(X)
        predicted = shares[counts.row, counts.col].astype(np.float64)
        background = np.maximum(self.background_[counts.col], 1e-12)

        def cross_entropy(smoothing: float) -> float:
            mixed = (1 - smoothing) * predicted + smoothing * background
            return -float(counts.data @ np.log(mixed))

        return float(minimize_scalar(cross_entropy, bounds=(1e-4, 1.0), method="bounded").x)

    def _shares(self, Z: np.ndarray) -> np.ndarray:
        """Reconstructed shares before smoothing, dense float32."""
        features = np.asarray(self.estimator_.inverse_transform(Z), dtype=np.float32)
        if self.weighting == "log":
            features = np.expm1(np.minimum(features, 20.0))
        elif self.weighting == "tfidf":
            features = features / self.tfidf_.idf_.astype(np.float32)
        features = np.maximum(features, 0)
        lengths = features.sum(axis=1, keepdims=True)
        empty = lengths <= 0
        return np.where(empty, self.background_, features / np.where(empty, 1, lengths))

    def transform(self, X: Any) -> np.ndarray:
        """Return codes of counts X [n_documents, code_size], float32, or uint8 for bits."""
        check_is_fitted(self, "estimator_")
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float32, reset=False)
        codes = np.asarray(self.estimator_.transform(self._features(X)))
        return codes if codes.dtype == np.uint8 else codes.astype(np.float32, copy=False)

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Return shares of words [n_documents, n_words]; each row sums to 1."""
        check_is_fitted(self, "estimator_")
        shares = self._shares(np.asarray(Z))
        return ((1 - self.smoothing_) * shares + self.smoothing_ * self.background_).astype(
            np.float32
        )
