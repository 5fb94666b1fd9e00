import math

import numpy as np
import pytest

from aebench.metrics import ties
from aebench.metrics.ranking import Lists


def lists_of(*distances_and_grades):
    """Ranked lists of given distances and grades up to 3; the closing key as `Ranker` gives it."""
    keys = [
        [*sorted((d * 4 + g) * 2 for d, g in zip(distances, grades, strict=True)), 2**31 - 8]
        for distances, grades in distances_and_grades
    ]
    return Lists(np.array(keys, dtype=np.int32), grade_bits=2, binary=False)


def relevant_of(*distances_and_grades):
    lists = lists_of(*distances_and_grades)
    return ties.find_relevant(ties.find_groups(lists), lists.relevant()[0])


def layers_of(*distances_and_grades):
    lists = lists_of(*distances_and_grades)
    groups, (hits, grades) = ties.find_groups(lists), lists.relevant()
    return [ties.find_relevant(groups, hits[grades >= t]) for t in (1, 2, 3)]


def test_groups_do_not_reach_over_lists():
    # The second list begins at the distance at which the first one ends.
    groups = ties.find_groups(lists_of(([0, 5, 5], [0, 0, 0]), ([5, 7, 7], [0, 0, 0])))
    assert list(groups.first) == [1, 5]
    assert list(groups.end) == [3, 7]
    assert list(groups.bounds) == [0, 1, 2]
    assert list(np.flatnonzero(groups.tied)) == [1, 2, 5, 6]


def test_a_list_without_ties_by_hand():
    items = relevant_of(([1, 2, 3, 4, 5], [1, 0, 1, 0, 1]), ([1, 2, 3, 4, 5], [0] * 5))
    for k, found in [(1, 1), (3, 2), (4, 2), (5, 3)]:
        assert [list(values) for values in ties.relevant_found(items, k)] == [[found, 0]] * 3
    expected = (1 + 2 / 3 + 3 / 5) / 3
    for values in ties.average_precision(items):
        np.testing.assert_allclose(values, [expected, np.nan])
    assert list(ties.relevant_found(items, items.count).expected) == [2, 0]
    curve = [1] * 4 + [2 / 3] * 3 + [3 / 5] * 4  # reached with 1, 2 and 3 of 3
    np.testing.assert_allclose([v[0] for v in ties.interpolated_precision(items)], curve)
    assert all(math.isnan(v[1]) for v in ties.interpolated_precision(items))


def test_a_list_with_ties_by_hand():
    # An irrelevant item in front, then two of three that tie are relevant.
    items = relevant_of(([1, 2, 2, 2], [0, 1, 0, 1]))
    worst, expected, best = ties.relevant_found(items, 2)
    assert (worst, expected, best) == (0, pytest.approx(2 / 3), 1)
    worst, expected, best = ties.average_precision(items)
    assert worst[0] == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert best[0] == pytest.approx((1 / 2 + 2 / 3) / 2)
    orders = [(1 / 2 + 2 / 3) / 2, (1 / 2 + 2 / 4) / 2, (1 / 3 + 2 / 4) / 2]
    assert expected[0] == pytest.approx(np.mean(orders))
    # The two stand at 1 + 1.5 and 1 + 3: precision 1/2.5 and 2/4, which is higher.
    assert [v[0] for v in ties.interpolated_precision(items)] == [0.5] * 11
    # With a third in front the first of them counts.
    items = relevant_of(([1, 2, 2, 2, 2], [1, 0, 1, 0, 0]))
    curve = [v[0] for v in ties.interpolated_precision(items)]
    assert curve == [1] * 6 + [2 / 5] * 5


def test_discounted_gain_by_hand():
    # Grades 2, 0, 3, 1 in this order: the ideal is 3, 2, 1.
    discounts = 1 / np.log2([2, 3, 4, 5])
    at_2, whole = ties.ndcg(layers_of(([1, 2, 3, 4], [2, 0, 3, 1])), [2, 4])
    ideal = np.array([3, 2, 1, 0]) * discounts
    assert at_2[0] == pytest.approx(2 * discounts[0] / ideal[:2].sum())
    assert whole[0] == pytest.approx([2, 0, 3, 1] @ discounts / ideal.sum())
    # All tied: each place gains the mean grade.
    at_2, whole = ties.ndcg(layers_of(([1, 1, 1, 1], [2, 0, 3, 1])), [2, 4])
    assert at_2[0] == pytest.approx(1.5 * discounts[:2].sum() / ideal[:2].sum())
    assert whole[0] == pytest.approx(1.5 * discounts.sum() / ideal.sum())
    assert list(ties.ndcg(layers_of(([1, 2, 2], [3, 1, 1])), [1, 3])) == [1, 1]
    assert all(math.isnan(v[0]) for v in ties.ndcg(layers_of(([1, 2], [0, 0])), [1, 2]))


def test_sums_are_exact_over_many_lists():
    # Together far more than 64 bits hold.
    values, bounds = np.random.default_rng(0).random(3000), np.arange(0, 3001, 3)
    expected = [math.fsum(values[i : i + 3]) for i in range(0, 3000, 3)]
    np.testing.assert_allclose(ties._sums(values, bounds, 3), expected, rtol=0, atol=1e-15)
    empty = ties._sums(values, np.array([0, 0, 3, 3]), 3)
    assert list(empty) == [0, pytest.approx(expected[0]), 0]
