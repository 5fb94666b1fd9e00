"""Binary codes: one bit for the side of a hyperplane that an item lies on.

The classes differ in the hyperplanes. All are decoded by least squares from the bits.
"""

from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from aebench.models.linear import least_squares
from aebench.models.words import check_code_size


class Hashing(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What the classes share. A bit is 1 where `X @ directions_` is above `thresholds_`.

    Attributes
    ----------
    directions_ : ndarray, shape [n_features, code_size]
    thresholds_ : ndarray, shape [code_size]
    decoder_ : ndarray, shape [code_size, n_features]
    shares_ : ndarray, shape [code_size]
        Share of the training items for which a bit is 1.
    mean_ : ndarray, shape [n_features]
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:  # for scikit-learn's get_feature_names_out
        return len(self.thresholds_)

    @abstractmethod
    def _hyperplanes(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return directions [n_features, code_size] and thresholds [code_size] for items X."""

    def fit(self, X: Any, y: None = None) -> "Hashing":
        """Choose the hyperplanes and fit the decoder on X [n_items, n_features]."""
        kinds = [np.float64, np.float32]
        X = validate_data(self, X, accept_sparse="csr", dtype=kinds, ensure_min_samples=2)
        check_code_size(self.code_size, X.shape[1])
        directions, thresholds = self._hyperplanes(X)
        self.directions_ = directions.astype(X.dtype)
        self.thresholds_ = thresholds.astype(X.dtype)
        bits = self._bits(X)
        self.shares_ = bits.mean(axis=0, dtype=np.float64).astype(X.dtype)
        self.mean_ = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel().astype(X.dtype)
        self.decoder_ = least_squares(bits - self.shares_, X)
        return self

    def _bits(self, X: Any) -> np.ndarray:
        return (np.asarray(X @ self.directions_) > self.thresholds_).astype(np.uint8)

    def transform(self, X: Any) -> np.ndarray:
        """Return codes of 0 and 1, uint8 [n_items, code_size]."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        return self._bits(X)

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Return reconstructions [n_items, n_features]."""
        check_is_fitted(self)
        return (np.asarray(Z) - self.shares_) @ self.decoder_ + self.mean_


class HyperplaneHashing(Hashing):
    """Random hyperplanes: two bits differ with probability angle / pi.

    Charikar 2002, "Similarity estimation techniques from rounding algorithms", STOC.

    Parameters
    ----------
    code_size : int
        Number of bits.
    random_state : int, RandomState instance or None
    """

    def __init__(self, code_size: int = 2, random_state: Any = None) -> None:
        self.code_size = code_size
        self.random_state = random_state

    def _hyperplanes(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        random = check_random_state(self.random_state)
        directions = random.standard_normal((X.shape[1], self.code_size))
        return directions, np.zeros(self.code_size)


class SignHashing(Hashing):
    """The sign of centred LSA codes: one bit for each singular vector.

    Parameters
    ----------
    code_size : int
        Number of bits; smaller than the number of features.
    """

    def __init__(self, code_size: int = 2) -> None:
        self.code_size = code_size

    def _hyperplanes(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        from sklearn.decomposition import TruncatedSVD

        lsa = TruncatedSVD(self.code_size, algorithm="arpack", random_state=0).fit(X)
        directions = lsa.components_.T
        thresholds = np.asarray(X.mean(axis=0)).ravel() @ directions
        return directions, thresholds


class RotationHashing(SignHashing):
    """The sign of centred LSA codes, rotated to lie near the corners of a cube (ITQ).

    Gong & Lazebnik 2011, "Iterative quantization: a Procrustean approach to learning binary codes",
    CVPR.

    Parameters
    ----------
    code_size : int
        Number of bits; smaller than the number of features.
    alternations : int
    items : int
        Training items from which the rotation is learned: the first ones, at most all.
    random_state : int, RandomState instance or None
        Draws the rotation to start from.

    Attributes
    ----------
    losses_ : list of float
        Quantisation loss after each alternation, see `quantising_rotation`.
    """

    def __init__(
        self,
        code_size: int = 2,
        alternations: int = 50,
        items: int = 20_000,
        random_state: Any = None,
    ) -> None:
        super().__init__(code_size)
        self.alternations = alternations
        self.items = items
        self.random_state = random_state

    def _hyperplanes(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        directions, thresholds = super()._hyperplanes(X)
        codes = np.asarray(X[: self.items] @ directions) - thresholds
        random = check_random_state(self.random_state)
        rotation, self.losses_ = quantising_rotation(codes, self.alternations, random)
        return directions @ rotation, thresholds @ rotation


def quantising_rotation(
    V: np.ndarray, alternations: int, random: np.random.RandomState
) -> tuple[np.ndarray, list[float]]:
    """Rotate codes V [n_items, code_size] so that their signs say the most.

    The loss is |sign(VR) - VR|^2 (Gong & Lazebnik 2011, equation 2). The signs that are best for a
    rotation and the rotation that is best for signs take turns; neither can raise the loss.

    Returns
    -------
    rotation : ndarray [code_size, code_size]
        Orthogonal.
    losses : list of float
        With the first rotation, then after each alternation; means over items.
    """
    from scipy.linalg import orthogonal_procrustes
    from scipy.stats import ortho_group

    size = V.shape[1]
    rotation = ortho_group.rvs(size, random_state=random) if size > 1 else np.ones((1, 1))
    rotation = rotation.astype(V.dtype)
    losses = [quantisation_loss(V @ rotation)]
    for _ in range(alternations):
        rotation = orthogonal_procrustes(V, np.where(V @ rotation > 0, 1, -1).astype(V.dtype))[0]
        losses.append(quantisation_loss(V @ rotation))
    return rotation, losses


def quantisation_loss(V: np.ndarray) -> float:
    """Mean over items of the squared distance from V [n_items, code_size] to its signs."""
    return float(((np.abs(V) - 1) ** 2).sum(axis=1, dtype=np.float64).mean())
