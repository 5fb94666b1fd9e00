"""Kernel PCA on landmarks, with a decoder."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from aebench.models.words import check_code_size


class KernelPCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Kernel PCA with Gaussian kernels, each known by its values at some landmarks (Nystroem).

    Codes are the principal components of the kernel's features (Schoelkopf, Smola & Mueller 1998,
    Neural Computation 10:1299). The decoder is kernel ridge regression from codes to items (Bakir,
    Weston & Schoelkopf 2004, "Learning to find pre-images", NIPS 16), as scikit-learn's KernelPCA
    fits it; that one keeps a matrix of all pairs of items, which landmarks avoid (Williams & Seeger
    2001, NIPS 13).

    Parameters
    ----------
    code_size : int
    gamma, decoder_gamma : float
        The kernels of items and of codes are exp(-gamma |x - y|^2 / s), where s is the mean of
        |x - y|^2 over pairs of training items, or of their codes. Their unit does not matter.
    alpha : float
        Strength of the ridge penalty.
    landmarks : int
        Training items at which each kernel is known; at most all.
    random_state : int, RandomState instance or None
        Draws the landmarks.

    Attributes
    ----------
    landmarks_, code_landmarks_ : ndarray, shape [n_landmarks, n_features or code_size]
    encoder_, decoder_ : ndarray, shape [n_landmarks, code_size or n_features]
        A code is `kernel(x, landmarks_) @ encoder_ + encoder_offset_`, a reconstruction
        `kernel(z, code_landmarks_) @ decoder_ + decoder_offset_`.
    kernel_gamma_, code_kernel_gamma_ : float
        gamma / s of the two kernels.
    """

    def __init__(
        self,
        code_size: int = 2,
        gamma: float = 0.3,
        decoder_gamma: float = 1.0,
        alpha: float = 0.01,
        landmarks: int = 1000,
        random_state: Any = None,
    ) -> None:
        self.code_size = code_size
        self.gamma = gamma
        self.decoder_gamma = decoder_gamma
        self.alpha = alpha
        self.landmarks = landmarks
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:  # for scikit-learn's get_feature_names_out
        return self.encoder_.shape[1]

    def fit(self, X: Any, y: None = None) -> "KernelPCA":
        """Fit on X [n_items, n_features]."""
        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        check_code_size(self.code_size, X.shape[1])
        random = check_random_state(self.random_state)

        kernel = self._nystroem(self.gamma, X, random)
        pca = PCA(self.code_size, svd_solver="covariance_eigh")
        Z = pca.fit_transform(kernel.transform(X))
        self.kernel_gamma_, self.landmarks_ = kernel.gamma, kernel.components_
        self.encoder_ = kernel.normalization_.T @ pca.components_.T
        self.encoder_offset_ = -pca.mean_ @ pca.components_.T

        kernel = self._nystroem(self.decoder_gamma, Z, random)
        ridge = Ridge(self.alpha, solver="cholesky").fit(kernel.transform(Z), X)
        self.code_kernel_gamma_, self.code_landmarks_ = kernel.gamma, kernel.components_
        self.decoder_ = kernel.normalization_.T @ ridge.coef_.T
        self.decoder_offset_ = ridge.intercept_
        return self

    def _nystroem(self, gamma: float, X: np.ndarray, random: np.random.RandomState) -> Nystroem:
        mean_distance = 2 * float(X.var(axis=0, dtype=np.float64).sum())
        unit = mean_distance if mean_distance > 0 else 1.0
        landmarks = min(self.landmarks, len(X))
        return Nystroem(gamma=gamma / unit, n_components=landmarks, random_state=random).fit(X)

    def transform(self, X: Any) -> np.ndarray:
        """Return codes [n_items, code_size]."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        values = rbf_kernel(X, self.landmarks_, self.kernel_gamma_)
        return values @ self.encoder_ + self.encoder_offset_

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Return reconstructions [n_items, n_features]."""
        check_is_fitted(self)
        values = rbf_kernel(Z, self.code_landmarks_, self.code_kernel_gamma_)
        return values @ self.decoder_ + self.decoder_offset_
