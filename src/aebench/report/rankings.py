"""Who is best at a task: the variants of a data set in order, with intervals and shared ranks."""

from __future__ import annotations

from dataclasses import dataclass, field

from aebench.report import names, palette, tables
from aebench.report.overall import TASKS
from aebench.report.results import Results

MARGIN = 0.06
"""Share of the axis left free on either side of the means."""


@dataclass(frozen=True)
class Place:
    """One variant: its rank, its mean with interval in words, and where they lie on the axis.

    `at`, `left` and `width` are percentages of the axis; an interval that leaves it is cut.
    """

    variant: str
    role: str
    colour: str
    rank: str
    cell: tables.Cell
    at: float
    left: float
    width: float


@dataclass(frozen=True)
class Ranking:
    """The variants of a data set by one metric at one code size, best first, without controls."""

    task: str
    words: str
    better: str
    code_size: int
    places: list[Place] = field(default_factory=list)


def rankings(results: Results, dataset: str) -> list[Ranking]:
    """Return the rankings of each task at the main code size; a task not measured is left out."""
    kind, size = results.kind(dataset), results.main_code_size(dataset)
    found = []
    for task, metrics in TASKS.items():
        metric = metrics[kind != "images"]
        places = _places(results, dataset, metric, size)
        if places:
            shown = names.metric(metric, kind)
            found.append(Ranking(task, shown.words, shown.better, size, places))
    return found


def _places(results: Results, dataset: str, metric: str, size: int) -> list[Place]:
    means = results.means(dataset, metric, size)
    means = {v: mean for v, mean in means.items() if results.roles[v] != "control"}
    if not means:
        return []
    shown = names.metric(metric, results.kind(dataset))
    sign = 1 if shown.better == "lower" else -1
    low, high = min(means.values()), max(means.values())
    margin = MARGIN * (high - low) or 1.0

    def at(value: float) -> float:
        share = (value - low + margin) / (high - low + 2 * margin)
        return round(100 * min(max(share, 0.0), 1.0), 1)

    places = []
    for variant in sorted(means, key=lambda variant: (sign * means[variant], variant)):
        cell = tables.measured(results, dataset, variant, size, metric)
        ends = [means[variant] if end is None else end for end in (cell.low, cell.high)]
        rank = results.rank(dataset, variant, size, metric)
        places.append(
            Place(
                variant=variant,
                role=results.roles[variant],
                colour=palette.colour(variant),
                rank=tables.MISSING if rank is None else str(rank),
                cell=cell,
                at=at(means[variant]),
                left=at(ends[0]),
                width=round(at(ends[1]) - at(ends[0]), 1),
            )
        )
    return places
