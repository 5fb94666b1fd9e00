"""All metrics of one run under the names of the tidy table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aebench.metrics.amortisation import amortisation_scores
from aebench.metrics.arrays import Place, here
from aebench.metrics.classification import WIDEST_LAYER, classification_scores, layer_scores
from aebench.metrics.contract import Run
from aebench.metrics.measured import Measured, Model, measured, merge
from aebench.metrics.rate import rate_scores
from aebench.metrics.reconstruction import mean_item, reconstruction_scores, train_scores
from aebench.metrics.retrieval import retrieval_scores
from aebench.metrics.robustness import corruption_scores, unseen_scores
from aebench.metrics.sampling import choose, in_rounds
from aebench.metrics.structure import factor_recovery, structure_scores
from aebench.streams import stream

if TYPE_CHECKING:
    from aebench.datasets import Dataset

LAYER_ITEMS = 5_000
"""Training items whose hidden features are computed: probes on them learn from 1,000 labels."""

OPTIMISED_SHARE = 5
"""Codes are optimised for one in so many of the sampled items: it takes a hundred decodings."""


SAMPLES = 40
"""Test items whose reconstructions are kept to be shown."""


class Limits(NamedTuple):
    """How much a run is measured on; None for all.

    Attributes
    ----------
    queries : int or None
        Retrieval queries, see `retrieval_scores`.
    probe_items : int or None
        Training items that the classifiers learn from, a random sample.
    sample_items : int or None
        Items, a random sample, of what runs the model again or compares all pairs of items.
    """

    queries: int | None = None
    probe_items: int | None = None
    sample_items: int | None = None


NO_LIMITS = Limits()


class Task(NamedTuple):
    """What is to be measured: see `score_run`."""

    dataset: Dataset
    run: Run
    limits: Limits = NO_LIMITS
    model: Model | None = None
    unseen: Dataset | None = None
    place: Place = here
    database: str = "test"

    @property
    def kind(self) -> str:
        """Return "images" or "documents"."""
        return self.dataset.kind


def score_run(
    dataset: Dataset,
    run: Run,
    limits: Limits = NO_LIMITS,
    model: Model | None = None,
    unseen: Dataset | None = None,
    place: Place = here,
    database: str = "test",
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
    database : {"test", "train"}
        What retrieval queries are compared with: the other test items, or the training items.

    Returns
    -------
    Measured
        Every choice inside (validation part, samples, permuted labels) has a fixed seed, so equal
        runs give equal numbers.
    """
    task = Task(dataset, run, limits, model, unseen, place, database)
    return merge(*(family(task) for family in FAMILIES.values()))


def _reconstruction(task: Task) -> Measured:
    dataset, mean = task.dataset, mean_item(task.dataset.train)
    test = reconstruction_scores(
        dataset.test,
        task.run.reconstruction,
        mean,
        task.kind,
        dataset.test_labels,
        _classes(dataset),
    )
    if task.model is None:
        return test
    few = choose(dataset.train, task.limits.sample_items)
    codes = task.run.codes_train[few]
    return merge(test, train_scores(task.model, dataset.train[few], codes, mean, task.kind))


def _decoding(task: Task) -> Measured:
    """Measure what the model does with other items and with other codes."""
    model, codes = task.model, task.run.codes_test
    if model is None:
        return measured()
    few = choose(task.dataset.test, task.limits.sample_items)
    fewer = few[: max(1, len(few) // OPTIMISED_SHARE)]
    X, codes_train = task.dataset.test, task.run.codes_train
    parts = [
        corruption_scores(model, X[few], task.kind),
        rate_scores(model, X[few], task.kind, codes_train, codes[few]),
        amortisation_scores(model, X[fewer], task.kind, codes[fewer], codes_train.std(axis=0)),
    ]
    if task.unseen is not None:
        others = task.unseen.test[choose(task.unseen.test, task.limits.sample_items)]
        parts.append(unseen_scores(model, X[few], others))
    return merge(*parts)


def _classification(task: Task) -> Measured:
    """Measure nothing where items have several classes, or classes that train has not."""
    dataset, run = task.dataset, task.run
    labels = dataset.test_labels
    if labels.ndim > 1 or not np.isin(labels, dataset.train_labels).any():
        return measured()
    order = stream(0, "probe items").permutation(len(run.codes_train))
    chosen = order[: task.limits.probe_items]
    train_labels = dataset.train_labels[chosen]
    of_codes = classification_scores(
        run.codes_train[chosen],
        train_labels,
        run.codes_test,
        labels,
        _classes(dataset),
        task.place,
    )
    few = chosen[:LAYER_ITEMS]
    of_layers = layer_scores(_layers(task, few), dataset.train_labels[few], labels)
    return merge(of_codes, of_layers)


def _layers(task: Task, chosen: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What the encoder's hidden layers say of the chosen training items and of the test items."""
    X = task.dataset.test
    features = getattr(task.model, "hidden_features", None)
    if features is None or all(one.shape[1] > WIDEST_LAYER for one in features(X[:1])):
        return
    yield from zip(features(task.dataset.train[chosen]), features(X), strict=True)


def _retrieval(task: Task) -> Measured:
    dataset, run = task.dataset, task.run
    stored = (run.codes_train, dataset.train_labels) if task.database == "train" else None
    return retrieval_scores(
        run.codes_test,
        dataset.test_labels,
        task.limits.queries,
        place=task.place,
        database=stored,
    )


def _structure(task: Task) -> Measured:
    dataset, run = task.dataset, task.run
    few = choose(dataset.test, task.limits.sample_items)
    found = structure_scores(dataset.test[few], run.codes_test[few], run.codes_train, task.model)
    if dataset.train_factors is None or dataset.test_factors is None:
        return found
    recovery = factor_recovery(
        run.codes_train, dataset.train_factors, run.codes_test, dataset.test_factors
    )
    return merge(found, measured({"factor_recovery": recovery}))


FAMILIES: dict[str, Callable[[Task], Measured]] = {
    "reconstruction": _reconstruction,
    "decoding": _decoding,
    "classification": _classification,
    "retrieval": _retrieval,
    "structure": _structure,
}
"""What is measured, by family."""


def _classes(dataset: Dataset) -> int:
    """How many classes there are."""
    labels = (dataset.train_labels, dataset.test_labels)
    if dataset.test_labels.ndim == 2:
        return int(dataset.test_labels.shape[1])
    return int(max(part.max() for part in labels)) + 1


def samples(dataset: Dataset, reconstruction: np.ndarray) -> dict[str, np.ndarray]:
    """Choose the reconstructions that the report shows: test items in rounds over the classes.

    Returns
    -------
    dict
        `indices` [m] int64, see `in_rounds`, at most SAMPLES of them, and `reconstructions`
        [m, n_features] float32. Empty for documents, which have nothing to show.
    """
    if dataset.kind != "images":
        return {}
    indices = in_rounds(dataset.test_labels, SAMPLES)
    return {
        "indices": indices,
        "reconstructions": np.asarray(reconstruction[indices], dtype=np.float32),
    }
