"""How well the class of an item can be read from its code: two probes, k-nearest neighbours and
logistic regression.

Both see codes standardised by the mean and standard deviation of the TRAIN codes. Their
hyperparameters are chosen on a validation part taken from train; the test items are used once.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np

from aebench.metrics.arrays import Place, here
from aebench.metrics.neighbours import neighbours

NEIGHBOURS = (1, 3, 5, 9, 15, 31)
"""Numbers of neighbours k to choose from."""

PENALTIES = (0.01, 1.0, 100.0)
"""Inverse penalties C of logistic regression to choose from."""

VALIDATION_SHARE = 10
VALIDATION_ITEMS = 5_000
"""The validation part: one in ten of train, at most 5,000."""

PENALTY_ITEMS = 10_000
"""C is chosen on at most this many train items: the choice among factors of 100 needs no more."""

MAX_ITERATIONS = 300
"""Of L-BFGS. On standardised codes accuracy stands still long before; see `_logistic`."""


class Probe(NamedTuple):
    """What a probe found.

    Attributes
    ----------
    accuracy : float
        Share of test items whose class is predicted rightly.
    chosen : float
        The hyperparameter chosen on the validation part: k, or C.
    accuracy_permuted_labels : float
        The control: the same with the train labels permuted; NaN where it is not measured.
    """

    accuracy: float
    chosen: float
    accuracy_permuted_labels: float = float("nan")


def standardise(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shift and scale both by the mean and standard deviation of `train`.

    Parameters
    ----------
    train, test : ndarray [n_train, d], [n_test, d]
        Codes, float32 or uint8.

    Returns
    -------
    tuple of ndarray, float32
        A dimension that is constant over train says nothing and is 0 in both.
    """
    exact = train.astype(np.float64)
    mean, scale = exact.mean(axis=0), exact.std(axis=0)
    constant = train.max(axis=0) == train.min(axis=0)  # std of a constant may round to above 0
    scale[constant] = np.inf
    return (
        ((exact - mean) / scale).astype(np.float32),
        ((test - mean) / scale).astype(np.float32),
    )


def spread_sample(labels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Draw `size` items at random, each class in its proportion.

    Items are put in order of class, at random inside a class, and taken at equal steps: every
    class gets its share rounded up or down, and classes with a single item need no exception.

    Returns
    -------
    ndarray [size] of int
        Positions, ascending.
    """
    order = np.lexsort((np.random.default_rng(seed).permutation(len(labels)), labels))
    steps = (np.arange(size) + 0.5) * len(labels) / size
    return np.sort(order[steps.astype(np.intp)])


def split(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions (fit, validation) of a seeded, stratified split of train.

    Of fewer than two items nothing can be held out: both parts are then all of them.
    """
    everything = np.arange(len(labels))
    if len(labels) < 2:
        return everything, everything
    size = min(VALIDATION_ITEMS, max(1, len(labels) // VALIDATION_SHARE))
    validation = spread_sample(labels, size, seed)
    return np.setdiff1d(everything, validation, assume_unique=True), validation


def knn_probe(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    seed: int = 0,
    place: Place = here,
) -> Probe:
    """Accuracy of k-nearest neighbours, Euclidean, majority vote.

    Parameters
    ----------
    train, test : ndarray [n_train, d], [n_test, d]
        Standardised codes, float32.
    train_labels, test_labels : ndarray [n_train], [n_test] of int
        Class ids from 0.
    seed : int
        Of the validation part and of the permutation of the control.
    place : callable
        Moves an array to where neighbours are searched; by default it stays numpy's.

    Returns
    -------
    Probe
        `chosen` is k, the largest of the best on the validation part: of equals the one that
        depends least on single items, which is what keeps codes without information at chance.
        The control is the accuracy with permuted train labels at that k, from the same neighbours:
        at chance, which is at most the share of the commonest class.
    """
    fit, validation = split(train_labels, seed)
    sizes = [k for k in NEIGHBOURS if k <= len(fit)]
    nearest = train_labels[fit][neighbours(train[fit], train[validation], sizes[-1], place)]
    scores = [float(np.mean(v == train_labels[validation])) for v in _votes(nearest, sizes)]
    k = max(k for k, score in zip(sizes, scores, strict=True) if score == max(scores))
    nearest = neighbours(train, test, k, place)
    permuted = np.random.default_rng(seed).permutation(train_labels)
    accuracy, control = (
        float(np.mean(_votes(labels[nearest], [k])[0] == test_labels))
        for labels in (train_labels, permuted)
    )
    return Probe(accuracy, k, control)


def logistic_probe(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    seed: int = 0,
) -> Probe:
    """Accuracy of multinomial logistic regression with a squared penalty.

    Parameters
    ----------
    train, train_labels, test, test_labels, seed
        As for `knn_probe`.

    Returns
    -------
    Probe
        `chosen` is C, raised as long as the validation part does not suffer; the smallest of
        equals.
    """
    # float64: in float32 the line search of L-BFGS ends early by rounding.
    train, test = train.astype(np.float64), test.astype(np.float64)
    fit, validation = split(train_labels, seed)
    if len(fit) > PENALTY_ITEMS:
        fit = fit[spread_sample(train_labels[fit], PENALTY_ITEMS, seed)]
    model, best, chosen = None, -1.0, PENALTIES[0]
    for C in PENALTIES:
        # Each fit starts from the one before: half of the iterations, and nearer to the optimum.
        candidate = _logistic(train[fit], train_labels[fit], C, start=model)
        score = float(np.mean(candidate.predict(train[validation]) == train_labels[validation]))
        if score < best:  # less penalty only fits on, and takes the longest
            break
        if score > best:
            best, chosen = score, C
        model = candidate
    model = _logistic(train, train_labels, chosen, start=model)
    return Probe(float(np.mean(model.predict(test) == test_labels)), chosen)


def classification_scores(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    seed: int = 0,
    place: Place = here,
) -> dict[str, float]:
    """Accuracies of both probes on raw codes, and the control of k-nearest neighbours."""
    train, test = standardise(train, test)
    knn = knn_probe(train, train_labels, test, test_labels, seed, place)
    logistic = logistic_probe(train, train_labels, test, test_labels, seed)
    return {
        "logistic_accuracy": logistic.accuracy,
        "knn_accuracy": knn.accuracy,
        "knn_accuracy_permuted_labels": knn.accuracy_permuted_labels,
    }


def _votes(nearest: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    """Majority class among the first k of `nearest` [n, k] for each k; ties to the smallest id."""
    counts = np.zeros((len(nearest), int(nearest.max()) + 1), dtype=np.int32)
    items, votes = np.arange(len(nearest)), []
    for position in range(max(sizes)):
        counts[items, nearest[:, position]] += 1
        if position + 1 in sizes:
            votes.append(counts.argmax(axis=1))
    return votes


def _logistic(train: np.ndarray, labels: np.ndarray, C: float, start: Any = None) -> Any:
    """Fit, from the weights of the model `start` where it knows the same classes."""
    from sklearn.dummy import DummyClassifier
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(labels)
    if len(classes) < 2:
        return DummyClassifier().fit(train, labels)
    model = LogisticRegression(C=C, max_iter=MAX_ITERATIONS, warm_start=True)
    if start is not None and np.array_equal(start.classes_, classes):
        model.coef_, model.intercept_ = start.coef_.copy(), start.intercept_.copy()
    with warnings.catch_warnings():
        # A run that meets the limit is still a valid probe: its accuracy has long stood still,
        # only the weights of a nearly separable problem go on growing.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(train, labels)
