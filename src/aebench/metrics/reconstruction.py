"""How much of an item its reconstruction keeps: squared error and cross-entropy."""

import math
import mmap
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from aebench.metrics.measured import Measured, Model, class_means, measured
from aebench.metrics.sampling import Matrix

SMALLEST_SHARE = 1e-8
"""A reconstruction that gives probability 0 to a word that occurs would cost infinitely many nats.
Shares are floored here, so such a word costs 18.4 nats; the floor is far below 1/2,000, the share
of a word about which nothing is known, and no sensible reconstruction meets it."""

PIXEL_MARGIN = 1 / 510
"""Half of one grey level of 255: reconstructed pixels are clipped to [1/510, 1 - 1/510] before
logarithms are taken, because the pixel itself is not known more exactly than that."""

_BLOCK_ENTRIES = 2**18


class Rows(Protocol):
    """What reconstructions may be: an array, a memory map, or `Decoded`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """[n, n_features]."""

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """Return some rows."""


class Decoded:
    """Reconstructions that are decoded when they are read: never more than the rows asked for.

    Parameters
    ----------
    model : Model
    codes : ndarray [n, code_size]
    n_features : int
    """

    def __init__(self, model: Model, codes: np.ndarray, n_features: int) -> None:
        self.model, self.codes, self.shape = model, codes, (len(codes), n_features)

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return reconstructions of these rows, float32."""
        return np.asarray(self.model.inverse_transform(self.codes[rows]), dtype=np.float32)


def reconstruction_scores(
    X: Matrix, R: Rows, train_mean: np.ndarray, kind: str, labels: np.ndarray, n_classes: int
) -> Measured:
    """Scores of reconstructions, read once, a block at a time.

    Parameters
    ----------
    X : ndarray or CSR matrix [n, n_features]
        Pixels in [0, 1], or counts of words.
    R : ndarray, memory map or Decoded [n, n_features]
        Reconstructed pixels, or shares of words.
    train_mean : ndarray [n_features]
        Of the training items, see `mean_item`.
    kind : {"images", "documents"}
    labels : ndarray [n] of int, or [n, n_classes] of 0 and 1
    n_classes : int

    Returns
    -------
    Measured
        scores: means over items of `squared_error` (squared pixels summed over an image, or squared
        shares summed over a document's words) and of `cross_entropy` (nats an item).
        `explained_variance`, 1 - squared error / squared error of the train mean: a share, exactly
        0 for that mean, below 0 for what is worse, NaN where all items are the mean. (The control
        `mean` of documents reconstructs the shares of words in all of train, which are likelier
        than the mean document's, and so lies a little below 0.) Documents also have
        `cross_entropy_per_word`, total nats / total words, so that long ones weigh more, and
        `perplexity`, its exponential (both NaN when no document has a word).
        items: `squared_error` and `cross_entropy` [n].
        classes: `squared_error` of images, `perplexity` of documents.
    """
    mean = np.asarray(train_mean, dtype=np.float32)

    def error_of_mean(x: Matrix, r: np.ndarray) -> np.ndarray:
        return squared_error(x, np.tile(mean, (len(r), 1)))

    nats_of = binary_cross_entropy if kind == "images" else word_cross_entropy
    squared, nats, baseline = in_one_pass(X, R, squared_error, nats_of, error_of_mean)
    total, of_mean = math.fsum(squared), math.fsum(baseline)
    scores = {
        "squared_error": total / len(squared),
        "cross_entropy": math.fsum(nats) / len(nats),
        "explained_variance": 1 - total / of_mean if of_mean else math.nan,
    }
    if kind == "images":
        classes = {"squared_error": class_means(squared, labels, n_classes)}
    else:
        words = _lengths(X)
        scores["cross_entropy_per_word"] = _per_word(nats, words)
        scores["perplexity"] = math.exp(scores["cross_entropy_per_word"])
        nats_of_class = class_means(nats, labels, n_classes)
        words_of_class = class_means(words, labels, n_classes)
        some = np.where(words_of_class > 0, words_of_class, np.nan)
        classes = {"perplexity": np.exp(nats_of_class / some)}
    return measured(
        scores, items={"squared_error": squared, "cross_entropy": nats}, classes=classes
    )


def train_scores(
    model: Model, X: Matrix, codes: np.ndarray, train_mean: np.ndarray, kind: str
) -> Measured:
    """Return the scores of training items, a sample will do, as `train`.

    Parameters
    ----------
    X, codes : [n, n_features], [n, code_size]
        Items and their codes; the rest is as in `reconstruction_scores`.
    """
    one_class = np.zeros(len(codes), dtype=np.int64)
    R = Decoded(model, codes, X.shape[1])
    return measured(train=reconstruction_scores(X, R, train_mean, kind, one_class, 1).scores)


def headline(X: Matrix, R: Rows, kind: str, suffix: str = "") -> dict[str, float]:
    """Return the one number that other families compare: `squared_error`, or `perplexity` of words.

    Parameters are those of `reconstruction_scores`; the suffix is added to the name. Shares are
    scaled to sum to 1 first: of a mixture of topics they do not once its weights are quantised.
    """
    if kind == "images":
        (squared,) = in_one_pass(X, R, squared_error)
        return {f"squared_error{suffix}": math.fsum(squared) / len(squared)}
    (nats,) = in_one_pass(X, R, lambda x, r: word_cross_entropy(x, _in_shares(r)))
    return {f"perplexity{suffix}": math.exp(_per_word(nats, _lengths(X)))}


