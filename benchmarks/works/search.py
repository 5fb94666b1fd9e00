"""Nearest neighbours and retrieval: our metrics against the search alone in other libraries.

Ours includes the measure itself: votes, the control with permuted labels, expectation over ties.
The peers only search, exactly and for as many neighbours as the measure needs.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from aebench import datasets, models
from aebench.metrics import probes, retrieval
from works.measure import OURS, Row, Scale, race, rows, timed
from works.variants import parameters

CODE_SIZE = 30


def codes(scale: Scale) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Codes of MNIST by PCA, standardised, and labels: train, test, train labels, test labels."""
    mnist = datasets.prepare("mnist", scale.train, scale.test)
    model = models.build("PCA", CODE_SIZE, parameters("pca", "images")).fit(mnist.train)
    found = model.transform(mnist.train), model.transform(mnist.test)
    train, test = probes.standardise(*found)
    return train, test, mnist.train_labels, mnist.test_labels


def knn(scale: Scale) -> Iterator[Row]:
    """The kNN probe: k is chosen on a validation part of train, then test items are classified."""
    train, test, train_labels, test_labels = codes(scale)
    test, test_labels = test[: scale.search_test], test_labels[: scale.search_test]
    fit, validation = probes.split(train_labels)
    probe = partial(probes.knn_probe, train, train_labels, test, test_labels)
    most = probes.NEIGHBOURS[-1]
    k = int(probe().chosen)
    searches = [(train[fit], train[validation], most), (train, test, k)]
    contestants = {
        OURS: lambda: timed(probe),
        "scikit-learn, brute force": lambda: _scikit_learn(searches, "euclidean"),
        "faiss IndexFlatL2": lambda: _faiss(searches, "IndexFlatL2"),
    }
    best = race(contestants, scale)
    size = (
        f"MNIST codes of {CODE_SIZE}: {len(validation):,} against {len(fit):,} for {most} "
        f"neighbours, {len(test):,} against {len(train):,} for {k}"
    )
    yield from rows("kNN accuracy", size, "knn_probe: search, votes, control", best)


def retrieve(scale: Scale) -> Iterator[Row]:
    """Retrieval: mean average precision needs the whole ranking of every query."""
    _, test, _, labels = codes(scale)
    queries = np.sort(np.random.default_rng(0).permutation(len(test))[: scale.queries])
    unit = test / np.linalg.norm(test, axis=1, keepdims=True)
    everything = [(unit, unit[queries], len(test))]
    contestants = {
        OURS: lambda: timed(lambda: retrieval.retrieval_scores(test, labels, len(queries))),
        "scikit-learn, brute force": lambda: _scikit_learn(everything, "cosine"),
        "faiss IndexFlatIP": lambda: _faiss(everything, "IndexFlatIP"),
    }
    best = race(contestants, scale)
    size = f"MNIST codes of {CODE_SIZE}: {len(queries):,} queries rank {len(test):,} items"
    yield from rows("retrieval", size, "retrieval_scores: ranking, ties, control", best)


Searches = list[tuple[np.ndarray, np.ndarray, int]]
"""Items, queries and the number of neighbours."""


def _scikit_learn(searches: Searches, metric: str) -> float:
    from sklearn.neighbors import NearestNeighbors

    def work() -> None:
        for items, queries, k in searches:
            search = NearestNeighbors(n_neighbors=k, algorithm="brute", metric=metric).fit(items)
            search.kneighbors(queries)

    return timed(work)


def _faiss(searches: Searches, index: str) -> float:
    import faiss

    make: Callable[[int], faiss.Index] = getattr(faiss, index)

    def work() -> None:
        for items, queries, k in searches:
            search = make(items.shape[1])
            search.add(items)
            search.search(queries, k)

    return timed(work)
