"""What measuring gives, and what it may ask of a model."""

import math
from typing import Any, NamedTuple, Protocol

import numpy as np


class Measured(NamedTuple):
    """Numbers of one run, or of one family of metrics; families are put together by `merge`.

    Attributes
    ----------
    scores : dict of metric name to float
        Of the test split.
    train : dict of metric name to float
        The same of the train split.
    items : dict of name to ndarray [n_test] or [n_queries]
        What the means are taken of, one value a test item: paired tests need them.
    classes : dict of metric name to ndarray [n_classes], float64
        Means over the test items of each class; NaN for a class without any.
    """

    scores: dict[str, float]
    train: dict[str, float]
    items: dict[str, np.ndarray]
    classes: dict[str, np.ndarray]


class Model(Protocol):
    """What fitted estimators offer. `aebench.models` knows more of them; metrics need not.

    Networks also have `hidden_features` and `optimised_codes`.
    """

    def transform(self, X: Any) -> np.ndarray:
        """Return the codes of items [n_items, n_features], [n_items, code_size]."""

    def inverse_transform(self, Z: np.ndarray) -> np.ndarray:
        """Return the reconstructions of codes, [n_items, n_features]."""


def measured(
    scores: dict[str, float] | None = None,
    train: dict[str, float] | None = None,
    items: dict[str, np.ndarray] | None = None,
    classes: dict[str, np.ndarray] | None = None,
) -> Measured:
    """Return a Measured of what there is."""
    return Measured(scores or {}, train or {}, items or {}, classes or {})


def merge(*parts: Measured) -> Measured:
    """Put families of metrics together; a name that two of them have is an error of ours."""
    together = measured()
    for part in parts:
        pairs: Any = zip(together, part, strict=True)
        for whole, more in pairs:
            twice = whole.keys() & more.keys()
            if twice:
                raise ValueError(f"measured twice: {', '.join(sorted(twice))}")
            whole.update(more)
    return together


def exact_mean(values: np.ndarray) -> float:
    """Mean of those that are defined, summed exactly and so the same in any order; NaN of none."""
    defined = values[~np.isnan(values)]
    return math.fsum(defined) / len(defined) if len(defined) else math.nan


def class_means(values: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Mean of `values` [n] over the items of each class; NaN for a class without any.

    Parameters
    ----------
    labels : ndarray [n] of int, or [n, n_classes] of 0 and 1
        An item of several classes counts in each of them.
    """
    if labels.ndim == 1:
        count = np.bincount(labels, minlength=n_classes)
        total = np.bincount(labels, weights=values, minlength=n_classes)
    else:
        count, total = labels.sum(axis=0), values @ labels
    return np.divide(total, count, out=np.full(n_classes, np.nan), where=count > 0)
