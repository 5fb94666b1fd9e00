"""LSA hashed to bits: codes of as many numbers as bits, centred, turned, and cut at 0.

The classes differ in how they turn. All are decoded by least squares from the bits.
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
    """What the classes share. A bit is 1 where `(LSA code - centre_) @ turn_` is above 0.

    Attributes
    ----------
    components_ : ndarray, shape [code_size, n_features]
        Of LSA.
    centre_ : ndarray, shape [code_size]
    turn_ : ndarray, shape [code_size, code_size]
    decoder_ : ndarray, shape [code_size, n_features]
    shares_ : ndarray, shape [code_size]
        Share of the training items for which a bit is 1.
    mean_ : ndarray, shape [n_features]
    """

    UNIT_LENGTH = False
    """Whether LSA codes are scaled to unit length first."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:  # for scikit-learn's get_feature_names_out
        return len(self.components_)

    @abstractmethod
    def _turned(self, codes: np.ndarray) -> np.ndarray:
        """Return how centred LSA codes [n_items, code_size] are turned, a square matrix."""

    def fit(self, X: Any, y: None = None) -> "Hashing":
        """Fit LSA, the turn and the decoder on X [n_items, n_features]."""
        from sklearn.decomposition import TruncatedSVD

        kinds = [np.float64, np.float32]
        X = validate_data(self, X, accept_sparse="csr", dtype=kinds, ensure_min_samples=2)
        check_code_size(self.code_size, X.shape[1])
        lsa = TruncatedSVD(self.code_size, algorithm="arpack", random_state=0).fit(X)
        self.components_ = lsa.components_.astype(X.dtype)
        codes = self._lsa(X)
        self.centre_ = codes.mean(axis=0)
        self.turn_ = self._turned(codes - self.centre_).astype(X.dtype)
        bits = self._bits(X)
        self.shares_ = bits.mean(axis=0, dtype=np.float64).astype(X.dtype)
        self.mean_ = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel().astype(X.dtype)
        self.decoder_ = least_squares(bits - self.shares_, X)
        return self

    def _lsa(self, X: Any) -> np.ndarray:
        codes = np.asarray(X @ self.components_.T)
        if not self.UNIT_LENGTH:
            return codes
        return codes / np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-12)

    def _bits(self, X: Any) -> np.ndarray:
        return ((self._lsa(X) - self.centre_) @ self.turn_ > 0).astype(np.uint8)

    def transform(self, X: Any) -> np.ndarray:
        """Return codes of 0 and 1, uint8 [n_items, code_size]."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        return self._bits(X)

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Return reconstructions [n_items, n_features]."""
        check_is_fitted(self)
        return (np.asarray(Z) - self.shares_) @ self.decoder_ + self.mean_


class SignHashing(Hashing):
    """The sign of centred LSA codes: one bit for each singular vector.

    Parameters
    ----------
    code_size : int
        Number of bits; smaller than the number of features.
    """

    def __init__(self, code_size: int = 2) -> None:
        self.code_size = code_size

    def _turned(self, codes: np.ndarray) -> np.ndarray:
        return np.eye(self.code_size)


class HyperplaneHashing(Hashing):
    """Random hyperplanes through LSA codes: two bits differ with probability angle / pi.

    Charikar 2002, "Similarity estimation techniques from rounding algorithms", STOC. Through LSA
    codes rather than through the items: on held-out training documents that was far better.

    Parameters
    ----------
    code_size : int
        Number of bits; smaller than the number of features.
    random_state : int, RandomState instance or None
    """

    def __init__(self, code_size: int = 2, random_state: Any = None) -> None:
        self.code_size = code_size
        self.random_state = random_state

    def _turned(self, codes: np.ndarray) -> np.ndarray:
        random = check_random_state(self.random_state)
        return random.standard_normal((self.code_size, self.code_size))


class RotationHashing(Hashing):
    """The sign of centred LSA codes, rotated to lie near the corners of a cube (ITQ).

    Gong & Lazebnik 2011, "Iterative quantization: a Procrustean approach to learning binary codes",
    CVPR. LSA codes have unit length first, which helped on held-out training documents.

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

    UNIT_LENGTH = True

    def __init__(
        self,
        code_size: int = 2,
        alternations: int = 50,
        items: int = 20_000,
        random_state: Any = None,
    ) -> None:
        self.code_size = code_size
        self.alternations = alternations
        self.items = items
        self.random_state = random_state

    def _turned(self, codes: np.ndarray) -> np.ndarray:
        random = check_random_state(self.random_state)
        rotation, self.losses_ = quantising_rotation(codes[: self.items], self.alternations, random)
        return rotation


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
