"""A topic model finds planted topics and reconstructs shares of words."""

import numpy as np
import pytest
import scipy.sparse

from aebench.errors import ParameterError
from aebench.models import TopicModel

random = np.random.default_rng(0)
TOPICS = np.kron(np.eye(3), np.full(5, 0.2))  # five words each, none shared
MIXTURES = random.dirichlet([0.2] * 3, 300)
COUNTS = scipy.sparse.csr_matrix(
    np.stack([random.multinomial(60, p) for p in MIXTURES @ TOPICS]).astype(np.float32)
)


@pytest.fixture(scope="module")
def model():
    return TopicModel(3, doc_topic_prior=0.2, passes=10, batch_size=64, random_state=0).fit(COUNTS)


def test_planted_topics_are_recovered(model):
    distance = np.abs(model.topics_[:, None] - TOPICS[None]).sum(axis=2) / 2
    assert sorted(distance.argmin(axis=1)) == [0, 1, 2]
    assert distance.min(axis=1).max() < 0.1
    codes = model.transform(COUNTS)[:, distance.argmin(axis=0)]
    assert np.abs(codes - MIXTURES).mean() < 0.05


def test_codes_and_reconstructions_are_shares(model):
    codes = model.transform(COUNTS)
    back = model.inverse_transform(codes)
    for shares in (codes, model.topics_, back):
        assert (shares >= 0).all()
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(back, codes @ model.topics_)


@pytest.mark.parametrize(("visits", "passes"), [(1, 1), (700, 2), (10_000, 3)])
def test_passes_are_as_many_as_the_visits_allow(visits, passes):
    found = TopicModel(2, passes=3, visits=visits, random_state=0).fit(COUNTS)
    assert found.lda_.n_iter_ == passes


def test_the_seed_matters_and_is_kept():
    first, again, other = (TopicModel(2, random_state=s).fit(COUNTS).topics_ for s in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_what_is_not_counts_is_refused():
    with pytest.raises(ParameterError, match=r"word counts cannot be negative \(found -1\)"):
        TopicModel(2).fit(-np.eye(4))
    with pytest.raises(ParameterError, match=r"code_size is 16; allowed .* from 1 to 15"):
        TopicModel(16).fit(COUNTS)
