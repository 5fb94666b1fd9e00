"""Who is best at a task: the variants of a data set in order, with intervals and shared ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan
from statistics import median

from aebench.report import names, palette, tables
from aebench.report.overall import TASKS
from aebench.report.results import Results

MARGIN = 0.06
"""Share of the axis left free before the best mean."""

SPAN = 2.0
"""The axis ends where a mean is so many times as far from the best as the median is: one variant
that fails would leave no room to tell the others apart."""


@dataclass(frozen=True)
class Place:
    """One variant: its rank, its mean and interval in words, and where they lie on the axis.

    `at`, `left` and `width` are percentages of the axis; what leaves it is cut. `beyond` says that
    the mean itself does.
    """

    variant: str
    role: str
    colour: str
    rank: str
    mean: str
    interval: str
    at: float
    left: float
    width: float
    beyond: bool


@dataclass(frozen=True)
class Ranking:
    """The variants of a data set by one metric at one code size, best first, without controls."""

    task: str
    measure: str
    code_size: int
    places: list[Place]


def rankings(results: Results, dataset: str) -> list[Ranking]:
    """Return the rankings of each task at the main code size; a task not measured is left out."""
    kind, size = results.kind(dataset), results.main_code_size(dataset)
    found = []
    for task, metrics in TASKS.items():
        metric = metrics[kind != "images"]
        means = {
            variant: mean
            for variant, mean in results.means(dataset, metric, size).items()
            if results.roles[variant] != "control"
        }
        if means:
            shown = names.metric(metric, kind)
            measure = f"{shown.short} {'↓' if shown.better == 'lower' else '↑'}"
            places = _places(results, dataset, metric, size, means)
            found.append(Ranking(task, measure, size, places))
    return found


def _places(
    results: Results, dataset: str, metric: str, size: int, means: Mapping[str, float]
) -> list[Place]:
    shown = names.metric(metric, results.kind(dataset))
    sign = 1 if shown.better == "lower" else -1
    ordered = sorted(means, key=lambda variant: (sign * means[variant], variant))
    at = _axis([means[variant] for variant in ordered])
    places = []
    for variant in ordered:
        row = results.row(dataset, variant, size, metric)
        mean = means[variant]
        low, high = (
            mean if row is None or isnan(row[end]) else row[end] for end in ("low", "high")
        )
        rank = results.rank(dataset, variant, size, metric)
        left, place, right = (min(max(at(value), 0.0), 100.0) for value in (low, mean, high))
        places.append(
            Place(
                variant=variant,
                role=results.roles[variant],
                colour=palette.colour(variant),
                rank=tables.MISSING if rank is None else str(rank),
                mean=tables.number(mean, shown.decimals),
                interval=f"±\u2009{tables.number(high - mean, shown.decimals)}" * (high > mean),
                at=round(place, 1),
                left=round(left, 1),
                width=round(right - left, 1),
                beyond=not 0 <= at(mean) <= 100,
            )
        )
    return places


def _axis(ordered: list[float]) -> Callable[[float], float]:
    """Return what turns a value into a percentage of the axis; the best value comes first."""
    best, worst = ordered[0], ordered[-1]
    middle = abs(median(ordered) - best) * SPAN
    reach = min(middle, abs(worst - best)) or abs(worst - best) or 1.0
    low = best - MARGIN * reach if worst >= best else best - (1 + MARGIN) * reach
    return lambda value: 100 * (value - low) / (reach * (1 + 2 * MARGIN))
