"""How well the class of an item can be read from its code: from all labels, from few of them, and
from the layers of the encoder before the code.
"""

from collections.abc import Iterable

import numpy as np

from aebench.metrics import linear
from aebench.metrics.arrays import Place, here
from aebench.metrics.measured import Measured, class_means, measured
from aebench.metrics.probes import knn_probe, linear_probe, spread_sample, standardise

DRAWS = {10: 20, 100: 10, 1000: 2}
"""Points of the label curve, and the draws of labels that each is a mean of: about as many as bring
the standard error of the draw down to 0.01, 0.005 and 0.003."""

LAYER_LABELS = 1000
"""Labels from which layers of the encoder are compared."""

WIDEST_LAYER = 2500
"""Units of a layer that is probed; the channels of convolutions are more, and slow."""

CURVE_PENALTY = 1.0
"""C of logistic regression on the label curve. A tenth of 100 labels is too few to choose C by:
chosen so, or by 5-fold cross-validation, accuracy was lower on most codes of MNIST, 20 Newsgroups
and Reuters than with 1, which at 1,000 labels came within 0.003 of the best C. The exception are
codes of 2 numbers from 100 labels or fewer."""

CURVE_TOLERANCE = 1e-3
"""Ten times that of the probe from all labels: on hidden layers of Reuters, a third of the time
for accuracies that differ by at most 0.015, by 0.003 on average and to either side."""


def classification_scores(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    n_classes: int,
    place: Place = here,
) -> Measured:
    """Accuracies of the probes and from few labels, by item and by class.

    Parameters
    ----------
    train, test : ndarray [n_train, d], [n_test, d]
        Codes as they are, float32 or uint8.
    train_labels, test_labels : ndarray [n_train], [n_test] of int
        Class ids from 0.
    n_classes : int
    place : callable
        Moves an array to where neighbours are searched; by default it stays numpy's.

    Returns
    -------
    Measured
        For the probes `logistic`, `svm` and `knn`: scores `<probe>_accuracy` and
        `<probe>_accuracy_permuted_labels`, the control, which is at chance: at most the share of
        the commonest class; items `<probe>_correct`; classes `<probe>_accuracy`.
        Scores `logistic_accuracy_at_<n>_labels` for the n of `DRAWS` that train has.
    """
    train, test = standardise(train, test)
    exact = train.astype(np.float64), train_labels, test.astype(np.float64), test_labels
    probes = {
        "logistic": linear_probe(linear.cross_entropy, *exact),
        "svm": linear_probe(linear.squared_hinge, *exact),
        "knn": knn_probe(train, train_labels, test, test_labels, place),
    }
    together = measured()
    for name, probe in probes.items():
        accuracy = f"{name}_accuracy"
        together.scores[accuracy] = probe.accuracy
        together.scores[f"{accuracy}_permuted_labels"] = probe.accuracy_permuted_labels
        together.items[f"{name}_correct"] = probe.correct
        together.classes[accuracy] = class_means(probe.correct, test_labels, n_classes)
    for n in DRAWS:
        if n <= len(train):
            together.scores[f"logistic_accuracy_at_{n}_labels"] = _accuracy_from(n, *exact)
    return together


def layer_scores(
    layers: Iterable[tuple[np.ndarray, np.ndarray]],
    train_labels: np.ndarray,
    test_labels: np.ndarray,
) -> Measured:
    """Accuracy of logistic regression on features from inside the encoder.

    Parameters
    ----------
    layers : iterable of (train, test), ndarray [n_train, width], [n_test, width]
        Features of each layer, from the one next to the input on. Of the train items that the
        probes on the codes learn from, so that the labels drawn are the same.
    train_labels, test_labels : ndarray [n_train], [n_test] of int
        Class ids from 0.

    Returns
    -------
    Measured
        Scores `logistic_accuracy_of_layer_<i>` for i from 1, to be compared with
        `logistic_accuracy_at_1000_labels` of the code. A layer of more than `WIDEST_LAYER` units
        keeps its number and has no score; none has where train has fewer items.
    """
    if len(train_labels) < LAYER_LABELS:
        return measured()
    scores = {}
    for i, features in enumerate(layers, start=1):
        if features[0].shape[1] > WIDEST_LAYER:
            continue
        train, test = standardise(*features)
        scores[f"logistic_accuracy_of_layer_{i}"] = _accuracy_from(
            LAYER_LABELS, train, train_labels, test.astype(np.float64), test_labels
        )
    return measured(scores)


def _accuracy_from(
    n: int, train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> float:
    """Mean accuracy of logistic regression from `DRAWS[n]` draws of n labels."""
    accuracies = []
    for draw in range(DRAWS[n]):
        some = spread_sample(train_labels, n, draw, "few labels")
        codes = train[some].astype(np.float64)
        model = linear.fit(
            linear.cross_entropy,
            codes,
            train_labels[some],
            CURVE_PENALTY,
            tolerance=CURVE_TOLERANCE,
        )
        accuracies.append(np.mean(model.predict(test) == test_labels))
    return float(np.mean(accuracies))
