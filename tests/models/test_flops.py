"""Operations counted by hand."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA, FastICA, TruncatedSVD

from aebench.models import (
    NMF,
    AutoEncoder,
    Clipped,
    HyperplaneHashing,
    KernelPCA,
    Mean,
    RandomProjection,
    TopicModel,
    WordCounts,
)
from aebench.models.flops import flops

RANDOM = np.random.default_rng(0)
X = RANDOM.random((60, 16)).astype(np.float32)
COUNTS = sparse.csr_matrix(RANDOM.poisson(1, (60, 16)).astype(np.float32))


def network(code_size=2, hidden=(5,), **parameters):
    return AutoEncoder(code_size, hidden, epochs=0, random_state=0, device="cpu", **parameters)


@pytest.mark.parametrize(
    ("model", "encode", "decode"),
    [
        (Mean(3), 0, 0),
        (PCA(3), 96, 96),
        (TruncatedSVD(3), 96, 96),
        (FastICA(3, random_state=0), 96, 96),
        (RandomProjection(3), 96, 96),
        (Clipped(PCA(3)), 96, 96),
        (HyperplaneHashing(3), 2 * (16 * 3 + 3 * 3), 96),
        (KernelPCA(3, landmarks=20), 2 * (16 * 20 + 20 * 3), 2 * (3 * 20 + 20 * 16)),
        (network(), 2 * (16 * 5 + 5 * 2), 2 * (2 * 5 + 5 * 16)),
        (network(tied=True), 180, 180),
        (network(hidden=()), 64, 64),
        # A Gaussian code's log-variances are computed, too.
        (network(code="gaussian", penalties={"prior": 1.0}), 2 * (16 * 5 + 5 * 4), 180),
        # Two numbers are compared with each of 8 entries.
        (
            network(code="quantised", codebook_size=8, penalties={"quantisation": 1.0}),
            180 + 2 * 2 * 8,
            180,
        ),
        # 3 x 3 kernels at 2 x 2 places, from 1 channel to 5; then 20 numbers to 2.
        (network(layers="convolutional"), 2 * (9 * 5 * 4 + 20 * 2), 2 * (2 * 20 + 9 * 5 * 4)),
    ],
    ids=str,
)
def test_by_hand(model, encode, decode):
    assert flops(model.fit(X)) == {"encode": encode, "decode": decode}


def test_weighting_words_is_not_counted():
    model = WordCounts(TruncatedSVD(3), "tfidf").fit(COUNTS)
    assert flops(model) == {"encode": 96, "decode": 96}


@pytest.mark.parametrize(
    ("model", "items"),
    [
        (NMF(2, max_iter=2, tol=0), X),
        (WordCounts(NMF(2, max_iter=2, tol=0), "counts"), COUNTS),
        (TopicModel(2, passes=1), COUNTS),
        (network(inference="optimised"), X),
    ],
    ids=["nmf", "nmf of words", "topics", "optimised codes"],
)
@pytest.mark.filterwarnings("ignore")
def test_a_search_has_no_fixed_length(model, items):
    assert flops(model.fit(items)) is None
