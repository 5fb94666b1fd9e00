import tracemalloc

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from aebench.metrics import neighbours as module
from aebench.metrics.neighbours import neighbours


def codes(kind, n=400, d=5, seed=0):
    """Train items and queries that are random, or tie, or lie closer than float32 products tell."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n + 50, d))
    if kind == "whole numbers":
        X = np.round(X)
    if kind == "duplicates":
        X = X[rng.integers(0, 10, len(X))]
    if kind == "clusters":
        X = np.sign(X) + 1e-5 * rng.normal(size=X.shape)
    if kind == "far away":
        X = 1 + 1e-4 * X
        X[0] = 1e4
    if kind == "zeros":
        X[:] = 0
    X = X.astype(np.float32)
    return X[:n], X[n:]


KINDS = ["random", "whole numbers", "duplicates", "clusters", "far away", "zeros"]


def oracle(train, queries, k):
    """Nearest neighbours by all distances, taken directly; of equal ones the first."""
    distances = np.square(queries[:, None].astype(np.float64) - train).sum(axis=2)
    return np.argsort(distances, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "k"), [(1, 1), (7, 7), (40, 31), (400, 5), (1500, 31)])
def test_against_all_distances(kind, n, k):
    train, queries = codes(kind, n)
    np.testing.assert_array_equal(neighbours(train, queries, k), oracle(train, queries, k))


@pytest.mark.parametrize("d", [1, 30])
def test_against_scikit_learn(d):
    train, queries = codes("random", 2000, d)
    search = NearestNeighbors(n_neighbors=9, algorithm="brute").fit(train.astype(np.float64))
    expected = search.kneighbors(queries.astype(np.float64), return_distance=False)
    np.testing.assert_array_equal(neighbours(train, queries, 9), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_torch_finds_the_same(torch_place, kind):
    train, queries = codes(kind, 900)
    found = neighbours(train, queries, 15, place=torch_place)
    np.testing.assert_array_equal(found, neighbours(train, queries, 15))


@pytest.mark.parametrize("entries", [1, 3000, 2**20])
@pytest.mark.parametrize("kind", KINDS)
def test_blocks_do_not_matter(monkeypatch, kind, entries):
    train, queries = codes(kind, 900)
    monkeypatch.setattr(module, "_BLOCK_ENTRIES", entries)
    np.testing.assert_array_equal(neighbours(train, queries, 7), oracle(train, queries, 7))


@pytest.mark.parametrize("kind", ["random", "clusters"])
def test_float32_suffices_but_for_tight_clusters(monkeypatch, kind):
    """The second search is what tight clusters need, and random codes never."""
    train, queries = codes(kind, 3000)
    searched = []
    search = module._search
    monkeypatch.setattr(module, "_search", lambda *a: searched.append(a[4]) or search(*a))
    neighbours(train, queries, 3)
    assert searched == ([np.float32] if kind == "random" else [np.float32, np.float64])


def test_memory_is_a_few_blocks(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_ENTRIES", 2**15)
    rng = np.random.default_rng(0)
    train, queries = (rng.normal(size=(n, 3)).astype(np.float32) for n in (5000, 2000))
    tracemalloc.start()
    neighbours(train, queries, 5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e6  # all distances as float32 are 4e7
