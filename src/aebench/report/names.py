"""Names: of figures, and of metrics in words."""

from __future__ import annotations

import math
from typing import NamedTuple

SHARE = (0.0, 1.0)


class Metric(NamedTuple):
    """How a metric is shown: its words, which direction is better, decimals, short words.

    `range` holds the smallest and the largest value it can take.
    """

    words: str
    better: str
    decimals: int
    short: str
    range: tuple[float, float] = (0.0, math.inf)


_METRICS = {
    "squared_error": Metric("squared error", "lower", 2, "squared error"),
    "cross_entropy": Metric("cross-entropy (nats)", "lower", 1, "cross-entropy"),
    "cross_entropy_per_word": Metric("cross-entropy per word (nats)", "lower", 3, "nats a word"),
    "perplexity": Metric("perplexity", "lower", 0, "perplexity", (1.0, math.inf)),
    "logistic_accuracy": Metric(
        "logistic regression accuracy", "higher", 3, "logistic acc.", SHARE
    ),
    "knn_accuracy": Metric("k-nearest-neighbour accuracy", "higher", 3, "kNN acc.", SHARE),
    "mean_average_precision": Metric("mean average precision", "higher", 3, "MAP", SHARE),
    "precision_at_1": Metric("precision at 1", "higher", 3, "P at 1", SHARE),
    "precision_at_15": Metric("precision at 15", "higher", 3, "P at 15", SHARE),
    "factor_recovery": Metric(
        "share of the true factors' variance", "higher", 3, "factors R²", (-math.inf, 1.0)
    ),
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


def figure_names(dataset: str, kind: str) -> list[str]:
    """Names of the figures of a data set; files are `figures/<dataset>-<name>.svg` and `.png`.

    Parameters
    ----------
    dataset : str
        Not used today: a figure may come to exist for one data set alone.
    kind : {"images", "documents"}
    """
    names = ["code-maps", "retrieval", "code-size", "training"]
    return ["reconstructions", *names] if kind == "images" else names


def metric(name: str, kind: str) -> Metric:
    """How the metric `name` is shown; one that is not known is shown under its own name.

    Squared errors between shares of words are about a hundredth, so documents get more decimals.
    """
    words = name.replace("_", " ")
    unknown = Metric(words, "higher", 3, words, (-math.inf, math.inf))
    shown = _METRICS.get(name, unknown)
    if name == "squared_error" and kind == "documents":
        return shown._replace(decimals=5)
    return shown


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


def error_metric(kind: str) -> str:
    """Return the metric that says how well a data set of this kind is compressed."""
    return "squared_error" if kind == "images" else "perplexity"


def title(dataset: str) -> str:
    """Return the name of a data set as prose writes it."""
    return TITLES.get(dataset, dataset)
