"""Names: of figures, and of metrics in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

SHARE = (0.0, 1.0)


class Metric(NamedTuple):
    """How a metric is shown: its words, which direction is better, decimals, short words.

    `better` is "lower", "higher" or "neither". `range` holds the smallest and the largest value it
    can take.
    """

    words: str
    better: str
    decimals: int
    short: str
    range: tuple[float, float] = (0.0, math.inf)


PLAIN = (-math.inf, math.inf)

_METRICS = {
    "squared_error": Metric("squared error", "lower", 2, "squared error"),
    "cross_entropy": Metric("cross-entropy (nats)", "lower", 1, "cross-entropy"),
    "cross_entropy_per_word": Metric("cross-entropy per word (nats)", "lower", 3, "nats a word"),
    "perplexity": Metric("perplexity", "lower", 0, "perplexity", (1.0, math.inf)),
    "explained_variance": Metric(
        "share of the variance explained", "higher", 3, "explained", (-math.inf, 1.0)
    ),
    "logistic_accuracy": Metric(
        "logistic regression accuracy", "higher", 3, "logistic acc.", SHARE
    ),
    "svm_accuracy": Metric("linear SVM accuracy", "higher", 3, "SVM acc.", SHARE),
    "knn_accuracy": Metric("k-nearest-neighbour accuracy", "higher", 3, "kNN acc.", SHARE),
    "mean_average_precision": Metric("mean average precision", "higher", 3, "MAP", SHARE),
    "r_precision": Metric("R-precision", "higher", 3, "R-precision", SHARE),
    "ndcg": Metric("nDCG of the whole list", "higher", 3, "nDCG", SHARE),
    "squared_error_unseen": Metric(
        "squared error on data of another kind", "lower", 2, "unseen data"
    ),
    "outlier_auroc": Metric(
        "area under the ROC of telling unseen data by its error", "higher", 3, "outliers", SHARE
    ),
    "amortisation_gap": Metric(
        "what optimised codes would save of the error", "lower", 2, "amortisation gap", PLAIN
    ),
    "factor_recovery": Metric(
        "share of the true factors' variance", "higher", 3, "factors R²", (-math.inf, 1.0)
    ),
    "trustworthiness": Metric("trustworthiness", "higher", 3, "trustworthiness", SHARE),
    "continuity": Metric("continuity", "higher", 3, "continuity", SHARE),
    "local_intrinsic_dimension": Metric(
        "local intrinsic dimension of the codes", "neither", 1, "dimension"
    ),
    "mean_activation": Metric("mean activation of a unit", "neither", 3, "activation", PLAIN),
    "code_sparsity": Metric("sparsity of the code", "neither", 3, "sparsity", SHARE),
    "dead_units": Metric("share of units that never change", "neither", 3, "dead units", SHARE),
    "jacobian_norm": Metric("norm of the encoder's Jacobian", "neither", 3, "Jacobian"),
}

_BEGINNINGS = {  # of families: what stands for the beginning of a name, before the rest of it
    "squared_error_": _METRICS["squared_error"],
    "perplexity_": _METRICS["perplexity"],
    "cross_entropy_": _METRICS["cross_entropy"],
    "entropy_": Metric("entropy", "neither", 1, "entropy"),
    "logistic_accuracy_": _METRICS["logistic_accuracy"],
    "svm_accuracy_": _METRICS["svm_accuracy"],
    "knn_accuracy_": _METRICS["knn_accuracy"],
    "precision_": Metric("precision", "higher", 3, "P", SHARE),
    "recall_": Metric("recall", "higher", 3, "R", SHARE),
    "ndcg_": Metric("nDCG", "higher", 3, "nDCG", SHARE),
    "mean_average_precision_": _METRICS["mean_average_precision"],
    "hamming_precision_": Metric("precision of a look-up", "higher", 3, "look-up", SHARE),
    "hamming_share_": Metric("share of the database looked up", "lower", 4, "looked up", SHARE),
}

TITLES = {
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "curves": "CURVES",
    "olivetti": "Olivetti faces",
    "20newsgroups": "20 Newsgroups",
    "reuters-r52": "Reuters R52",
    "rcv1": "RCV1",
}


OVERALL = [
    "critical-differences",
    "vector-field",
    "lecture-undercomplete",
    "lecture-subspace",
    "lecture-sparsity",
    "lecture-contraction",
    "lecture-overcomplete",
    "lecture-pretraining",
    "lecture-unseen",
    "lecture-compression",
    "lecture-bottleneck",
]
"""Figures that belong to no data set, `figures/<name>` with each of `FORMATS`; all but the first
are those of the lecture notes."""

FORMATS = ("svg", "png", "pdf", "webp")
"""Files of a figure: the page shows the last, the others are for slides and papers."""


OF_IMAGES = frozenset(
    ("reconstructions", "filters", "denoising", "inpainting", "perturbed", "walks")
)
"""Figures that show images: on a dark page they stay as they are, others are inverted."""

EXHIBITS = ["filters", "denoising", "inpainting", "perturbed", "walks"]
"""Figures of images alone: what models make of a few chosen ones."""


def figure_names(dataset: str, kind: str) -> list[str]:
    """Names of the figures of a data set; files are `figures/<dataset>-<name>`.

    Parameters
    ----------
    dataset : str
        Not used today: a figure may come to exist for one data set alone.
    kind : {"images", "documents"}
    """
    names = ["code-maps", "retrieval", "code-size"]
    names += ["rate-distortion", "pareto", "label-efficiency"]
    if kind == "images":
        names = ["reconstructions", *names, *EXHIBITS]
    return [*names, "sparsity", "training"]


def metric(name: str, kind: str) -> Metric:
    """How the metric `name` is shown; one that is not known is shown under its own name.

    Squared errors between shares of words are about a hundredth, so documents get more decimals.
    What permuted labels give is a control: neither direction is better. An unknown metric may be
    of either kind, so that none is assumed.
    """
    shown = _METRICS.get(name) or _of_family(name)
    if name.endswith("_permuted_labels"):
        shown = shown._replace(better="neither")
    if kind == "documents" and name.startswith("squared_error"):
        return shown._replace(decimals=5)
    return shown


def _of_family(name: str) -> Metric:
    """Return how a metric is shown whose name is that of another with more after it."""
    for beginning, family in _BEGINNINGS.items():
        if name.startswith(beginning):
            rest = name.removeprefix(beginning).replace("_", " ")
            return family._replace(words=f"{family.words} {rest}", short=f"{family.short} {rest}")
    words = name.replace("_", " ")
    return Metric(words, "neither", 3, words, PLAIN)


def directions(metrics: Iterable[str]) -> dict[str, str]:
    """Which of "lower" and "higher" is better, of the metrics that have a better and a worse."""
    better = {name: metric(name, "").better for name in metrics}
    return {name: direction for name, direction in better.items() if direction != "neither"}


def table_metrics(kind: str) -> list[str]:
    """Metrics of the tables, in order; those not measured are left out by the caller."""
    errors = ["squared_error"] if kind == "images" else ["perplexity", "squared_error"]
    return [
        *errors,
        "knn_accuracy",
        "logistic_accuracy",
        "mean_average_precision",
        "precision_at_1",
        "precision_at_15",
        "factor_recovery",
    ]


def more_metrics(kind: str) -> dict[str, list[str]]:
    """Metrics of the further tables, by what they are about; the rest is in metrics.csv."""
    error = error_metric(kind)
    corruptions = [f"{error}_missing_{share}" for share in ("0.1", "0.5", "0.9")]
    if kind == "images":
        noise = [f"{error}_gaussian_{deviation}" for deviation in ("0.1", "0.3", "0.5")]
        corruptions = [*noise, *corruptions, "squared_error_unseen", "outlier_auroc"]
    return {
        "Reconstruction": [
            "cross_entropy",
            "explained_variance",
            f"{error}_optimised_codes",
            "amortisation_gap",
        ],
        "Robustness": corruptions,
        "Rate and distortion": [f"{error}_at_{bits}_bits" for bits in (1, 2, 4, 8)],
        "Classification": [
            "svm_accuracy",
            *(f"logistic_accuracy_at_{labels}_labels" for labels in (10, 100, 1000)),
            *(f"logistic_accuracy_of_layer_{layer}" for layer in (1, 2, 3)),
        ],
        "Retrieval": [
            "r_precision",
            "ndcg",
            "recall_at_15",
            "ndcg_at_15",
            "mean_average_precision_worst_order",
            "mean_average_precision_best_order",
            "hamming_share_at_radius_2",
        ],
        "Structure": [
            "trustworthiness",
            "continuity",
            "local_intrinsic_dimension",
            "mean_activation",
            "code_sparsity",
            "dead_units",
            "jacobian_norm",
        ],
    }


def error_metric(kind: str) -> str:
    """Return the metric that says how well a data set of this kind is compressed."""
    return "squared_error" if kind == "images" else "perplexity"


def title(dataset: str) -> str:
    """Return the name of a data set as prose writes it."""
    return TITLES.get(dataset, dataset)


def classes(label: Any, known: Sequence[Any]) -> str:
    """Name the class of an item, a number, or its classes, a row of indicators."""
    numbers = [int(label)] if np.ndim(label) == 0 else np.flatnonzero(label).tolist()
    words = [str(known[n]) if n < len(known) else f"class {n}" for n in numbers]
    return ", ".join(words) or "no class"
