"""Probes: simple classifiers that learn the class of an item from its code.

All see codes standardised by the mean and standard deviation of the TRAIN codes. Their
hyperparameters are chosen on a validation part taken from train; the test items are used once.
Each has a control, the same probe where labels are permuted in train and, separately, in test. Only
then is it at chance: what is learned from labels permuted in train alone may still be one class for
each cluster of codes, and by luck the right one for a whole cluster of test items.
"""

from typing import NamedTuple

import numpy as np

from aebench.metrics import linear
from aebench.metrics.arrays import Place, here
from aebench.metrics.neighbours import neighbours
from aebench.streams import stream

NEIGHBOURS = (1, 3, 5, 9, 15, 31)
"""Numbers of neighbours k to choose from."""

PENALTIES = (0.01, 1.0, 100.0)
"""Inverse penalties C of the linear probes to choose from."""

VALIDATION_SHARE = 10
VALIDATION_ITEMS = 5_000
"""The validation part: one in ten of train, at most 5,000."""

PENALTY_ITEMS = 10_000
"""C is chosen on at most this many train items: the choice among factors of 100 needs no more."""

CONTROL_ITEMS = 1_000
"""Train items from which the controls of the linear probes learn."""

SEED = 0
"""Of the validation part, of samples of train and of the permuted labels."""


class Probe(NamedTuple):
    """What a probe found.

    Attributes
    ----------
    correct : ndarray [n_test] of bool
        Is the class of the test item predicted rightly?
    chosen : float
        The hyperparameter chosen on the validation part: k, or C.
    accuracy_permuted_labels : float
        The control: the accuracy where no label belongs to its code.
    """

    correct: np.ndarray
    chosen: float
    accuracy_permuted_labels: float

    @property
    def accuracy(self) -> float:
        """Share of test items whose class is predicted rightly."""
        return float(self.correct.mean())


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
    mean = train.mean(axis=0, dtype=np.float64)
    # Computed in float64 a piece at a time: no array of all of it, twice the size of the codes.
    parts = tuple(
        np.subtract(part, mean, out=np.empty(part.shape, np.float32), casting="same_kind")
        for part in (train, test)
    )
    scale = np.sqrt(np.einsum("if,if->f", parts[0], parts[0], dtype=np.float64) / len(train))
    scale[scale == 0] = np.inf  # of constants: their mean is exact
    for part in parts:
        np.divide(part, scale, out=part, casting="same_kind")
    return parts


def spread_sample(labels: np.ndarray, size: int, seed: int, name: str) -> np.ndarray:
    """Draw `size` items at random, each class in its proportion.

    Items are put in order of class, classes and the items of each at random, and taken at equal
    steps: every class gets its share rounded up or down, and classes with a single item need no
    exception.

    Returns
    -------
    ndarray [size] of int
        Positions, ascending.
    """
    random = stream(seed, name)
    classes = random.permutation(labels.max() + 1)[labels]
    order = np.lexsort((random.permutation(len(labels)), classes))
    steps = (np.arange(size) + 0.5) * len(labels) / size
    return np.sort(order[steps.astype(np.intp)])


def split(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (fit, validation) of a stratified split of train.

    Of fewer than two items nothing can be held out: both parts are then all of them.
    """
    everything = np.arange(len(labels))
    if len(labels) < 2:
        return everything, everything
    size = min(VALIDATION_ITEMS, max(1, len(labels) // VALIDATION_SHARE))
    validation = spread_sample(labels, size, SEED, "probe validation")
    return np.setdiff1d(everything, validation, assume_unique=True), validation


def knn_probe(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    place: Place = here,
) -> Probe:
    """k-nearest neighbours, Euclidean, majority vote.

    Parameters
    ----------
    train, test : ndarray [n_train, d], [n_test, d]
        Standardised codes, float32.
    train_labels, test_labels : ndarray [n_train], [n_test] of int
        Class ids from 0.
    place : callable
        Moves an array to where neighbours are searched; by default it stays numpy's.

    Returns
    -------
    Probe
        `chosen` is k, the largest of the best on the validation part: of equals the one that
        depends least on single items, which is what keeps codes without information at chance.
        The control has that k and the same neighbours.
    """
    fit, validation = split(train_labels)
    sizes = [k for k in NEIGHBOURS if k <= len(fit)]
    nearest = train_labels[fit][neighbours(train[fit], train[validation], sizes[-1], place)]
    scores = [float(np.mean(v == train_labels[validation])) for v in _votes(nearest, sizes)]
    k = max(k for k, score in zip(sizes, scores, strict=True) if score == max(scores))
    nearest = neighbours(train, test, k, place)
    random = stream(SEED, "permuted labels")
    permuted = random.permutation(train_labels), random.permutation(test_labels)
    correct, control = (
        _votes(learned[nearest], [k])[0] == right
        for learned, right in ((train_labels, test_labels), permuted)
    )
    return Probe(correct, k, float(control.mean()))


def linear_probe(
    loss: linear.Loss,
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
) -> Probe:
    """Logistic regression or a linear SVM, with a squared penalty.

    Parameters
    ----------
    loss : `linear.cross_entropy` or `linear.squared_hinge`
    train, test : ndarray [n_train, d], [n_test, d]
        Standardised codes, float64.
    train_labels, test_labels : ndarray [n_train], [n_test] of int
        Class ids from 0.

    Returns
    -------
    Probe
        `chosen` is C, raised as long as the validation part does not suffer; the smallest of
        equals. The control has that C and learns from at most `CONTROL_ITEMS`.
    """
    fit, validation = split(train_labels)
    if len(fit) > PENALTY_ITEMS:
        fit = fit[spread_sample(train_labels[fit], PENALTY_ITEMS, SEED, "penalty items")]
    codes, labels = train[fit], train_labels[fit]
    model, best, chosen = None, -1.0, PENALTIES[0]
    for C in PENALTIES:
        # Each fit starts from the one before: fewer iterations, and nearer to the optimum.
        candidate = linear.fit(loss, codes, labels, C, start=model)
        score = float(np.mean(candidate.predict(train[validation]) == train_labels[validation]))
        if score < best:  # less penalty only fits on, and takes the longest
            break
        if score > best:
            best, chosen = score, C
        model = candidate
    model = linear.fit(loss, train, train_labels, chosen, start=model)
    random = stream(SEED, "permuted labels")
    some = random.permutation(len(train))[:CONTROL_ITEMS]
    control = linear.fit(loss, train[some], random.permutation(train_labels[some]), chosen)
    return Probe(
        model.predict(test) == test_labels,
        chosen,
        float(np.mean(control.predict(test) == random.permutation(test_labels))),
    )


def _votes(nearest: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    """Majority class among the first k of `nearest` [n, k] for each k; ties to the smallest id."""
    counts = np.zeros((len(nearest), int(nearest.max()) + 1), dtype=np.int32)
    items, votes = np.arange(len(nearest)), []
    for position in range(max(sizes)):
        counts[items, nearest[:, position]] += 1
        if position + 1 in sizes:
            votes.append(counts.argmax(axis=1))
    return votes
