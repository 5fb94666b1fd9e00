"""Noise between seeds: what variants lend each other, and that ties are not called different."""

import numpy as np
import pandas as pd
import pytest
from scipy import special
from seeds import tidy

from aebench.statistics import between_seeds, compare
from aebench.statistics.noise import _inverse_trigamma

PLACE = ("mnist", 30, "squared_error")


def by_variant(metrics):
    return between_seeds(metrics).set_index("variant")


def test_exact_variants_have_no_noise_and_lend_none():
    found = by_variant(tidy({"pca": [14, 14], "deep": [3, 4], "tied": [5, 7]}))
    alone = by_variant(tidy({"deep": [3, 4], "tied": [5, 7]}))
    assert bool(found.loc["pca", "exact"])
    assert found.loc["pca", "variance"] == 0
    assert found.loc["pca", "freedom"] == np.inf
    pd.testing.assert_frame_equal(found.drop("pca"), alone)


def test_equal_values_of_one_metric_do_not_make_a_variant_exact():
    """Accuracies of few items tie by chance; the squared error gives the network away."""
    accuracy = {"deep": [0.5, 0.5], "tied": [0.4, 0.6], "wide": [0.4, 0.5]}
    error = {"deep": [3, 4], "tied": [5, 7], "wide": [5, 6]}
    metrics = pd.concat([tidy(accuracy, "knn_accuracy"), tidy(error)])
    found = between_seeds(metrics).set_index(["metric", "variant"])
    assert not found["exact"].any()
    assert found.loc[("knn_accuracy", "deep"), "variance"] > 0


def test_a_lone_variant_has_its_own_noise():
    found = by_variant(tidy({"pca": [14, 14], "deep": [3, 5]}))
    assert found.loc["deep", "variance"] == pytest.approx(2)
    assert found.loc["deep", "freedom"] == 1


def test_a_single_seed_borrows_noise_and_is_never_exact():
    found = by_variant(tidy({"one": [1], "deep": [3, 5], "tied": [1, 3]}))
    assert found.loc["one", "variance"] == pytest.approx(2)
    assert not found.loc["one", "exact"]
    assert np.isnan(by_variant(tidy({"one": [1]})).loc["one", "variance"])


def test_equal_noise_is_pooled_with_all_degrees_of_freedom():
    found = by_variant(tidy({"a": [0, 2], "b": [1, 3], "c": [5, 7], "d": [2, 4]}))
    assert (found["variance"] == 2).all()
    assert (found["freedom"] == 4).all()


def test_a_loud_variant_keeps_its_noise_and_does_not_drown_the_others():
    rng = np.random.default_rng(0)
    quiet = {f"v{i}": rng.normal(i, 0.1, 2) for i in range(12)}
    found = by_variant(tidy({**quiet, "loud": [0, 10]}))
    assert found.loc["loud", "variance"] == pytest.approx(50)
    assert found["variance"].median() < 0.05
    alike = by_variant(tidy(quiet))["freedom"]
    assert (found.loc[list(quiet), "freedom"] < alike).all()


def test_the_prior_is_that_of_smyth():
    """With many variants of two seeds the method of moments finds the freedom they were made of."""
    rng = np.random.default_rng(0)
    prior, n = 6, 4000
    deviations = np.sqrt(prior / rng.chisquare(prior, n))
    values = rng.normal(size=(n, 2)) * deviations[:, None]
    found = by_variant(tidy({f"v{i}": row for i, row in enumerate(values)}))
    assert found["freedom"].iloc[0] == pytest.approx(prior + 1, rel=0.25)
    assert found["variance"].min() == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize("x", [1e-4, 0.1, 1.0, 50.0])
def test_inverse_trigamma(x):
    assert special.polygamma(1, _inverse_trigamma(x)) == pytest.approx(x)


def false_positives(scatter, variants, level, tables=80, columns=12, seeds=2):
    """Share of pairs of equal means called different, alone; each simulated table a metric."""
    rng = np.random.default_rng(1)
    shape = (tables, columns, variants)
    values = rng.normal(size=(*shape, seeds))
    values *= np.exp(rng.normal(0, scatter, shape))[..., None]
    at = np.indices(values.shape).reshape(4, -1)
    names = [np.char.add(letter, at[axis].astype(str)) for letter, axis in (("m", 0), ("v", 2))]
    columns_of = {"dataset": "mnist", "split": "test", "metric": names[0], "variant": names[1]}
    metrics = pd.DataFrame(
        {**columns_of, "code_size": at[1], "seed": at[3], "value": values.ravel()}
    )
    above = np.triu_indices(variants, 1)
    return float(np.mean([(found.p[above] < level).mean() for found in compare(metrics).values()]))


@pytest.mark.parametrize(("scatter", "variants"), [(0.0, 6), (0.5, 6), (0.5, 20), (1.0, 6)])
def test_ties_are_rarely_called_different(scatter, variants):
    """Holds with two seeds, and when variants differ in noise by factors of 1.6 and of 2.7."""
    assert 0.02 < false_positives(scatter, variants, 0.05) < 0.065
    assert false_positives(scatter, variants, 0.005) < 0.01
