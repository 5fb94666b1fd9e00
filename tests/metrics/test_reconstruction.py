import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.metrics import log_loss

from aebench import datasets
from aebench.metrics import reconstruction
from aebench.metrics.reconstruction import (
    Decoded,
    binary_cross_entropy,
    blocks,
    headline,
    in_one_pass,
    mean_item,
    reconstruction_scores,
    squared_error,
    train_scores,
    word_cross_entropy,
)

COUNTS = sparse.csr_matrix(np.array([[2, 0, 2], [0, 3, 0]], dtype=np.float32))
SHARES = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], dtype=np.float32)


def scored(X, R, labels=None, train_mean=None):
    """`reconstruction_scores` where only some of it matters."""
    n, n_features = X.shape
    labels = np.zeros(n, dtype=int) if labels is None else labels
    mean = np.zeros(n_features) if train_mean is None else train_mean
    kind = "images" if isinstance(X, np.ndarray) else "documents"
    n_classes = labels.shape[1] if labels.ndim == 2 else labels.max() + 1
    return reconstruction_scores(X, R, mean, kind, labels, n_classes)


def image_scores(X, R):
    return scored(X, R).scores


document_scores = image_scores


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


def test_the_anchor_of_2006_on_mnist():
    mnist = datasets.prepare("mnist")
    pca = PCA(30, svd_solver="covariance_eigh").fit(mnist.train)
    R = Decoded(pca, pca.transform(mnist.test), 784)
    found = scored(mnist.test, R, mnist.test_labels, mean_item(mnist.train))
    assert found.scores["squared_error"] == pytest.approx(13.8663, abs=5e-5)
    assert found.scores["explained_variance"] == pytest.approx(1 - 13.8663 / 52.897, abs=1e-5)
    by_class = found.classes["squared_error"] @ np.bincount(mnist.test_labels) / 10_000
    assert by_class == pytest.approx(13.8663, abs=5e-5)


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
    counts = sparse.csr_matrix(dense)
    images = squared_error, binary_cross_entropy
    documents = squared_error, word_cross_entropy
    whole = [[f(dense / 9, R) for f in images], [f(counts, R) for f in documents]]
    monkeypatch.setattr(reconstruction, "_BLOCK_ENTRIES", entries)
    mapped = np.load(tmp_path / "r.npy", mmap_mode="r")
    np.testing.assert_array_equal(whole[0], in_one_pass(dense / 9, mapped, *images))
    np.testing.assert_array_equal(whole[1], in_one_pass(counts, mapped, *documents))


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


