"""Retrieval measures the slow way: every order of tied items, one by one."""

import itertools
import math

import numpy as np

RECALLS = [i / 10 for i in range(11)]


def orders(distances, grades):
    """Yield the grades of a ranked list, once for each order of the tied items."""
    distances, grades = np.asarray(distances), np.asarray(grades)
    groups = [
        list(itertools.permutations(grades[distances == d].tolist())) for d in np.unique(distances)
    ]
    for order in itertools.product(*groups):
        yield list(itertools.chain(*order))


def of_one_order(grades, cutoffs, few):
    """Measures of one ranked list without ties, as textbooks define them."""
    hits, n_relevant = [g > 0 for g in grades], sum(g > 0 for g in grades)
    values = {f"precision_at_{k}": sum(hits[:k]) / k for k in cutoffs}
    if n_relevant == 0:
        return values
    values |= {f"recall_at_{k}": sum(hits[:k]) / n_relevant for k in few}
    values["r_precision"] = sum(hits[:n_relevant]) / n_relevant
    for name, k in [*((f"ndcg_at_{k}", k) for k in few), ("ndcg", len(grades))]:
        gain, ideal = (
            sum(g / math.log2(2 + place) for place, g in enumerate(ranked[:k]))
            for ranked in (grades, sorted(grades, reverse=True))
        )
        values[name] = gain / ideal
    precisions = [sum(hits[: i + 1]) / (i + 1) for i, hit in enumerate(hits) if hit]
    values["mean_average_precision"] = sum(precisions) / n_relevant
    return values


def expected_curve(found):
    """Interpolated precision at each recall level of a curve of expected numbers found.

    `found[k]` of the first k. Between whole k it is linear; the grid of k has every place at which
    a group of up to 5 tied items reaches a whole number of relevant ones.
    """
    k = np.arange(1, 60 * (len(found) - 1) + 1) / 60
    number = np.interp(k, np.arange(len(found)), found)
    reached = [math.ceil(round(10 * r) * round(found[-1]) / 10) for r in RECALLS]
    highest = [(number / k)[number >= level - 1e-9].max() for level in reached]
    return {f"precision_at_recall_{r}": value for r, value in zip(RECALLS, highest, strict=True)}


def of_one_list(distances, grades, cutoffs, few):
    """Expected measures of a list with ties, and the band from the worst to the best order."""
    every = list(orders(distances, grades))
    measures = [of_one_order(order, cutoffs, few) for order in every]
    values = {name: np.mean([m[name] for m in measures]) for name in measures[0]}
    banded = [f"precision_at_{k}" for k in few] + ["mean_average_precision"] * any(grades)
    for name in banded:
        values[f"{name}_worst_order"] = min(m[name] for m in measures)
        values[f"{name}_best_order"] = max(m[name] for m in measures)
    if any(grades):
        running = np.cumsum(np.array(every) > 0, axis=1).mean(axis=0)
        values |= expected_curve(np.concatenate([[0], running]))
    return values


def of_all(distances, grades, cutoffs, few):
    """Means over the lists that have the measure; NaN when none has."""
    lists = [of_one_list(d, g, cutoffs, few) for d, g in zip(distances, grades, strict=True)]
    names = {name for values in lists for name in values}
    return {name: np.mean([values[name] for values in lists if name in values]) for name in names}