def mean_item(X: Matrix) -> np.ndarray:
    """Mean of the pixels of images, or of the shares of words of documents, [n_features].

    Parameters
    ----------
    X : ndarray or CSR matrix [n, n_features]
        Pixels, or counts.

    Returns
    -------
    ndarray, float32
    """
    if isinstance(X, np.ndarray):
        return X.mean(axis=0, dtype=np.float64).astype(np.float32)
    return np.asarray(X.T @ (1 / _divisors(X)) / X.shape[0], dtype=np.float32)


def in_one_pass(
    X: Matrix, R: Rows, *measures: Callable[[Any, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Apply measures of items and their reconstructions to blocks of both, [n_measures, n]."""
    values = np.empty((len(measures), R.shape[0]))
    for rows, block in blocks(R):
        x = X[rows]
        for own, measure in zip(values, measures, strict=True):
            own[rows] = measure(x, block)
    return values


def squared_error(X: Matrix, R: np.ndarray) -> np.ndarray:
    """Squared error of each item, summed over its features.

    Parameters
    ----------
    X : ndarray or CSR matrix [n, n_features]
        Images as pixels in [0, 1] (dense), or documents as counts of words (CSR), which are
        compared as shares, count / length of the document. A document without words has shares 0.
    R : ndarray [n, n_features]
        Reconstructions: pixels or shares.

    Returns
    -------
    ndarray [n], float64
        In squared pixels or squared shares. The unit of Hinton & Salakhutdinov (2006, Science
        313:504) is the mean of this over the items.
    """
    difference = _difference(X, R)
    return np.einsum("if,if->i", difference, difference)


def binary_cross_entropy(X: np.ndarray, R: np.ndarray) -> np.ndarray:
    """Cross-entropy of each image in nats, -sum_f x ln r + (1 - x) ln(1 - r).

    Parameters
    ----------
    X : ndarray [n, n_features]
        Pixels in [0, 1].
    R : ndarray [n, n_features]
        Reconstructed pixels, clipped to [1/510, 1 - 1/510] (see `PIXEL_MARGIN`).

    Returns
    -------
    ndarray [n], float64
    """
    x = X.astype(np.float64)
    r = np.clip(R.astype(np.float64), PIXEL_MARGIN, 1 - PIXEL_MARGIN)
    return -(x * np.log(r) + (1 - x) * np.log1p(-r)).sum(axis=1)


def word_cross_entropy(X: sparse.csr_matrix, R: np.ndarray) -> np.ndarray:
    """Cross-entropy of each document in nats, -sum_w count_w ln share_w.

    Parameters
    ----------
    X : CSR matrix [n, n_features]
        Counts of words.
    R : ndarray [n, n_features]
        Reconstructed shares, floored at `SMALLEST_SHARE`.

    Returns
    -------
    ndarray [n], float64
        A document without words costs 0 nats.
    """
    document = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    shares = np.maximum(R[document, X.indices].astype(np.float64), SMALLEST_SHARE)
    return np.bincount(document, weights=-X.data * np.log(shares), minlength=X.shape[0])


def blocks(R: Rows) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slices of rows and these rows of `R`, each of some 260,000 entries: they fit a cache.

    What was read of a memory map is let go after each block: it counts as memory of the process
    as long as it is mapped.
    """
    step = max(1, _BLOCK_ENTRIES // max(1, R.shape[1]))
    owner: Any = R
    while isinstance(owner, np.ndarray):
        owner = owner.base
    for start in range(0, R.shape[0], step):
        rows = slice(start, start + step)
        yield rows, R[rows]
        if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            owner.madvise(mmap.MADV_DONTNEED)


def _difference(X: Matrix, R: np.ndarray) -> np.ndarray:
    """Reconstructions minus what they should be, dense float64: pixels, or shares of words."""
    if isinstance(X, np.ndarray):
        return R.astype(np.float64) - X
    # Most words do not occur in a document: only those that do are subtracted.
    X.sum_duplicates()
    difference = R.astype(np.float64)
    document = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    difference[document, X.indices] -= X.data / _divisors(X)[document]
    return difference


def _lengths(X: sparse.csr_matrix) -> np.ndarray:
    """Numbers of words of documents, [n] float64."""
    return np.asarray(X.sum(axis=1, dtype=np.float64)).ravel()


def _divisors(X: sparse.csr_matrix) -> np.ndarray:
    """Lengths, but 1 for a document without words, whose shares are all 0."""
    lengths = _lengths(X)
    return np.where(lengths > 0, lengths, 1)


def _in_shares(R: np.ndarray) -> np.ndarray:
    totals = R.sum(axis=1, keepdims=True, dtype=np.float64)
    return R / np.where(totals > 0, totals, 1)


def _per_word(nats: np.ndarray, words: np.ndarray) -> float:
    total = math.fsum(words)
    return math.fsum(nats) / total if total else math.nan
