"""Linear classifiers, fitted to their optimum: multinomial logistic regression and a linear SVM.

The objectives are those of scikit-learn's LogisticRegression and, one class against the rest,
LinearSVC with an intercept that costs nothing. The optimiser is scipy's L-BFGS. All classes are
fitted in one matrix product and each fit may start from another: on 5,000 codes of 1,000 units
liblinear, which is behind LinearSVC, takes 17 times as long to the same accuracy.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

MAX_ITERATIONS = 300
"""A fit that meets the limit is a valid probe still: accuracy has long stood still, only the
weights of a nearly separable problem go on growing."""

Loss: TypeAlias = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]
"""Of scores [n, n_classes] and the positions [n] of the right classes: the sum over items and its
gradient [n, n_classes]. The scores may be overwritten."""


class LinearModel(NamedTuple):
    """A fitted classifier.

    Attributes
    ----------
    weights : ndarray [n_classes, d + 1]
        The last column is the intercept.
    classes : ndarray [n_classes]
        Labels in the order of the rows.
    """

    weights: np.ndarray
    classes: np.ndarray

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """Return the label [n] of the highest score of each item; of equals the smallest."""
        scores = codes @ self.weights[:, :-1].T + self.weights[:, -1]
        return self.classes[scores.argmax(axis=1)]


def cross_entropy(scores: np.ndarray, right: np.ndarray) -> tuple[float, np.ndarray]:
    """Of the softmax of the scores: logistic regression."""
    items = np.arange(len(right))
    scores -= scores.max(axis=1, keepdims=True)
    value = -scores[items, right].sum()
    np.exp(scores, out=scores)
    total = scores.sum(axis=1, keepdims=True)
    value += np.log(total).sum()
    scores /= total
    scores[items, right] -= 1
    return float(value), scores


def squared_hinge(scores: np.ndarray, right: np.ndarray) -> tuple[float, np.ndarray]:
    """Of each class against the rest: a linear SVM with a smooth loss."""
    items = np.arange(len(right))
    scores[items, right] *= -1
    scores += 1
    np.maximum(scores, 0, out=scores)
    value = np.vdot(scores, scores)
    scores *= 2
    scores[items, right] *= -1
    return float(value), scores


TOLERANCES: dict[Loss, float] = {cross_entropy: 1e-4, squared_hinge: 1e-3}
"""Largest entry of the gradient of the mean loss at which a fit ends. On codes of MNIST and Reuters
ten times less moves the accuracy of the SVM by up to 0.003 and takes two to six times as long; ten
times more takes up to 0.02 from logistic regression."""


def fit(
    loss: Loss,
    codes: np.ndarray,
    labels: np.ndarray,
    C: float,
    start: LinearModel | None = None,
    tolerance: float | None = None,
) -> LinearModel:
    """Minimise C times the sum of the losses plus half of the squared weights but the intercepts.

    Parameters
    ----------
    loss : `cross_entropy` or `squared_hinge`
    codes : ndarray [n, d], float64
        In float32 the rounding of sums, which depends on threads, moves accuracies by 0.001.
    labels : ndarray [n] of int
    C : float
        Inverse penalty.
    start : LinearModel, optional
        Starts from these weights if it knows the same classes, else from zero.
    tolerance : float, optional
        Another than that of `TOLERANCES`.
    """
    from scipy.optimize import minimize

    if len(codes) < codes.shape[1]:
        # The weights of the optimum are sums of codes: as many unknowns as items are enough.
        span, inside = np.linalg.qr(codes.T)
        found = fit(loss, inside.T, labels, C, tolerance=tolerance)
        weights = np.column_stack([found.weights[:, :-1] @ span.T, found.weights[:, -1]])
        return LinearModel(weights, found.classes)
    classes, right = np.unique(labels, return_inverse=True)
    weights = np.zeros((len(classes), codes.shape[1] + 1))
    if start is not None and np.array_equal(start.classes, classes):
        weights = start.weights

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        now = flat.reshape(weights.shape)
        inner = now[:, :-1]
        value, slope = loss(codes @ inner.T + now[:, -1], right)
        gradient = np.column_stack([slope.T @ codes + inner / C, slope.sum(axis=0)])
        return (value + np.vdot(inner, inner) / (2 * C)) / len(codes), gradient.ravel() / len(codes)

    options = {"maxiter": MAX_ITERATIONS, "gtol": tolerance or TOLERANCES[loss], "ftol": 1e-14}
    found = minimize(objective, weights.ravel(), jac=True, method="L-BFGS-B", options=options)
    return LinearModel(found.x.reshape(weights.shape), classes)
