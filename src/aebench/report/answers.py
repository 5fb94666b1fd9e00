"""The answer in sentences, computed from the numbers and worded no stronger than they allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aebench.report import names, tables
from aebench.report.overall import TASKS
from aebench.report.results import Results

QUESTION = "Do autoencoders beat PCA and LSA?"


_VERDICTS = {
    tables.BETTER: "is better than",
    tables.WORSE: "is worse than",
    tables.EVEN: "is not shown to differ from",
}
_COUNTED = {tables.BETTER: "better", tables.EVEN: "no difference shown", tables.WORSE: "worse"}
UNTESTED = "open"


class Comparison(NamedTuple):
    """The best autoencoder against the best baseline, on one data set at one code size.

    `line` has who they are with their values in short, `words` as a clause. `meaning` is a mark of
    `tables`, empty without a test; `ahead` says whether the autoencoder has the better mean.
    """

    line: str
    words: str
    meaning: str
    ahead: bool


class Answer(NamedTuple):
    """One task: its name, what measures it, one sentence, and the comparisons behind it."""

    task: str
    measure: str
    sentence: str
    comparisons: list[Comparison]

    @property
    def counts(self) -> list[tuple[str, str, int]]:
        """Return mark, words and number of the comparisons that went each way."""
        return _counts(self.comparisons)


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
            found.append(Answer(task, measure, _sentence(comparisons), comparisons))
    return found


def caveats(results: Results, epochs: Mapping[str, Any]) -> list[str]:
    """What to keep in mind with these answers; `epochs` are the budget's, by kind of data."""
    said = []
    for kind in dict.fromkeys(results.kind(dataset) for dataset in results.datasets):
        if kind in epochs:
            counts = ", ".join(f"{k.replace('_', ' ')} {v:g}" for k, v in epochs[kind].items())
            said.append(f"Epochs at this budget on {kind}: {counts}.")
    said.append(
        "Compared are, on images, the main code size, on documents every code size that both sides "
        "have but the smallest; the other sizes are in the tables. The best of a side is picked by "
        "the test numbers it is shown with, which flatters the side with more variants more."
    )
    searching = [variant for variant in results.roles if results.searches(variant)]
    if searching:
        said.append(
            f"Codes found by search: {', '.join(searching)} optimises the code of every test item "
            "under its decoder, the others encode once. What those reach with optimised codes is "
            "in the tables Reconstruction."
        )
    n = len(results.seeds)
    if n == 1:
        said.append("One seed was run: no interval can be given, and chance is not ruled out.")
    elif n < 5:
        said.append(
            f"Intervals over {n} seeds are wide, and by luck sometimes narrow; tests take a "
            "variant's own noise or the typical one of its column, whichever is larger."
        )
    return said


def _compare(results: Results, dataset: str, size: int, metric: str) -> Comparison | None:
    left, right = (
        tables.best(results, dataset, size, metric, results.variants(dataset, role))
        for role in ("autoencoder", "baseline")
    )
    if left is None or right is None:
        return None
    shown = names.metric(metric, results.kind(dataset))
    difference, meaning = tables.compare(results, dataset, size, metric, left, right)
    ahead = difference != 0 and (difference < 0) == (shown.better == "lower")
    cells = [tables.measured(results, dataset, variant, size, metric) for variant in (left, right)]
    ours, theirs = (_unbroken(f"{cell.text} {cell.detail}".strip()) for cell in cells)
    search = ", codes found by search" if results.searches(right) else ""
    found = _COUNTED.get(meaning, "")
    where = f"{names.title(dataset)}, code size {size}"
    verdict = _VERDICTS.get(meaning, "is ahead of" if ahead else "is not ahead of")
    return Comparison(
        f"{where}: {ours} ({left}) against {theirs} ({right}){': ' * bool(found)}{found}.",
        f"On {names.title(dataset)} at code size {size} the best autoencoder, {left} "
        f"({shown.words} {ours}), {verdict} the best baseline, {right} ({theirs}{search})",
        meaning,
        ahead,
    )


def _unbroken(text: str) -> str:
    """Keep a value and its interval on one line."""
    return text.replace(" ", "\u00a0").replace("\u2009", "\u202f")


def _counts(comparisons: list[Comparison]) -> list[tuple[str, str, int]]:
    meanings = [comparison.meaning for comparison in comparisons]
    if not any(meanings):
        ahead = sum(comparison.ahead for comparison in comparisons)
        ways = [(UNTESTED, "ahead", ahead), (UNTESTED, "not ahead", len(comparisons) - ahead)]
    else:
        ways = [(mark, words, meanings.count(mark)) for mark, words in _COUNTED.items()]
        ways.append((UNTESTED, "not tested", meanings.count("")))
    return [way for way in ways if way[2]]


def _sentence(comparisons: list[Comparison]) -> str:
    """Say the first comparison in full, and in how many of all it went which way."""
    first, total = comparisons[0].words, len(comparisons)
    counts = {words: count for _, words, count in _counts(comparisons)}
    if not any(comparison.meaning for comparison in comparisons):
        rest = f"; it is ahead in {counts.get('ahead', 0)} of {total} comparisons" * (total > 1)
        return f"{first}{rest}; with one seed this is no test."
    if total == 1:
        return f"{first}."
    ways = [f"{words} in {counts[words]}" for words in ("better", "worse") if words in counts]
    open_ = counts.get("no difference shown", 0) + counts.get("not tested", 0)
    over = f"over all {total} comparisons"
    if not ways:
        return f"{first}; {over} no difference is shown."
    rest = f", and in {open_} no difference is shown" if open_ else ""
    return f"{first}; {over} the best autoencoder is {' and '.join(ways)}{rest}."