def random_run(seed, kind, n=30, n_features=8, n_classes=3):
    """Items of a kind, reconstructions, and classes with some item each."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_classes)
    R = rng.dirichlet(np.ones(n_features), n).astype(np.float32)
    X = rng.random((n, n_features)).astype(np.float32)
    if kind == "documents":
        X = sparse.csr_matrix(np.floor(4 * X) + np.eye(n, n_features))
    return X, R, labels


@pytest.mark.parametrize("kind", ["images", "documents"])
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_items_changes_no_bit(kind, seed):
    X, R, labels = random_run(seed, kind)
    order = np.random.default_rng(seed + 1).permutation(len(labels))
    found, other = scored(X, R, labels), scored(X[order], R[order], labels[order])
    assert found.scores == other.scores
    for name, values in found.items.items():
        np.testing.assert_array_equal(values[order], other.items[name])
    for name, values in found.classes.items():
        np.testing.assert_allclose(values, other.classes[name], rtol=1e-12)


def test_an_item_knows_what_the_mean_is_taken_of():
    X, R, _ = random_run(0, "images")
    found = scored(X, R)
    for name in ("squared_error", "cross_entropy"):
        assert found.items[name].shape == (30,)
        assert found.items[name].mean() == pytest.approx(found.scores[name])


def test_classes_of_images_weighted_by_their_size_give_the_whole():
    X, R, labels = random_run(1, "images")
    labels = np.minimum(labels, 1)  # classes of 10 and 20
    found = scored(X, R, labels)
    by_class = found.classes["squared_error"]
    assert by_class @ np.bincount(labels) / 30 == pytest.approx(found.scores["squared_error"])
    assert by_class[0] == pytest.approx(squared_error(X[labels == 0], R[labels == 0]).mean())


def test_perplexity_of_a_class_is_that_of_its_documents_alone():
    X, R, labels = random_run(2, "documents")
    by_class = scored(X, R, labels).classes["perplexity"]
    for own in range(3):
        alone = scored(X[labels == own], R[labels == own]).scores["perplexity"]
        assert by_class[own] == pytest.approx(alone)
    several = np.stack([labels == 0, labels < 2, labels > 2], axis=1).astype(np.uint8)
    found = scored(X, R, several).classes["perplexity"]
    alone = scored(X[labels < 2], R[labels < 2]).scores["perplexity"]
    np.testing.assert_allclose(found, [by_class[0], alone, np.nan])


@pytest.mark.parametrize("kind", ["images", "documents"])
def test_the_train_mean_explains_exactly_nothing(kind):
    X, R, labels = random_run(3, kind)
    mean = mean_item(X)
    found = scored(X, np.tile(mean, (30, 1)), labels, mean)
    assert found.scores["explained_variance"] == 0
    assert scored(X, R, labels, mean).scores["explained_variance"] < 0


def test_explained_variance_is_measured_from_the_mean_of_train():
    # From the mean 0 the errors are 1 and 4; from the mean of these two items, 1/4 each.
    X, R = np.array([[1.0], [2.0]]), np.array([[1.0], [1.5]])
    found = scored(X, R, train_mean=np.zeros(1)).scores["explained_variance"]
    assert found == pytest.approx(1 - 0.25 / 5)
    assert math.isnan(scored(X * 0, R).scores["explained_variance"])


def test_explained_variance_of_pca_is_its_own():
    X = np.random.default_rng(0).normal(size=(300, 12)) * np.arange(1, 13) + 5
    pca = PCA(4).fit(X)
    R = pca.inverse_transform(pca.transform(X))
    found = scored(X, R, train_mean=X.mean(axis=0)).scores["explained_variance"]
    assert found == pytest.approx(pca.explained_variance_ratio_.sum(), abs=1e-9)


def test_the_mean_document_is_the_mean_of_shares():
    X = sparse.csr_matrix([[3, 1], [0, 2], [0, 0]], dtype=np.float32)
    np.testing.assert_allclose(mean_item(X), [0.75 / 3, 1.25 / 3])
    np.testing.assert_allclose(mean_item(X.toarray()), [1, 1])


class Doubling:
    """A code is half of its item; notes how many rows are decoded at a time."""

    def __init__(self):
        self.decoded = []

    def inverse_transform(self, Z):
        self.decoded.append(len(Z))
        return 2.0 * Z


def test_what_is_decoded_is_read_once_and_a_block_at_a_time(monkeypatch):
    X, _, labels = random_run(4, "images")
    model, codes = Doubling(), X / 2
    monkeypatch.setattr(reconstruction, "_BLOCK_ENTRIES", 8 * 7)
    found = scored(X, Decoded(model, codes, 8), labels)
    assert model.decoded == [7, 7, 7, 7, 2]
    assert found.scores["squared_error"] == 0
    assert Decoded(model, codes, 8)[3:5].dtype == np.float32


def test_scores_of_train():
    X, _, _ = random_run(5, "images")
    codes = X / 2 + 0.25
    found = train_scores(Doubling(), X, codes, mean_item(X), "images")
    assert found.train["squared_error"] == pytest.approx(8 * 0.25)
    assert set(found.train) == {"squared_error", "cross_entropy", "explained_variance"}
    assert not found.scores
    assert not found.items
    assert not found.classes


def test_the_headline_of_each_kind():
    X, R, _ = random_run(6, "images")
    assert headline(X, R, "images", "_x") == {
        "squared_error_x": image_scores(X, R)["squared_error"]
    }
    X, R, _ = random_run(6, "documents")
    expected = pytest.approx(document_scores(X, R)["perplexity"])
    assert headline(X, R, "documents") == {"perplexity": expected}
    # Shares that sum to 2 would claim twice the probability.
    assert headline(X, 2 * R, "documents") == {"perplexity": expected}
    assert headline(X, 0 * R, "documents") == {"perplexity": pytest.approx(1e8)}
