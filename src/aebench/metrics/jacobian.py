"""How strongly an encoder follows its item: the norm of its Jacobian, from codes alone."""

import math

import numpy as np

from aebench.metrics.measured import Model
from aebench.metrics.sampling import generators

STEP = 2.0**-12
"""By how much the pixels of an image are moved to see its code follow. The norms of 13 encoders of
MNIST are then within 0.3% of their limits, and rounding of float32 codes is far below that."""

DIRECTIONS = 4
"""Random directions an image is moved in. With 500 images the norm is then known to 1%."""

BEND = 0.01
"""Largest share of a code's squared movement that may be bend. On MNIST it was below 0.001 for 33
encoders, 0.02 or more for optimised codes, which overreact, and 1 where codes jump."""


def jacobian_norm(
    model: Model, X: np.ndarray, step: float = STEP, directions: int = DIRECTIONS
) -> float:
    """Frobenius norm of the encoder's Jacobian, root mean square over images.

    Without asking how the encoder is made: |J|_F^2 is the expected |Jv|^2 of random directions v
    with independent entries of mean 0 and variance 1, and Jv is a central difference. The entries
    are +1 and -1 (Hutchinson 1990), so that every pixel moves by `step` and, since images are
    first clipped to [step, 1 - step], stays one. The directions are a function of the image.

    Parameters
    ----------
    model : Model
        Its codes are real numbers.
    X : ndarray [n, n_features]
        Pixels in [0, 1].
    step : float
    directions : int
        How many, of each image.

    Returns
    -------
    float
        In units of the code a pixel. NaN where the code moves otherwise ahead than behind, so that
        the step would decide the number: where it jumps (the largest units are chosen, or entries
        of a codebook), is found by optimisation, or moves no more than rounding does.
    """
    inside = np.clip(X, step, 1 - step, dtype=np.float32)
    draws = [
        own.integers(0, 2, (directions, X.shape[1]), np.int8) for own in generators(X, "directions")
    ]
    signs = 2 * np.stack(draws, axis=1) - 1
    middle = _exact(model.transform(inside))
    slopes, bends = [], []
    for v in signs:
        ahead, behind = (
            _exact(model.transform(inside + np.float32(s * step) * v)) for s in (1, -1)
        )
        slopes += list(np.square(ahead - behind).sum(axis=1))
        bends += list(np.square(ahead - 2 * middle + behind).sum(axis=1))
        if math.fsum(bends) > BEND * math.fsum(slopes):
            return math.nan
    return math.sqrt(math.fsum(slopes) / len(slopes)) / (2 * step)


def _exact(codes: np.ndarray) -> np.ndarray:
    return np.asarray(codes, dtype=np.float64)
