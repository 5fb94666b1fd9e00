"""Tests over items and seeds, Holm's correction, and shared ranks."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from seeds import tidy
from statsmodels.stats.multitest import multipletests

from aebench import statistics
from aebench.statistics import between_seeds, compare, ranks
from aebench.statistics.comparisons import Comparison, Question, _mean_and_rest, holm

PLACE = ("mnist", 30, "squared_error")


def crossed(rng, variants, seeds, n, items, seed, both, shift=None):
    """Values [seeds, n] by variant, with noise of items, of seeds and of both together.

    Half of the noise of items is shared by all variants.
    """
    shared = rng.normal(0, items, n)
    made = {}
    for i in range(variants):
        own = shared + rng.normal(0, items, n) if items else np.zeros(n)
        values = own + rng.normal(0, seed, (seeds, 1)) + rng.normal(0, both, (seeds, n))
        made[f"v{i}"] = values + (shift or {}).get(i, 0.0)
    return made


def compared(values):
    """The comparison of variants with values of items [seeds, n]."""
    metrics = tidy({variant: table.mean(axis=1) for variant, table in values.items()})
    return compare(metrics, lambda d, size, variant, m: values[variant])[PLACE]


@pytest.mark.parametrize(
    ("items", "seed", "both"),
    [(1.0, 0.1, 1.0), (1.0, 0.0, 0.0), (0.0, 0.1, 1.0), (1.0, 0.02, 3.0), (0.3, 1.0, 0.3)],
    ids=["both", "items alone", "seeds alone", "mostly items by seeds", "mostly seeds"],
)
def test_false_positives_under_the_null(items, seed, both):
    """Draw new items and new seeds each time: about 5% of equal variants are called different."""
    rng = np.random.default_rng(0)
    made = {f"m{i}": crossed(rng, 6, 3, 100, items, seed, both) for i in range(300)}
    metrics = pd.concat(
        tidy({variant: table.mean(axis=1) for variant, table in values.items()}, name)
        for name, values in made.items()
    )
    found = compare(metrics, lambda dataset, size, variant, metric: made[metric][variant]).values()
    p = np.concatenate([comparison.p[np.triu_indices(6, 1)] for comparison in found])
    assert all(comparison.items[0, 1] for comparison in found)
    assert 0.015 < (p < 0.05).mean() < 0.065
    assert (p < 0.005).mean() < 0.01


def test_without_the_noise_of_seeds_items_alone_would_call_ties_different():
    """Why both sources count: the paired t test over items is wrong when seeds vary."""
    rng = np.random.default_rng(0)
    made = {f"m{i}": crossed(rng, 4, 3, 400, 1.0, 0.2, 0.1) for i in range(80)}
    metrics = pd.concat(
        tidy({variant: table.mean(axis=1) for variant, table in values.items()}, name)
        for name, values in made.items()
    )
    found = compare(metrics, lambda dataset, size, variant, metric: made[metric][variant])
    wrong = [
        stats.ttest_rel(values["v0"].mean(axis=0), values["v1"].mean(axis=0)).pvalue
        for values in made.values()
    ]
    ours = [comparison.p[0, 1] for comparison in found.values()]
    assert np.mean(np.array(wrong) < 0.05) > 0.3
    assert np.mean(np.array(ours) < 0.05) < 0.1


def test_exact_variants_are_compared_by_a_paired_test_over_items():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50))
    found = compared({"a": np.stack([a, a]), "b": np.stack([b, b])})
    oracle = stats.ttest_rel(a, b)
    assert found.p[0, 1] == pytest.approx(oracle.pvalue)
    assert found.freedom[0, 1] == pytest.approx(49)
    assert found.difference[0, 1] / found.error[0, 1] == pytest.approx(oracle.statistic)


def test_the_standard_error_has_every_source_once():
    rng = np.random.default_rng(0)
    seeds, n = 3, 40
    values = crossed(rng, 2, seeds, n, 1.0, 0.3, 2.0)
    found = compared(values)
    cases = between_seeds(tidy({v: table.mean(axis=1) for v, table in values.items()}))
    over_items = np.var(values["v0"].mean(axis=0) - values["v1"].mean(axis=0), ddof=1) / n
    rest = 0.0
    for y in values.values():
        residual = y - y.mean(axis=0) - y.mean(axis=1, keepdims=True) + y.mean()
        rest += (residual**2).sum() / ((n - 1) * (seeds - 1)) / (n * seeds)
    over_seeds = cases["variance"].sum() / seeds
    assert found.error[0, 1] ** 2 == pytest.approx(over_seeds + over_items - rest)
    assert rest > 0.1 * over_items
    freedom = over_seeds**2 / cases["freedom"].min() + over_items**2 / (n - 1)
    assert found.freedom[0, 1] == pytest.approx(found.error[0, 1] ** 4 / freedom)


def test_variance_of_the_rest_is_that_of_the_analysis_of_variance():
    """By hand."""
    mean, rest = _mean_and_rest(np.array([[1.0, 2, 3], [2, 4, 3]]))
    assert mean.tolist() == [1.5, 3, 3]
    # Sums of squares: total 5.5, items 3, seeds 1.5, so 1 is left for (3 - 1)(2 - 1) of freedom.
    assert rest == pytest.approx(1 / 2 / 6)


def test_items_in_another_order_change_nothing():
    rng = np.random.default_rng(0)
    values = crossed(rng, 3, 2, 60, 1.0, 0.3, 0.5, {1: 1.0})
    order = rng.permutation(60)
    shuffled = compared({variant: table[:, order] for variant, table in values.items()})
    np.testing.assert_allclose(shuffled.p, compared(values).p, rtol=1e-9)


def test_items_missing_for_a_variant_leave_the_seeds():
    rng = np.random.default_rng(0)
    values = crossed(rng, 3, 3, 60, 1.0, 0.3, 0.5)
    metrics = tidy({variant: table.mean(axis=1) for variant, table in values.items()})
    found = compare(metrics, lambda d, s, v, m: None if v == "v2" else values[v])[PLACE]
    alone = compare(metrics)[PLACE]
    assert found.items.tolist() == [[False, True, False], [True, False, False], [False] * 3]
    assert found.p[0, 2] == alone.p[0, 2]
    assert found.p[0, 1] > alone.p[0, 1]
    table = statistics.tests({PLACE: found}, ["squared_error"], ["v0"], ["v1", "v2"])
    assert table["noise_of"].tolist() == ["items and seeds", "seeds"]


def test_queries_without_relevant_items_are_left_out():
    rng = np.random.default_rng(0)
    values = crossed(rng, 2, 2, 40, 1.0, 0.3, 0.5)
    with_gaps = {v: np.insert(table, 7, np.nan, axis=1) for v, table in values.items()}
    metrics = tidy({variant: table.mean(axis=1) for variant, table in values.items()})
    a, b = (compare(metrics, lambda d, s, v, m, of=of: of[v])[PLACE] for of in (values, with_gaps))
    assert a.p[0, 1] == b.p[0, 1]


def test_one_seed_tests_nothing():
    rng = np.random.default_rng(0)
    found = compared(crossed(rng, 3, 1, 40, 1.0, 0.3, 0.5))
    assert np.isnan(found.p).all()
    assert set(ranks({PLACE: found}, {"squared_error": "lower"})["rank"]) == {1}


def test_exact_variants_without_items_differ_unless_by_rounding():
    found = compare(tidy({"a": [2, 2], "b": [3, 3], "c": [2 + 1e-9] * 2}))[PLACE]
    assert found.p[0].tolist() == [1, 0, 1]


def test_holm_against_statsmodels():
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 0.1, 15)
    p[3] = p[7] = 0.004  # a tie
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])
    gaps = np.insert(p, [2, 9], np.nan)
    assert np.isnan(holm(gaps)[[2, 10]]).all()
    np.testing.assert_array_equal(holm(gaps)[~np.isnan(gaps)], holm(p))


def test_the_question_is_a_family_of_its_own():
    rng = np.random.default_rng(0)
    values = {f"v{i}": rng.normal(i / 4, 0.2, 4) for i in range(8)}
    metrics, better = tidy(values), {"squared_error": "lower"}
    alone = compare(metrics)[PLACE]
    asked = compare(metrics, question=Question(["v0", "v1", "v7"], ["v2", "v4"], better))[PLACE]
    oracle = multipletests(alone.p[[0, 1, 7], 2], method="holm")[1]  # v2 is the best of its side
    np.testing.assert_allclose(asked.p_holm[[0, 1, 7], 2], oracle)
    np.testing.assert_allclose(asked.p_holm[2, [0, 1, 7]], oracle)
    assert np.argwhere(np.triu(asked.asked)).tolist() == [[0, 2], [1, 2], [2, 7]]
    others = ~asked.asked
    np.testing.assert_array_equal(asked.p_holm[others], alone.p_holm[others])
    assert (asked.p_holm[~others] <= alone.p_holm[~others]).all()
    table = statistics.tests({PLACE: asked}, ["squared_error"], ["v0"], ["v2", "v4"])
    assert table["family"].tolist() == ["best baseline", "all pairs"]
    higher = {"squared_error": "higher"}
    found = compare(metrics, question=Question(["v0"], ["v2", "v4"], higher))[PLACE]
    assert np.argwhere(np.triu(found.asked)).tolist() == [[0, 4]]


def made(means, p_holm):
    """A comparison with given p values."""
    means, p = np.array(means, dtype=float), np.array(p_holm, dtype=float)
    names = [f"v{i}" for i in range(len(means))]
    ones = np.ones_like(p)
    return Comparison(names, means[:, None] - means, ones, ones, p, p, ones > 0, ones > 0)


def test_variants_that_are_not_told_apart_share_a_rank():
    """v0 and v1 tie, v1 and v2 tie, v0 is better than v2: ranks 1, 1, 2."""
    comparison = made([1, 2, 3], [[1, 1, 0.01], [1, 1, 1], [0.01, 1, 1]])
    found = ranks({PLACE: comparison}, {"squared_error": "lower"})
    assert found["rank"].tolist() == [1, 1, 2]
    assert ranks({PLACE: comparison}, {"squared_error": "higher"})["rank"].tolist() == [2, 1, 1]
    assert ranks({PLACE: comparison}, {}).empty


def test_what_follows_from_two_findings_is_a_finding():
    """Noise of v2 hides it from v0, but v0 < v1 and v1 < v2 are shown."""
    comparison = made([1, 2, 3], [[1, 0.01, 0.2], [0.01, 1, 0.01], [0.2, 0.01, 1]])
    found = ranks({PLACE: comparison}, {"squared_error": "lower"})
    assert found["rank"].tolist() == [1, 2, 3]


def test_variants_that_are_the_same_share_a_rank():
    """v1 and v2 are one method under two names; only the pair of v0 and v1 was asked about."""
    comparison = made([1, 2, 2], [[1, 0.01, 0.2], [0.01, 1, 1], [0.2, 1, 1]])
    error = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]])
    found = ranks({PLACE: comparison._replace(error=error)}, {"squared_error": "lower"})
    assert found["rank"].tolist() == [1, 2, 2]


def test_a_finding_never_contradicts_the_ranks():
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = {f"v{i}": rng.normal(i, 10 ** rng.uniform(-2, 0), 3) for i in range(8)}
        question = Question(["v1", "v3", "v6"], ["v2", "v5"], {"squared_error": "lower"})
        comparison = compare(tidy(values), question=question)[PLACE]
        place = ranks({PLACE: comparison}, {"squared_error": "lower"})["rank"].to_numpy()
        shown = (comparison.p_holm < 0.05) & (comparison.difference < 0)
        assert (place[:, None] < place)[shown].all()
    assert shown.any()


def test_perplexity_is_as_sure_as_cross_entropy():
    nats = {"a": [1.0, 1.1], "b": [2.0, 2.3], "c": [1.2, 1.0]}
    metrics = pd.concat(
        [
            tidy(nats, "cross_entropy"),
            tidy({v: np.exp(x) for v, x in nats.items()}, "perplexity"),
        ]
    )
    found = compare(metrics)
    entropy, perplexity = (found[("mnist", 30, m)] for m in ("cross_entropy", "perplexity"))
    assert (perplexity.p == entropy.p).all()
    table = statistics.tests(found, ["perplexity"], ["a"], ["b", "c"])
    assert ((table["low"] < 0) & (table["high"] > 0)).tolist() == (table["p"] > 0.05).tolist()


def test_the_train_split_is_not_compared():
    metrics = tidy({"a": [1, 2], "b": [3, 4]})
    both = pd.concat([metrics, metrics.assign(split="train", value=0.0)])
    assert compare(both)[PLACE].difference[0, 1] == -2
