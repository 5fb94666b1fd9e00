"""How much of a test item its reconstruction keeps: squared error and cross-entropy."""

import math
import mmap
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

Matrix: TypeAlias = np.ndarray | sparse.csr_matrix | sparse.csr_array

SMALLEST_SHARE = 1e-8
"""A reconstruction that gives probability 0 to a word that occurs would cost infinitely many nats.
Shares are floored here, so such a word costs 18.4 nats; the floor is far below 1/2,000, the share
of a word about which nothing is known, and no sensible reconstruction meets it."""

PIXEL_MARGIN = 1 / 510
"""Half of one grey level of 255: reconstructed pixels are clipped to [1/510, 1 - 1/510] before
logarithms are taken, because the pixel itself is not known more exactly than that."""

_BLOCK_ENTRIES = 2**18


def squared_error(X: Matrix, R: np.ndarray) -> np.ndarray:
    """Squared error of each item, summed over its features.

    Parameters
    ----------
    X : ndarray or CSR matrix [n, n_features]
        Images as pixels in [0, 1] (dense), or documents as counts of words (CSR), which are
        compared as shares, count / length of the document. A document without words has shares 0.
    R : ndarray [n, n_features]
        Reconstructions: pixels or shares. May be a memory map: blocks of items are read in turn.

    Returns
    -------
    ndarray [n], float64
        In squared pixels or squared shares. The unit of Hinton & Salakhutdinov (2006, Science
        313:504) is the mean of this over the items.
    """
    errors = np.empty(R.shape[0])
    for rows, block in blocks(R):
        difference = _difference(X[rows], block)
        errors[rows] = np.einsum("if,if->i", difference, difference)
    return errors


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
    nats = np.empty(R.shape[0])
    for rows, block in blocks(R):
        x = X[rows].astype(np.float64)
        r = np.clip(block.astype(np.float64), PIXEL_MARGIN, 1 - PIXEL_MARGIN)
        nats[rows] = -(x * np.log(r) + (1 - x) * np.log1p(-r)).sum(axis=1)
    return nats


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
    nats = np.empty(R.shape[0])
    for rows, block in blocks(R):
        counts = X[rows]
        document = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        shares = np.maximum(block[document, counts.indices].astype(np.float64), SMALLEST_SHARE)
        nats[rows] = np.bincount(
            document, weights=-counts.data * np.log(shares), minlength=counts.shape[0]
        )
    return nats


def image_scores(X: np.ndarray, R: np.ndarray) -> dict[str, float]:
    """Mean over images of `squared_error` and of `cross_entropy` (nats an image)."""
    return {
        "squared_error": float(squared_error(X, R).mean()),
        "cross_entropy": float(binary_cross_entropy(X, R).mean()),
    }


def document_scores(X: sparse.csr_matrix, R: np.ndarray) -> dict[str, float]:
    """Scores of document reconstructions.

    Returns
    -------
    dict
        `squared_error` (between shares) and `cross_entropy` (nats), means over documents;
        `cross_entropy_per_word`, total nats / total words, so long documents weigh more;
        `perplexity`, its exponential (NaN, as the former, when no document has a word).
    """
    nats, words = word_cross_entropy(X, R), float(X.sum(dtype=np.float64))
    per_word = float(nats.sum()) / words if words else math.nan
    return {
        "squared_error": float(squared_error(X, R).mean()),
        "cross_entropy": float(nats.mean()),
        "cross_entropy_per_word": per_word,
        "perplexity": math.exp(per_word),
    }


def blocks(R: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
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
    counts, difference = X, R.astype(np.float64)
    counts.sum_duplicates()
    document = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    lengths = np.bincount(document, weights=counts.data, minlength=counts.shape[0])
    lengths[lengths == 0] = 1
    difference[document, counts.indices] -= counts.data / lengths[document]
    return difference
