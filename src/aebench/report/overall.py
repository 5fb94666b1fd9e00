"""All data sets together: average ranks, in words and for the critical-difference diagram."""

from __future__ import annotations

from collections.abc import Mapping

from aebench import statistics
from aebench.report import names
from aebench.report.results import Results

TASKS = {
    "Compressing": ("squared_error", "perplexity"),
    "Classifying": ("knn_accuracy", "knn_accuracy"),
    "Retrieving": ("mean_average_precision", "mean_average_precision"),
}
"""What measures each task, on images and on documents."""


def across(results: Results) -> dict[str, statistics.Across]:
    """Average ranks of each task over the data sets, at their main code sizes, without controls.

    A task is left out when fewer than two data sets share three variants.
    """
    found = {}
    for task, metrics in TASKS.items():
        means, lower = {}, {}
        for dataset in results.datasets:
            kind = results.kind(dataset)
            metric = metrics[kind != "images"]
            scores = results.means(dataset, metric, results.main_code_size(dataset))
            scores = {v: mean for v, mean in scores.items() if results.roles[v] != "control"}
            if scores:
                means[dataset] = scores
                lower[dataset] = names.metric(metric, kind).better == "lower"
        ranks = statistics.average_ranks(means, lower)
        if ranks is not None:
            found[task] = ranks
    return found


def sentences(found: Mapping[str, statistics.Across]) -> list[str]:
    """Say what the diagram shows, from the same numbers."""
    return [_sentence(task, ranks) for task, ranks in found.items()]


def _sentence(task: str, found: statistics.Across) -> str:
    places = ", ".join(f"{variant} {rank:.2f}" for variant, rank in found.ranks.items())
    text = (
        f"{task}, average ranks over {len(found.datasets)} data sets: {places}. Friedman's test: "
        f"p {'< 0.001' if found.p < 0.001 else f'= {found.p:.3f}'}"
    )
    if found.p >= 1 - statistics.CONFIDENCE:
        return f"{text}: not significant, no variant is shown to differ from another."
    apart = f"Nemenyi's test (critical difference {found.critical_difference:.2f})"
    different = [f"{better} is better than {worse}" for better, worse in found.different()]
    if not different:
        return f"{text}: not all are alike, but {apart} tells no pair apart."
    return f"{text}; by {apart} {', '.join(different)}."
