"""All metrics of one run under the names of the tidy table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aebench.metrics.arrays import Place, here
from aebench.metrics.classification import classification_scores
from aebench.metrics.reconstruction import document_scores, image_scores
from aebench.metrics.retrieval import retrieval_scores
from aebench.metrics.structure import factor_recovery

if TYPE_CHECKING:
    from aebench.datasets import Dataset


def score_run(
    dataset: Dataset,
    codes_train: np.ndarray,
    codes_test: np.ndarray,
    reconstruction: np.ndarray,
    queries: int | None = None,
    probe_items: int | None = None,
    place: Place = here,
) -> dict[str, float]:
    """Measure one run on the test split.

    Parameters
    ----------
    dataset : Dataset
    codes_train, codes_test : ndarray [n_train, code_size], [n_test, code_size]
        float32, or uint8 of 0 and 1, as `aebench.metrics.contract.check_run` accepts them.
    reconstruction : ndarray [n_test, n_features], float32
        May be a memory map.
    queries : int, optional
        Limit on the number of retrieval queries, see `retrieval_scores`.
    probe_items : int, optional
        Limit on the number of training items that the classifiers learn from, a random sample.
    place : callable
        Moves an array to where pairs of items are compared, see `aebench.metrics.arrays`: equal
        numbers wherever that is. By default it stays numpy's.

    Returns
    -------
    dict of metric name to float
        Every choice inside (validation part, sampled queries, permuted labels) has a fixed seed, so
        equal runs give equal numbers. There are no classification metrics where an item has
        several topics (labels are an indicator [n, n_classes]), for "the class" is not defined, and
        where no class of the test items is in train, for it cannot be learned. Where the factors
        the items were made from are known, `factor_recovery` says how well the code knows them.
    """
    score = image_scores if dataset.kind == "images" else document_scores
    scores = score(dataset.test, reconstruction)
    if dataset.test_labels.ndim == 1 and np.isin(dataset.test_labels, dataset.train_labels).any():
        chosen = np.random.default_rng(0).permutation(len(codes_train))[:probe_items]
        n_classes = max(labels.max() for labels in (dataset.train_labels, dataset.test_labels)) + 1
        scores |= classification_scores(
            codes_train[chosen],
            dataset.train_labels[chosen],
            codes_test,
            dataset.test_labels,
            int(n_classes),
            place,
        ).scores
    scores |= retrieval_scores(codes_test, dataset.test_labels, queries, place=place)
    if dataset.train_factors is not None and dataset.test_factors is not None:
        scores["factor_recovery"] = factor_recovery(
            codes_train, dataset.train_factors, codes_test, dataset.test_factors
        )
    return scores


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
