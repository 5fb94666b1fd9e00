import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.metrics import log_loss

from aebench.metrics import reconstruction
from aebench.metrics.reconstruction import (
    binary_cross_entropy,
    blocks,
    document_scores,
    image_scores,
    squared_error,
    word_cross_entropy,
)

COUNTS = sparse.csr_matrix(np.array([[2, 0, 2], [0, 3, 0]], dtype=np.float32))
SHARES = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], dtype=np.float32)


def test_squared_error_of_images_by_hand():
    X = np.array([[0, 1, 0.5], [1, 1, 1]], dtype=np.float32)
    R = np.array([[0, 0, 0], [1, 1, 0.5]], dtype=np.float32)
    np.testing.assert_allclose(squared_error(X, R), [1.25, 0.25])
    assert image_scores(X, R)["squared_error"] == pytest.approx(0.75)


def test_squared_error_of_pca_is_the_variance_left_over():
    X = np.random.default_rng(0).random((200, 10)).astype(np.float32)
    pca = PCA(3).fit(X)
    R = pca.inverse_transform(pca.transform(X)).astype(np.float32)
    left_over = X.var(axis=0).sum() - pca.explained_variance_.sum() * 199 / 200
    assert image_scores(X, R)["squared_error"] == pytest.approx(left_over, rel=1e-5)


def test_squared_error_of_documents_is_between_shares():
    # (1/2,0,1/2) against (1/2,1/4,1/4): 1/8; (0,1,0) against (1/4,1/2,1/4): 3/8
    np.testing.assert_allclose(squared_error(COUNTS, SHARES), [1 / 8, 3 / 8])


def test_cross_entropy_of_images_against_scikit_learn():
    rng = np.random.default_rng(0)
    X = (rng.random((20, 6)) > 0.5).astype(np.float32)
    R = rng.uniform(0.1, 0.9, (20, 6)).astype(np.float32)
    expected = [log_loss(x, r, labels=[0, 1], normalize=False) for x, r in zip(X, R, strict=True)]
    np.testing.assert_allclose(binary_cross_entropy(X, R), expected, rtol=1e-6)


def test_cross_entropy_of_grey_pixels_clips_the_reconstruction():
    X, R = np.array([[0.25, 0.0]]), np.array([[-3.0, 7.0]])
    low = 1 / 510
    expected = -(0.25 * math.log(low) + 0.75 * math.log(1 - low)) - math.log(low)
    assert binary_cross_entropy(X, R)[0] == pytest.approx(expected)


def test_document_scores_by_hand():
    nats = [2 * math.log(2) + 2 * math.log(4), 3 * math.log(2)]
    np.testing.assert_allclose(word_cross_entropy(COUNTS, SHARES), nats)
    scores = document_scores(COUNTS, SHARES)
    assert scores["cross_entropy"] == pytest.approx(sum(nats) / 2)
    assert scores["cross_entropy_per_word"] == pytest.approx(sum(nats) / 7)
    assert scores["perplexity"] == pytest.approx(2 ** (9 / 7))


def test_perplexity_of_uniform_shares_is_the_vocabulary():
    X = sparse.random(30, 50, density=0.2, random_state=0, format="csr")
    X.data = np.ceil(X.data * 5)
    assert document_scores(X, np.full((30, 50), 1 / 50))["perplexity"] == pytest.approx(50)


def test_share_zero_of_a_word_that_occurs_stays_finite():
    R = np.array([[0, 1, 0], [0, 1, 0]], dtype=np.float32)
    np.testing.assert_allclose(word_cross_entropy(COUNTS, R), [-4 * math.log(1e-8), 0], atol=1e-6)
    assert math.isfinite(document_scores(COUNTS, R)["perplexity"])


def test_empty_documents():
    X = sparse.csr_matrix((2, 3), dtype=np.float32)
    np.testing.assert_allclose(squared_error(X, SHARES), (SHARES**2).sum(axis=1))
    np.testing.assert_array_equal(word_cross_entropy(X, SHARES), [0, 0])
    assert math.isnan(document_scores(X, SHARES)["perplexity"])


@pytest.mark.parametrize("entries", [1, 7, 2**20])
def test_blocks_do_not_matter(monkeypatch, tmp_path, entries):
    rng = np.random.default_rng(0)
    dense, R = rng.poisson(1, (11, 3)), rng.dirichlet([1, 1, 1], 11).astype(np.float32)
    np.save(tmp_path / "r.npy", R)
    whole = [
        squared_error(dense / 9, R),
        binary_cross_entropy(dense > 0, R),
        word_cross_entropy(sparse.csr_matrix(dense), R),
    ]
    monkeypatch.setattr(reconstruction, "_BLOCK_ENTRIES", entries)
    mapped = np.load(tmp_path / "r.npy", mmap_mode="r")
    np.testing.assert_array_equal(whole[0], squared_error(dense / 9, mapped))
    np.testing.assert_array_equal(whole[1], binary_cross_entropy(dense > 0, mapped))
    np.testing.assert_array_equal(whole[2], word_cross_entropy(sparse.csr_matrix(dense), mapped))


@given(st.integers(0, 2**32 - 1))
def test_cross_entropy_is_smallest_at_the_target(seed):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(3, (4, 5)) + 1
    X, truth = sparse.csr_matrix(counts), counts / counts.sum(axis=1, keepdims=True)
    other = rng.dirichlet(np.ones(5), 4)
    assert (word_cross_entropy(X, truth) <= word_cross_entropy(X, other) + 1e-9).all()
    pixels, grey = rng.uniform(0.01, 0.99, (4, 5)), rng.random((4, 5))
    assert (binary_cross_entropy(pixels, pixels) <= binary_cross_entropy(pixels, grey) + 1e-9).all()


STATM = Path("/proc/self/statm")


@pytest.mark.skipif(not STATM.exists(), reason="needs /proc")
def test_a_memory_map_is_let_go_block_by_block(tmp_path):
    R = np.lib.format.open_memmap(tmp_path / "R.npy", "w+", np.float32, (8000, 1000))
    R[:] = 1
    R.flush()
    del R
    R = np.load(tmp_path / "R.npy", mmap_mode="r")
    before = int(STATM.read_text().split()[2])
    assert sum(float(block.sum()) for _, block in blocks(R)) == 8e6
    pages = int(STATM.read_text().split()[2]) - before
    assert pages * 4096 < 8e6  # of 32 MB
    np.testing.assert_array_equal(R[[0, -1]], 1)  # it can be read again


def test_blocks_are_the_rows_of_views_too():
    R = np.arange(12.0).reshape(6, 2)[1:5]
    (rows, block), *more = blocks(R)
    assert not more
    np.testing.assert_array_equal(block, R[rows])


def test_words_that_come_twice_in_a_row_are_added():
    twice = sparse.csr_matrix(([1.0, 1.0, 2.0], [0, 0, 1], [0, 3]), shape=(1, 2))
    np.testing.assert_allclose(squared_error(twice, np.array([[0.5, 0.5]])), [0])
