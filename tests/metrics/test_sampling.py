import numpy as np
import pytest
from scipy import sparse

from aebench.metrics.sampling import choose, fingerprints, generators, in_rounds

RANDOM = np.random.default_rng(0)
DENSE = RANDOM.poisson(1, (200, 6)).astype(np.float32) + RANDOM.random((200, 1), np.float32)


@pytest.fixture(params=["dense", "sparse"])
def items(request):
    return DENSE if request.param == "dense" else sparse.csr_matrix(DENSE)


def test_the_same_items_are_chosen_in_any_order(items):
    order = RANDOM.permutation(200)
    np.testing.assert_array_equal(order[choose(items[order], 20)], choose(items, 20))


def test_a_smaller_choice_comes_first_and_all_is_the_default(items):
    np.testing.assert_array_equal(choose(items, 5), choose(items, 20)[:5])
    assert sorted(choose(items, None)) == list(range(200))
    assert sorted(choose(items, 1000)) == list(range(200))


def test_another_seed_chooses_others(items):
    assert set(choose(items, 20, seed=1)) != set(choose(items, 20))


def test_no_kind_of_item_is_preferred():
    # The mean of the chosen items is that of all, within four standard errors.
    X = np.arange(10_000, dtype=np.float32)[:, None]
    assert abs(X[choose(X, 400)].mean() - 5000) < 4 * 2887 / 20


def test_streams_belong_to_items(items):
    order = RANDOM.permutation(200)
    drawn = np.array([stream.random() for stream in generators(items, "x")])
    again = np.array([stream.random() for stream in generators(items[order], "x")])
    np.testing.assert_array_equal(drawn[order], again)
    assert len(set(drawn)) == 200
    assert abs(drawn.mean() - 0.5) < 4 * 0.289 / 200**0.5
    for other in (generators(items, "x", seed=1), generators(items, "y")):
        assert not set(drawn) & {stream.random() for stream in other}


def test_how_an_item_is_stored_does_not_matter():
    row = sparse.csr_matrix(([2.0, 1.0, 1.0], [3, 1, 3], [0, 3]), shape=(1, 6))
    tidy = sparse.csr_matrix(row.toarray())
    assert fingerprints(row, "x") == fingerprints(tidy, "x")
    wide = np.asfortranarray(DENSE.astype(np.float64))
    np.testing.assert_array_equal(fingerprints(wide, "x"), fingerprints(DENSE, "x"))


def test_where_a_value_stands_matters():
    left, right = sparse.csr_matrix([[1.0, 0]]), sparse.csr_matrix([[0, 1.0]])
    assert fingerprints(left, "x") != fingerprints(right, "x")


def test_rounds_take_the_first_of_each_class_then_the_second():
    labels = np.array([2, 2, 0, 2, 5, 0, 2])
    assert list(in_rounds(labels, 10)) == [2, 0, 4, 5, 1, 3, 6]
    assert list(in_rounds(labels, 4)) == [2, 0, 4, 5]
    assert in_rounds(labels, 4).dtype == np.int64


def test_an_item_of_several_classes_counts_for_its_first():
    labels = np.array([[0, 1, 1], [0, 1, 0], [1, 0, 1]])
    assert list(in_rounds(labels, 3)) == [2, 0, 1]
