"""Items drawn, and numbers drawn for items, by what the items are and not by where they stand."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from scipy import sparse

from aebench.streams import entropy

Matrix: TypeAlias = np.ndarray | sparse.csr_matrix | sparse.csr_array


def choose(X: Matrix, limit: int | None, seed: int = 0) -> np.ndarray:
    """Choose items at random, the same ones in whatever order they come.

    Parameters
    ----------
    X : ndarray or CSR matrix [n, n_features]
    limit : int, optional
        How many; all by default.
    seed : int

    Returns
    -------
    ndarray [min(limit, n)] of int64
        Their rows, in random order: the first of them are a smaller choice. Equal items stand for
        each other.
    """
    return np.argsort(fingerprints(X, "sample items", seed), kind="stable")[:limit]


def generators(X: Matrix, name: str, seed: int = 0) -> Iterator[np.random.Generator]:
    """Return a random stream for each item: it depends on the item, a name and the seed alone.

    Equal items draw equal numbers. Philox is made to be keyed (Salmon et al. 2011, "Parallel random
    numbers: as easy as 1, 2, 3", SC11).
    """
    return (np.random.Generator(np.random.Philox(key=own)) for own in fingerprints(X, name, seed))


def fingerprints(X: Matrix, name: str, seed: int = 0) -> np.ndarray:
    """Hash each item, [n] of uint64: its values as float32 and where they are.

    The name of what it is for and the seed go in, too; see `aebench.streams`.
    """
    key = entropy(seed, name).generate_state(4).tobytes()
    digests = (blake2b(item, digest_size=8, key=key).digest() for item in _bytes(X))
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def _bytes(X: Matrix) -> Iterator[bytes]:
    if isinstance(X, np.ndarray):
        for row in X:
            yield np.ascontiguousarray(row, dtype="<f4").tobytes()
        return
    X.sum_duplicates()  # sorts the columns of a row, too
    columns, values = X.indices.astype("<i4", copy=False), X.data.astype("<f4", copy=False)
    for start, end in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        yield columns[start:end].tobytes() + values[start:end].tobytes()


def in_rounds(labels: np.ndarray, most: int) -> np.ndarray:
    """Return positions of at most `most` items: the first of each class, the second, and so on.

    Parameters
    ----------
    labels : ndarray [n], or indicators [n, n_classes]
        Of several classes an item counts for its first.
    most : int

    Returns
    -------
    ndarray, int64, shape [m]
        Within a round in the order of classes; a class that has run out is left out.
    """
    if labels.ndim == 2:
        labels = labels.argmax(axis=1)
    by_class = np.argsort(labels, kind="stable")
    ordered = labels[by_class]
    rounds = np.empty(len(labels), dtype=np.int64)
    rounds[by_class] = np.arange(len(labels)) - np.searchsorted(ordered, ordered)
    return np.lexsort((labels, rounds))[:most]
