"""The suite's audit of itself: can these seeds show a difference, and are controls at chance?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from aebench.statistics.chance import QUANTILE, Chance, Labels, chance
from aebench.statistics.noise import between_seeds
from aebench.statistics.tidy import CONFIDENCE, GROUP, sort

POWER = 0.8
NOTHING = "mean"
"""The control whose code is the same for every item: it must score at chance."""

PERMUTED = "_permuted_labels"
AT_CHANCE, NOT_AT_CHANCE = "at chance", "not at chance"

COLUMNS = [
    *GROUP,
    "seeds",
    "noise",
    "freedom",
    "smallest_difference",
    "difference_with_power",
    "chance",
    "permuted_labels",
    "verdict",
]
"""Columns of the audit; between the last two stands one for each control, `control_<variant>`."""


def audit(
    metrics: pd.DataFrame, controls: Sequence[str], labels: Mapping[str, Labels]
) -> pd.DataFrame:
    """Say of every metric how noisy seeds are, what they can show, and whether controls are sane.

    Parameters
    ----------
    metrics : DataFrame
        The tidy table; its test split is used.
    controls : sequence of str
        The variants that are controls.
    labels : mapping of data set to Labels
        What chance is worked out from, where a data set is in it.

    Returns
    -------
    DataFrame
        One row a dataset, code_size and metric, with the columns

        - `seeds`: of a variant, the commonest number.
        - `noise`: standard deviation between seeds, the median of the variants that vary, see
          `noise`; empty when none has two seeds, 0 when all are exact; `freedom`, its degrees of
          freedom.
        - `smallest_difference`: two variants of that noise must differ by more for their 95%
          intervals to tell them apart, t sqrt(2 / seeds) noise. A true difference of that size is
          found every other time. Between variants that are noisier, among many, and over items
          too, it takes more: `comparisons` has the tests.
        - `difference_with_power`: a true difference of that size is found 8 times in 10.
        - `chance`: what a code that says nothing must score, from the labels; where that is not
          known, what the control `mean` scores.
        - `control_<variant>`, `permuted_labels`: means of the controls, the last of all variants.
        - `verdict`: "at chance" or "not at chance", of `mean` and of permuted labels; empty where
          neither is to be at chance, as in reconstruction, where `mean` shows what no code costs.
    """
    cases = sort(between_seeds(metrics), [*GROUP, "variant"])
    permuted = cases["metric"].str.endswith(PERMUTED)
    shuffled = _permuted(cases[permuted])
    rows = []
    for place, group in cases[~permuted].groupby(GROUP, sort=False):
        means = dict(zip(group["variant"], group["mean"], strict=True))
        scores = {f"control_{name}": means.get(name, math.nan) for name in controls}
        known_labels = labels.get(str(place[0]))
        items = len(known_labels.test) if known_labels else 0
        expected = chance(str(place[2]), known_labels)
        known = shuffled.get(place, [])
        rows.append(
            dict(zip(GROUP, place, strict=True))
            | _noise(group)
            | {"chance": expected.value if expected else _fallback(place, means, shuffled)}
            | scores
            | {"permuted_labels": float(np.mean(known)) if known else math.nan}
            | {"verdict": _verdict(expected, means.get(NOTHING), known, items)}
        )
    columns = [*COLUMNS[:-1], *(f"control_{name}" for name in controls), "verdict"]
    return pd.DataFrame(rows, columns=columns)


def _noise(group: pd.DataFrame) -> dict[str, float]:
    """Noise between seeds of one table column, and what it lets through."""
    from scipy.special import stdtrit

    seeds = int(group["seeds"].mode().max())
    varying = group[~group["exact"]]
    if varying.empty:
        return {"seeds": seeds, "noise": 0.0, "smallest_difference": 0.0}
    noise, freedom = math.sqrt(varying["variance"].median()), float(varying["freedom"].median())
    unit = noise * math.sqrt(2 / seeds)
    critical, found = stdtrit(freedom, [(1 + CONFIDENCE) / 2, POWER])
    return {
        "seeds": seeds,
        "noise": noise,
        "freedom": freedom,
        "smallest_difference": critical * unit,
        "difference_with_power": (critical + found) * unit,
    }


def _permuted(cases: pd.DataFrame) -> dict[tuple[object, ...], list[float]]:
    """Return the scores with permuted labels, one a variant, by the table column they belong to."""
    found: dict[tuple[object, ...], list[float]] = {}
    for *place, mean in cases[[*GROUP, "mean"]].itertuples(index=False, name=None):
        key = (*place[:-1], str(place[-1]).removesuffix(PERMUTED))
        found.setdefault(key, []).append(float(mean))
    return found


def _fallback(
    place: tuple[object, ...],
    means: Mapping[str, float],
    shuffled: Mapping[tuple[object, ...], list[float]],
) -> float:
    """Chance where the labels do not say it: the control `mean`, if labels can be permuted."""
    return means.get(NOTHING, math.nan) if place in shuffled else math.nan


def _verdict(
    expected: Chance | None, nothing: float | None, permuted: Sequence[float], items: int
) -> str:
    """Say whether controls are at chance; permuted labels on the average of the variants.

    Codes of few values put many items in one boat, and all variants share one permutation: a score
    may be further from chance than its items seem to allow. How far is the spread between the
    variants, and at least that of a mean over the items that are each off by as much as chance.
    """
    known = expected is not None and not math.isnan(expected.low)
    if not known and permuted and nothing is not None:
        expected, known = Chance(nothing, nothing, nothing), True
    if expected is None or not known or (nothing is None and not permuted):
        return ""
    width = QUANTILE * expected.value / math.sqrt(items) if items else 0.0
    if len(permuted) > 1:
        width = max(width, QUANTILE * float(np.std(permuted, ddof=1)))
    fine = (nothing is None or expected.holds(nothing)) and (
        not permuted or expected.holds(float(np.mean(permuted)), width)
    )
    return AT_CHANCE if fine else NOT_AT_CHANCE
