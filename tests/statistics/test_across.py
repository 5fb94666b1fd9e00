"""Average ranks over data sets, against the published example of Demsar (2006)."""

import pytest

from aebench.statistics import average_ranks

# Demsar (2006), table 6: AUC of C4.5 and three variants of it on 14 data sets.
AUC = """
0.763 0.768 0.771 0.798
0.599 0.591 0.590 0.569
0.954 0.971 0.968 0.967
0.628 0.661 0.654 0.657
0.882 0.888 0.886 0.898
0.936 0.931 0.916 0.931
0.661 0.668 0.609 0.685
0.583 0.583 0.563 0.625
0.775 0.838 0.866 0.875
1.000 1.000 1.000 1.000
0.940 0.962 0.965 0.962
0.619 0.666 0.614 0.669
0.972 0.981 0.9751 0.975
0.957 0.978 0.946 0.970
"""
NAMES = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")
MEANS = {
    f"data-{i}": dict(zip(NAMES, map(float, line.split()), strict=True))
    for i, line in enumerate(AUC.split("\n")[1:-1])
}
HIGHER = dict.fromkeys(MEANS, False)


def test_the_published_example():
    found = average_ranks(MEANS, HIGHER)
    published = {"C4.5": 3.143, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}
    assert found.ranks.to_dict() == pytest.approx(published, abs=1e-3)
    assert found.critical_difference == pytest.approx(1.25, abs=0.01)
    assert found.p == pytest.approx(0.02, abs=0.015)
    assert found.different() == []  # "the post-hoc test is not powerful enough" at 5%: 1.18 < 1.25


def test_pairs_agree_with_the_critical_difference():
    means = {
        f"d{i}": {v: float(j + (i == 0 and j < 2) * (1 - 2 * j)) for j, v in enumerate("abcdef")}
        for i in range(8)
    }
    found = average_ranks(means, dict.fromkeys(means, True))
    apart = {
        (a, b)
        for a in found.ranks.index
        for b in found.ranks.index
        if found.ranks[b] - found.ranks[a] > found.critical_difference
    }
    assert set(found.different()) == apart
    assert apart


def test_without_friedman_no_pair_is_told_apart():
    """The ends are further apart than the critical difference, but Friedman's p is 0.0503."""
    places = [[0, 1, 2, 3], [1, 3, 0, 2], [0, 1, 2, 3], [0, 2, 1, 3]]
    means = {
        f"d{i}": dict(zip("abcd", map(float, row), strict=True)) for i, row in enumerate(places)
    }
    found = average_ranks(means, dict.fromkeys(means, True))
    assert found.p > 0.05
    assert found.ranks.max() - found.ranks.min() > found.critical_difference
    assert (found.pairs == 1).all(axis=None)


def test_only_variants_of_every_data_set_in_the_direction_of_each():
    means = {
        "a": {"x": 1.0, "y": 2.0, "z": 3.0, "images alone": 0.0},
        "b": {"x": 3.0, "y": 2.0, "z": 1.0},
    }
    found = average_ranks(means, {"a": True, "b": False})
    assert found.ranks.to_dict() == {"x": 1, "y": 2, "z": 3}
    assert average_ranks({"a": means["a"]}, {"a": True}) is None
    assert average_ranks({}, {}) is None


def test_equal_scores_everywhere():
    means = {d: dict.fromkeys("xyz", 1.0) for d in "ab"}
    assert average_ranks(means, dict.fromkeys("ab", True)).p == 1
