"""What a code knows of how its items were made: the true factors, read from it linearly."""

from collections.abc import Sequence

import numpy as np

from aebench.metrics.classification import standardise

PENALTIES = (1e-8, 1e-4, 1e-2, 1.0)
"""Ridge penalties to choose from, of standardised codes, a squared error per item; the smallest is
least squares, and a code of many rarely active units needs more."""

VALIDATION_SHARE = 10


def factor_recovery(
    train: np.ndarray,
    train_factors: np.ndarray,
    test: np.ndarray,
    test_factors: np.ndarray,
    seed: int = 0,
) -> float:
    """Share of the variance of the true factors that a linear regression from codes explains.

    The regression, with an intercept, is fitted on train; its penalty is chosen on a tenth of
    train. The test items are used once.

    Parameters
    ----------
    train, test : ndarray [n_train, d], [n_test, d]
        Codes, float32 or uint8.
    train_factors, test_factors : ndarray [n_train, n_factors], [n_test, n_factors]
    seed : int
        Of the validation part.

    Returns
    -------
    float
        R^2 on test, the uniform average over the factors: 1 for a linear image of the factors. It
        is measured against predicting the train mean, so a constant code has exactly 0; below 0 is
        worse than that.
    """
    Z, Z_test = (codes.astype(np.float64) for codes in standardise(train, test))
    mean, scale = train_factors.mean(axis=0, dtype=np.float64), train_factors.std(axis=0)
    y, y_test = (train_factors - mean) / scale, (test_factors - mean) / scale
    order = np.random.default_rng(seed).permutation(len(Z))
    validation, fit = np.split(order, [max(1, len(Z) // VALIDATION_SHARE)])
    errors = [
        np.mean((y[validation] - Z[validation] @ weights) ** 2)
        for weights in _ridge(Z[fit], y[fit], PENALTIES)
    ]
    (weights,) = _ridge(Z, y, [PENALTIES[int(np.argmin(errors))]])
    left = np.sum((y_test - Z_test @ weights) ** 2, axis=0)
    return float(np.mean(1 - left / np.sum(y_test**2, axis=0)))


def _ridge(Z: np.ndarray, y: np.ndarray, penalties: Sequence[float]) -> list[np.ndarray]:
    """Weights [d, n_factors] of centred codes and factors for each penalty."""
    covariance, target = Z.T @ Z / len(Z), Z.T @ y / len(Z)
    unit = np.eye(len(covariance))
    return [np.linalg.solve(covariance + penalty * unit, target) for penalty in penalties]
