"""The answer in sentences, computed from the numbers and worded no stronger than they allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aebench.report import names, tables
from aebench.report.overall import TASKS
from aebench.report.results import Results

QUESTION = "Do autoencoders beat PCA and LSA?"


class Answer(NamedTuple):
    """One task: its name, what measures it, a sentence that counts, and a line a comparison."""

    task: str
    measure: str
    sentence: str
    lines: list[str]


class _Comparison(NamedTuple):
    line: str
    meaning: str
    ahead: bool


def answers(results: Results) -> list[Answer]:
    """For each task and data set, the best autoencoder against the best baseline."""
    found = []
    for task, (for_images, for_documents) in TASKS.items():
        comparisons = []
        for dataset in results.datasets:
            metric = for_images if results.kind(dataset) == "images" else for_documents
            for size in results.headline_code_sizes(dataset):
                comparison = _compare(results, dataset, size, metric)
                comparisons += [comparison] if comparison else []
        if comparisons:
            kinds = dict.fromkeys(results.kind(dataset) for dataset in results.datasets)
            measures = [for_images if kind == "images" else for_documents for kind in kinds]
            words = [names.metric(m, k).words for m, k in zip(measures, kinds, strict=True)]
            measure = " or ".join(dict.fromkeys(words))
            found.append(Answer(task, measure, _count(comparisons), [c.line for c in comparisons]))
    return found


def caveats(results: Results, epochs: Mapping[str, Any]) -> list[str]:
    """What to keep in mind with these answers; `epochs` are the budget's, by kind of data."""
    said = []
    for kind in dict.fromkeys(results.kind(dataset) for dataset in results.datasets):
        if kind in epochs:
            counts = ", ".join(f"{k.replace('_', ' ')} {v:g}" for k, v in epochs[kind].items())
            said.append(f"Epochs at this budget on {kind}: {counts}.")
    said.append(
        "The best of several variants is picked by the same test numbers it is shown with, which "
        "flatters it a little; all of them are in the tables."
    )
    n = len(results.seeds)
    if n == 1:
        said.append("One seed was run: no interval can be given, and chance is not ruled out.")
    elif n < 5:
        said.append(f"Intervals over {n} seeds are wide; tests pool the noise of all variants.")
    return said


def _compare(results: Results, dataset: str, size: int, metric: str) -> _Comparison | None:
    left, right = (
        tables.best(results, dataset, size, metric, results.variants(dataset, role))
        for role in ("autoencoder", "baseline")
    )
    if left is None or right is None:
        return None
    shown = names.metric(metric, results.kind(dataset))
    difference, meaning = tables.compare(results, dataset, size, metric, left, right)
    sides = []
    for variant in (left, right):
        cell = tables.measured(results, dataset, variant, size, metric)
        sides.append(f"{cell.text} {cell.detail}".strip() + f" ({variant})")
    where = f"{names.title(dataset)}, code size {size}: "
    ahead = difference != 0 and (difference < 0) == (shown.better == "lower")
    return _Comparison(f"{where}{sides[0]} against {sides[1]}.", meaning, ahead)


def _count(comparisons: list[_Comparison]) -> str:
    """Say in how many comparisons autoencoders are better, worse, or not shown to differ."""
    total = len(comparisons)
    meanings = [comparison.meaning for comparison in comparisons]
    if not any(meanings):
        ahead = sum(comparison.ahead for comparison in comparisons)
        return (
            f"The best autoencoder is ahead of the best baseline in {ahead} of {total}; "
            "with one seed this is no test."
        )
    if total == 1:
        words = {tables.BETTER: "is better than", tables.WORSE: "is worse than"}
        found = words.get(meanings[0], "is not shown to differ from")
        return f"The best autoencoder {found} the best baseline."
    counts = {meaning: meanings.count(meaning) for meaning in (tables.BETTER, tables.WORSE)}
    open_ = total - sum(counts.values())
    first, *others = [meaning for meaning, count in counts.items() if count] or [""]
    if not first:
        return f"No difference from the best baseline is shown in any of {total} comparisons."
    more = "".join(f", {meaning} in {counts[meaning]}" for meaning in others)
    rest = f"; in {open_} no difference is shown" if open_ else ""
    where = f"the best baseline in {counts[first]} of {total} comparisons"
    return f"The best autoencoder is {first} than {where}{more}{rest}."
