"""Parameters are chosen by held-out training items, and by nothing else."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.decomposition import PCA

from aebench.errors import ParameterError
from aebench.models import Clipped, KernelPCA, WordCounts, build, fit_seeds, tuned, tuning
from aebench.models.tuning import Split, score

random = np.random.default_rng(0)
X = random.normal(size=(100, 3)) @ random.normal(size=(3, 8)) + 0.1 * random.normal(size=(100, 8))
COUNTS = scipy.sparse.csr_matrix(random.poisson(1.0, (80, 8)).astype(np.float32))


def test_the_score_of_images_is_their_squared_error():
    model = PCA(2).fit(X)
    back = model.inverse_transform(model.transform(X))
    assert score(model, X) == pytest.approx(-((back - X) ** 2).sum(1).mean())


def test_the_score_of_documents_is_their_log_likelihood_a_word():
    model = build("TruncatedSVD", 2, {"weighting": "log"}).fit(COUNTS)
    shares = model.inverse_transform(model.transform(COUNTS))
    expected = (COUNTS.toarray() * np.log(shares)).sum() / COUNTS.sum()
    assert score(model, COUNTS) == pytest.approx(expected)


@pytest.mark.parametrize(("items", "sample"), [(7, 7), (100, 100), (20_000, 5000)])
def test_a_fixed_sample_is_split(items, sample):
    ((fitted, held_out),) = Split().split(np.zeros((items, 1)))
    assert len(fitted) + len(held_out) == sample
    assert not set(fitted) & set(held_out)
    assert len(held_out) == int(0.2 * sample)
    ((again, _),) = Split().split(np.ones((items, 1)))
    assert np.array_equal(fitted, again)


def test_the_best_value_on_held_out_items_is_taken_and_all_items_are_fitted():
    grid = {"alpha": [1e-3, 1e3], "gamma": [0.1]}
    model = build("KernelPCA", 2, {"landmarks": 30, "tune": grid, "clip": [-9, 9]}).fit(X)
    assert model.best_params_ == {"estimator__alpha": 1e-3, "estimator__gamma": 0.1}
    best = model.best_estimator_
    assert isinstance(best, Clipped)
    assert best.estimator.alpha == 1e-3
    scores = model.cv_results_["mean_test_score"]
    assert model.best_score_ == scores[0] > scores[1] + 0.1
    alone = build("KernelPCA", 2, {"landmarks": 30, "alpha": 1e-3, "gamma": 0.1})
    np.testing.assert_array_equal(model.transform(X), alone.fit(X).transform(X))


def test_held_out_items_are_not_fitted_on(monkeypatch):
    fits, judged = [], []
    fit = PCA.fit
    monkeypatch.setattr(PCA, "fit", lambda self, X, y=None: fits.append(X) or fit(self, X))
    monkeypatch.setattr(tuning, "score", lambda model, X, y=None: judged.append(X) or 0.0)
    build("PCA", 2, {"tune": {"whiten": [True, False]}}).fit(X)
    assert [len(part) for part in fits] == [80, 80, 100]
    assert [len(part) for part in judged] == [20, 20]
    for part in fits[:2]:
        assert not {tuple(row) for row in part} & {tuple(row) for row in judged[0]}


def test_a_weighting_can_be_tuned():
    grid = {"weighting": ["log", "tfidf"]}
    model = build("TruncatedSVD", 2, {"weighting": "log", "tune": grid}).fit(COUNTS)
    assert isinstance(model.best_estimator_, WordCounts)
    assert model.best_params_["weighting"] in grid["weighting"]


def test_the_seed_reaches_the_estimator_inside():
    estimator = tuned(Clipped(KernelPCA(2, landmarks=20)), {"alpha": [1e-2, 1e-1]})
    first, second, again = fit_seeds(estimator, X, [0, 1, 0])
    assert np.array_equal(first.transform(X), again.transform(X))
    assert not np.array_equal(first.transform(X), second.transform(X))


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"gama": [1]}, r"tune has 'gama'; allowed are .*gamma"),
        ({"gamma": 1.0}, r"tune: gamma is 1.0; allowed is a list of values"),
        ({"gamma": []}, r"tune: gamma is \[\]; allowed is a list of values"),
    ],
)
def test_a_wrong_grid_is_refused(grid, message):
    with pytest.raises(ParameterError, match=message):
        build("KernelPCA", 2, {"tune": grid})


@pytest.mark.parametrize("name", ["tune", "clip"])
def test_networks_are_not_wrapped(name):
    with pytest.raises(ParameterError, match=f"AutoEncoder has no parameter '{name}'"):
        build("AutoEncoder", 2, {name: None})
