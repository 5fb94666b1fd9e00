"""What the units that see an item first look for in it."""

from typing import Any

import numpy as np

from aebench.models.autoencoder import AutoEncoder
from aebench.models.linear import Clipped

IMAGE = 2
"""Dimensions of a matrix of weights; kernels of convolutions, which see a small patch, have 4."""


def filters(model: Any, most: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return weights of at most `most` units of a fitted estimator's first layer.

    Parameters
    ----------
    model : fitted estimator
        As `aebench.models.build` made it.
    most : int

    Returns
    -------
    units : ndarray, int64, shape [m]
        Their numbers. Of a network those whose weights have the largest norm, the largest first:
        units that learned nothing keep small or shapeless weights. Of components their own order,
        which is by variance for PCA.
    weights : ndarray, float32, shape [m, n_features]
        None where the first layer is not dense on the features: convolutions, kernels; and for
        estimators that have no filters at all.
    """
    if isinstance(model, Clipped):
        return filters(model.estimator_, most)
    if isinstance(model, AutoEncoder):
        weights = getattr(model.network_.encoder[0], "weight", None)
        if weights is None or weights.ndim != IMAGE:
            return None
        weights = weights.detach().cpu().numpy()
        units = np.argsort(-np.linalg.norm(weights, axis=1), kind="stable")[:most]
        return units, weights[units]
    if "turning" in getattr(model, "named_steps", {}):
        # ICA turns what whitening makes: together they are one linear map.
        whitening, turning = model.named_steps["whitening"], model.named_steps["turning"]
        scale = np.sqrt(whitening.explained_variance_)[:, None]
        weights = turning.components_ @ (whitening.components_ / scale)
    else:
        weights = getattr(model, "components_", None)
    if weights is None:
        return None
    weights = np.asarray(weights[:most], dtype=np.float32)
    return np.arange(len(weights)), weights
