import numpy as np
import pytest

from aebench.metrics import ranking
from aebench.metrics.ranking import Items, Ranker


def ranker(codes, labels=None, own=0, permuted=None):
    """Rank all codes for one of them."""
    labels = np.zeros(len(codes), int) if labels is None else labels
    items = Items(codes, labels, labels if permuted is None else permuted)
    return Ranker(Items(*(part[[own]] for part in items)), items, np.array([own]))


def test_zero_codes_have_similarity_zero():
    # From item 0: item 1 in front, the zero code in the middle, item 3 behind.
    codes = np.array([[1, 0], [1, 1], [0, 0], [-1, 0]], dtype=np.float32)
    (distances,) = ranker(codes).distances(slice(0, 1))
    assert distances[0] < distances[1] < distances[2] < distances[3]
    (distances,) = ranker(codes, own=2).distances(slice(0, 1))
    assert len(set(distances)) == 1


def test_close_angles_are_told_apart():
    angles = np.array([0, 2e-4, 6e-4, 1.2e-3])
    codes = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    (distances,) = ranker(codes).distances(slice(0, 1))
    assert (np.diff(distances) > 0).all()


def test_hamming_distances_are_whole_numbers_of_bits():
    codes = np.random.default_rng(0).integers(0, 2, (50, 128)).astype(np.uint8)
    (distances,) = ranker(codes, own=3).distances(slice(0, 1))
    assert list(distances) == list((codes != codes[3]).sum(axis=1))


def test_keys_hold_distance_grade_and_control_and_are_sorted():
    codes = np.array([[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]], dtype=np.uint8)
    topics = np.array([[1, 1, 0], [1, 1, 1], [0, 0, 1], [1, 0, 0], [1, 1, 0]], dtype=np.uint8)
    permuted = topics[[0, 2, 1, 3, 4]]
    (lists,) = ranker(codes, topics, permuted=permuted).lists(slice(0, 1))
    assert lists.grade_bits == 2
    assert lists.binary
    *keys, closing = lists.keys[0]
    # Distance, shared topics, control: the query itself is the closing key.
    assert [(key >> 3, key >> 1 & 3, key & 1) for key in keys] == [
        (0, 2, 1),
        (1, 0, 1),
        (1, 1, 1),
        (2, 2, 0),
    ]
    assert closing & lists.beyond_distance == 0
    assert [list(part) for part in lists.relevant()] == [[0, 2, 3], [2, 1, 2]]
    assert list(lists.relevant_by_permuted_labels()) == [0, 1, 2]
    assert [lists.within(radius)[0] for radius in range(4)] == [1, 3, 4, 4]


@pytest.mark.parametrize(("n_topics", "dtype"), [(1, np.int32), (17, np.int64)])
def test_grades_get_the_bits_they_need(n_topics, dtype):
    codes = np.array([[1, 0], [-1, 0], [1, 1e-3]], dtype=np.float32)
    topics = np.ones((3, n_topics), dtype=np.uint8)
    (lists,) = ranker(codes, topics).lists(slice(0, 1))
    assert lists.keys.dtype == dtype
    assert list(lists.relevant()[1]) == [n_topics] * 2
    assert lists.distances()[0] < lists.distances()[1] < lists.distances()[2]
    assert (np.diff(lists.keys[0]) > 0).all()


@pytest.mark.parametrize("entries", [1, 10, 1000])
def test_blocks_are_all_queries_once(monkeypatch, entries):
    monkeypatch.setattr(ranking, "_BLOCK_ENTRIES", entries)
    monkeypatch.setattr(ranking, "_BLOCK_ROWS", 4)
    rng = np.random.default_rng(0)
    codes, labels = rng.normal(size=(10, 3)).astype(np.float32), np.arange(10)
    items = Items(codes, labels, labels)
    ranks = Ranker(items, items)
    found = [lists.keys for block in ranks.blocks() for lists in ranks.lists(block)]
    assert sum(len(keys) for keys in found) == 10
    # Each finds itself first, and of its own class nothing else.
    assert all((keys[:, 0] & 2 == 2).all() and (keys[:, 1:] & 2 == 0).all() for keys in found)
