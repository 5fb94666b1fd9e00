"""How well the class of an item can be read from its code: two probes, k-nearest neighbours and
logistic regression.

Both see codes standardised by the mean and standard deviation of the TRAIN codes. Their
hyperparameters are chosen on a validation part taken from train; the test items are used once.
"""

import warnings
from typing import NamedTuple

import numpy as np

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
"""Of L-BFGS. On standardised codes accuracy stands still long before; see `_fit_logistic`."""


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
    nearest = train_labels[fit][_neighbours(train[fit], train[validation], sizes[-1])]
    scores = [float(np.mean(v == train_labels[validation])) for v in _votes(nearest, sizes)]
    k = max(k for k, score in zip(sizes, scores, strict=True) if score == max(scores))
    neighbours = _neighbours(train, test, k)
    permuted = np.random.default_rng(seed).permutation(train_labels)
    accuracy, control = (
        float(np.mean(_votes(labels[neighbours], [k])[0] == test_labels))
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
        `chosen` is C, the smallest of the best on the validation part.
    """
    fit, validation = split(train_labels, seed)
    if len(fit) > PENALTY_ITEMS:
        fit = fit[spread_sample(train_labels[fit], PENALTY_ITEMS, seed)]
    scores = [
        np.mean(
            _predict_logistic(train[fit], train_labels[fit], train[validation], C)
            == train_labels[validation]
        )
        for C in PENALTIES
    ]
    C = PENALTIES[int(np.argmax(scores))]
    predicted = _predict_logistic(train, train_labels, test, C)
    return Probe(float(np.mean(predicted == test_labels)), C)


def classification_scores(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    seed: int = 0,
) -> dict[str, float]:
    """Accuracies of both probes on raw codes, and the control of k-nearest neighbours."""
    train, test = standardise(train, test)
    knn = knn_probe(train, train_labels, test, test_labels, seed)
    logistic = logistic_probe(train, train_labels, test, test_labels, seed)
    return {
        "logistic_accuracy": logistic.accuracy,
        "knn_accuracy": knn.accuracy,
        "knn_accuracy_permuted_labels": knn.accuracy_permuted_labels,
    }


def _neighbours(train: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Positions [n_queries, k] of the nearest train items, nearest first."""
    from sklearn.neighbors import NearestNeighbors

    # Brute force, because trees become slow beyond ten dimensions and collapse on identical codes.
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(train)
    return search.kneighbors(queries, return_distance=False)


def _votes(nearest: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    """Majority class among the first k of `nearest` [n, k] for each k; ties to the smallest id."""
    counts = np.zeros((len(nearest), int(nearest.max()) + 1), dtype=np.int32)
    items, votes = np.arange(len(nearest)), []
    for position in range(max(sizes)):
        counts[items, nearest[:, position]] += 1
        if position + 1 in sizes:
            votes.append(counts.argmax(axis=1))
    return votes


def _predict_logistic(
    train: np.ndarray, labels: np.ndarray, queries: np.ndarray, C: float
) -> np.ndarray:
    """Fit on `train` and predict the classes of `queries`."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if (labels == labels[0]).all():
        return np.full(len(queries), labels[0])
    with warnings.catch_warnings():
        # A run that meets the limit is still a valid probe: its accuracy has long stood still,
        # only the weights of a nearly separable problem go on growing.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # float64: in float32 the line search of L-BFGS ends early by rounding.
        model = LogisticRegression(C=C, max_iter=MAX_ITERATIONS)
        return model.fit(train.astype(np.float64), labels).predict(queries.astype(np.float64))
