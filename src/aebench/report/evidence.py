"""What the lecture's statements rest on: the same numbers for its figures and for its words."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from aebench import statistics
from aebench.report import names, tables
from aebench.report.results import Results

PLAIN, LINEAR, PCA, NOTHING = "deep", "linear", "pca", "mean"
"""The autoencoder without extras, the linear one, PCA, and the code that carries nothing."""

COPY = "overcomplete"
PENALISED = ("contractive", "sparse-kl", "sparse-l1", "sparse-denoising", "k-sparse")
"""A code larger than the input without a penalty, and those that differ by what holds it back."""

PRETRAINED = (
    ("hinton-2006", "hinton-2006-no-pretraining"),
    ("stacked", PLAIN),
    ("stacked-denoising", PLAIN),
)
"""Variants, and what they are without their pretraining."""


class Measured(NamedTuple):
    """A mean over seeds with its 95% interval, NaN where there is none."""

    mean: float
    low: float
    high: float

    def text(self, decimals: int = 2) -> str:
        """Return mean and interval in words."""
        mean = tables.number(self.mean, decimals)
        if math.isnan(self.low) or self.low == self.high:
            return mean
        ends = (tables.number(end, decimals) for end in (self.low, self.high))
        return f"{mean} [{', '.join(ends)}]"

    @property
    def least(self) -> float:
        """Return the lower end, the mean where there is no interval."""
        return self.mean if math.isnan(self.low) else self.low

    @property
    def most(self) -> float:
        """Return the upper end, the mean where there is no interval."""
        return self.mean if math.isnan(self.high) else self.high

    def below(self, other: Measured) -> bool | None:
        """Whether it is the smaller; None where intervals overlap or there is none."""
        if self.high < other.low:
            return True
        return False if self.low > other.high else None

    def over(self, whole: float) -> Measured:
        """Return the same as a share of something else."""
        return Measured(*(value / whole for value in self))


def exactly(value: float) -> Measured:
    """Return a number that is known, to compare what was measured with."""
    return Measured(value, value, value)


class Against(NamedTuple):
    """A case beside another at one code size, and what the difference means for the first.

    `meaning` is "better", "worse", "even", or "" where no test was possible.
    """

    dataset: str
    code_size: int
    left: str
    right: str
    of_left: Measured
    of_right: Measured
    meaning: str


def over_seeds(values: np.ndarray) -> Measured:
    """Mean and interval of an array whose only axis are seeds."""
    return Measured(*statistics.interval(np.asarray(values, dtype=float)))


def by_column(values: np.ndarray) -> list[Measured]:
    """Mean and interval of each column of an array [seeds, columns]."""
    return [over_seeds(column) for column in np.asarray(values).T]


def case(
    results: Results, dataset: str, variant: str, code_size: int, metric: str
) -> Measured | None:
    """Mean and interval of a metric, cut at what it can be; None where it was not measured."""
    row = results.row(dataset, variant, code_size, metric)
    if row is None:
        return None
    least, most = names.metric(metric, results.kind(dataset)).range
    return Measured(row["mean"], max(row["low"], least), min(row["high"], most))


def image_sets(results: Results) -> list[str]:
    """Data sets of images, in their order."""
    return [name for name in results.datasets if results.kind(name) == "images"]


def undercomplete(results: Results) -> list[Against]:
    """The plain autoencoder beside PCA, in squared error, at every code size that both have."""
    return [
        found
        for dataset in image_sets(results)
        for size in results.code_sizes(dataset)
        if (found := _tested(results, dataset, size, PLAIN, PCA)) is not None
    ]


def _tested(results: Results, dataset: str, size: int, left: str, right: str) -> Against | None:
    """Compare by the tests over items and seeds, which autoencoder and baseline have."""
    sides = [case(results, dataset, variant, size, "squared_error") for variant in (left, right)]
    if sides[0] is None or sides[1] is None:
        return None
    meaning = tables.compare(results, dataset, size, "squared_error", left, right)[1]
    return Against(dataset, size, left, right, sides[0], sides[1], meaning)


def difference(
    results: Results, dataset: str, size: int, metric: str, left: str, right: str
) -> Measured:
    """Left minus right over seeds, paired where both have the same; NaN where one is missing."""
    where = {"dataset": dataset, "code_size": size, "metric": metric, "split": "test"}
    found = statistics.difference(
        results.metrics, where | {"variant": left}, where | {"variant": right}
    )
    return Measured(found.mean, found.low, found.high)


def compare(
    results: Results, dataset: str, size: int, metric: str, left: str, right: str
) -> Against | None:
    """Compare two variants over seeds alone; None when one was not measured.

    The first is better or worse where the 95% interval of the difference leaves out zero.
    """
    sides = [case(results, dataset, variant, size, metric) for variant in (left, right)]
    if sides[0] is None or sides[1] is None:
        return None
    apart = difference(results, dataset, size, metric, left, right)
    meaning = "" if math.isnan(apart.low) else tables.EVEN
    if apart.low > 0 or apart.high < 0:
        lower = names.metric(metric, results.kind(dataset)).better == "lower"
        meaning = tables.BETTER if (apart.mean < 0) == lower else tables.WORSE
    return Against(dataset, size, left, right, sides[0], sides[1], meaning)


def overcomplete_sets(results: Results) -> list[tuple[str, int]]:
    """Data sets with the overcomplete autoencoder, and its code size there."""
    return [
        (dataset, size)
        for dataset in image_sets(results)
        for size in results.code_sizes(dataset)
        if results.row(dataset, COPY, size, "squared_error") is not None
        and size > results.facts[dataset].get("n_features", math.inf)
    ]


def pretraining(results: Results) -> list[Against]:
    """Variants beside the same without pretraining, in squared error at the main code size."""
    found = []
    for dataset in image_sets(results):
        size = results.main_code_size(dataset)
        pairs = (compare(results, dataset, size, "squared_error", *pair) for pair in PRETRAINED)
        found += [pair for pair in pairs if pair is not None]
    return found


class Unseen(NamedTuple):
    """What a variant leaves of its own kind of data and of another, and how it tells them apart.

    The first two are shares of the mean image's error, the last is the area under the ROC.
    """

    dataset: str
    variant: str
    code_size: int
    own: Measured
    other: Measured
    auroc: Measured | None


def unseen(results: Results, dataset: str) -> list[Unseen]:
    """Autoencoders, PCA and a copy on images of another data set; the best five autoencoders."""
    main = results.main_code_size(dataset)
    leading = results.leading(dataset, "squared_error", main, 5)
    shown = [(variant, main) for variant in leading if results.roles[variant] == "autoencoder"]
    shown += [(PCA, main)]
    shown += [(COPY, size) for name, size in overcomplete_sets(results) if name == dataset]
    whole = [
        case(results, dataset, NOTHING, main, metric)
        for metric in ("squared_error", "squared_error_unseen")
    ]
    if whole[0] is None or whole[1] is None:
        return []
    found = []
    for variant, size in shown:
        own, other, auroc = (
            case(results, dataset, variant, size, metric)
            for metric in ("squared_error", "squared_error_unseen", "outlier_auroc")
        )
        if own is not None and other is not None:
            shares = own.over(whole[0].mean), other.over(whole[1].mean)
            found.append(Unseen(dataset, variant, size, *shares, auroc))
    return found


class Bottleneck(NamedTuple):
    """Shares of the variance of independent inputs that codes of half their number leave."""

    floor: float
    left: dict[str, Measured]


def bottleneck(results: Results) -> Bottleneck | None:
    """The largest code of the experiment on independent inputs; None when it was not run."""
    toys = results.toys
    if "bottleneck_linear" not in toys:
        return None
    shares = {
        "PCA": toys["compression_random_pca"][:, -1],
        "linear autoencoder": toys["bottleneck_linear"],
        "deep autoencoder": toys["compression_random_autoencoder"][:, -1],
    }
    floor = float(toys["compression_floor"][-1])
    return Bottleneck(floor, {name: over_seeds(values) for name, values in shares.items()})
