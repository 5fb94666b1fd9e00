"""All metrics of one run under the names of the tidy table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aebench.metrics.arrays import Place, here
from aebench.metrics.classification import classification_scores
from aebench.metrics.contract import Run
from aebench.metrics.measured import Measured, Model, measured, merge
from aebench.metrics.reconstruction import document_scores, image_scores
from aebench.metrics.retrieval import retrieval_scores
from aebench.metrics.structure import factor_recovery, structure_scores

if TYPE_CHECKING:
    from aebench.datasets import Dataset


class Limits(NamedTuple):
    """How much a run is measured on; None for all.

    Attributes
    ----------
    queries : int or None
        Retrieval queries, see `retrieval_scores`.
    probe_items : int or None
        Training items that the classifiers learn from, a random sample.
    sample_items : int or None
        Test items, a random sample, of what runs the model again or compares all pairs of items.
    """

    queries: int | None = None
    probe_items: int | None = None
    sample_items: int | None = None


NO_LIMITS = Limits()


def score_run(
    dataset: Dataset,
    run: Run,
    limits: Limits = NO_LIMITS,
    model: Model | None = None,
    unseen: Dataset | None = None,
    place: Place = here,
) -> Measured:
    """Measure one run.

    Parameters
    ----------
    dataset : Dataset
    run : Run
        As `aebench.metrics.contract.read_run` gives it.
    limits : Limits
    model : fitted estimator, optional
        What made the codes; without it what needs a model is not measured.
    unseen : Dataset, optional
        Other images, which the model never saw.
    place : callable
        Moves an array to where pairs of items are compared, see `aebench.metrics.arrays`: equal
        numbers wherever that is. By default it stays numpy's.

    Returns
    -------
    Measured
        Every choice inside (validation part, sampled queries, permuted labels) has a fixed seed, so
        equal runs give equal numbers. There are no classification metrics where an item has
        several topics (labels are an indicator [n, n_classes]), for "the class" is not defined, and
        where no class of the test items is in train, for it cannot be learned. Where the factors
        the items were made from are known, `factor_recovery` says how well the code knows them.
    """
    score = image_scores if dataset.kind == "images" else document_scores
    parts = [measured(score(dataset.test, run.reconstruction))]
    if _has_classes(dataset):
        parts.append(_classification(dataset, run, limits, place))
    labels = dataset.test_labels
    parts.append(measured(retrieval_scores(run.codes_test, labels, limits.queries, place=place)))
    few = _sample(len(run.codes_test), limits.sample_items)
    parts.append(structure_scores(dataset.test[few], run.codes_test[few], run.codes_train, model))
    if dataset.train_factors is not None and dataset.test_factors is not None:
        recovery = factor_recovery(
            run.codes_train, dataset.train_factors, run.codes_test, dataset.test_factors
        )
        parts.append(measured({"factor_recovery": recovery}))
    return merge(*parts)


def cost(model: Model, dataset: Dataset, codes: np.ndarray) -> dict[str, float]:
    """Times of a model, which differ from run to run and so are no scores."""
    return {}


def _has_classes(dataset: Dataset) -> bool:
    """Whether items have one class each, of which train has examples."""
    labels = dataset.test_labels
    return labels.ndim == 1 and bool(np.isin(labels, dataset.train_labels).any())


def _classification(dataset: Dataset, run: Run, limits: Limits, place: Place) -> Measured:
    chosen = np.random.default_rng(0).permutation(len(run.codes_train))[: limits.probe_items]
    return measured(
        classification_scores(
            run.codes_train[chosen],
            dataset.train_labels[chosen],
            run.codes_test,
            dataset.test_labels,
            place=place,
        )
    )


def _sample(n: int, size: int | None) -> np.ndarray:
    """Positions of a random sample of test items, ascending; the same for every run."""
    return np.sort(np.random.default_rng(0).permutation(n)[:size])


def samples(dataset: Dataset, reconstruction: np.ndarray) -> dict[str, np.ndarray]:
    """Choose the reconstructions that figures show: the first test item of each class.

    Returns
    -------
    dict
        `indices` [m] int64, in the order of classes, and `reconstructions` [m, n_features]
        float32. Empty for documents, which have nothing to show. A class without a test item is
        left out, and an item of several classes may appear more than once.
    """
    if dataset.kind != "images":
        return {}
    labels = dataset.test_labels
    if labels.ndim == 1:
        indices = np.unique(labels, return_index=True)[1]
    else:
        indices = labels.argmax(axis=0)[labels.any(axis=0)]
    return {
        "indices": indices.astype(np.int64),
        "reconstructions": np.asarray(reconstruction[indices], dtype=np.float32),
    }
