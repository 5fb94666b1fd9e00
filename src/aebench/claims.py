"""Published claims against measured numbers: the ledger `claims.yaml` becomes `claims.csv`.

A claim expects a VALUE (a published number, which of lower and higher is better, a tolerance) or an
ORDER (one selection above or below others). A claim with the key `differs` is measured under a
protocol that is not the published one: its figure is shown, and it is never called reproduced.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from aebench import statistics
from aebench.errors import AebenchError

LEDGER = Path(__file__).with_name("claims.yaml")

REPRODUCED = "reproduced"
BEATEN = "beaten"
NOT_REPRODUCED = "not reproduced"
NOT_MEASURED = "not measured at this budget"
PROTOCOL_DIFFERS = "protocol differs"
STATUSES = (REPRODUCED, BEATEN, NOT_REPRODUCED, NOT_MEASURED, PROTOCOL_DIFFERS)

COLUMNS = [
    "id",
    "source",
    "statement",
    "unit",
    "dataset",
    "protocol",
    "published",
    "verified",
    "measured",
    "low",
    "high",
    "status",
    "note",
]

METRIC = re.compile(
    r"squared_error|cross_entropy(_per_word)?|perplexity|(logistic|knn)_accuracy"
    r"|precision_at_(\d+|\*)|mean_average_precision"
)
"""Metric names a query may use besides those in the table; `*`: every number retrieved."""

_TEXT = {"type": "string", "minLength": 1}
_SELECTION = {"variant": _TEXT, "code_size": {"type": "integer", "minimum": 1}}
_WHERE = {"dataset": _TEXT, "split": {"enum": ["train", "test"]}, "metric": _TEXT}


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


_VALUE = _object({"value": {"type": "number"}, "better": {"enum": ["lower", "higher", "neither"]}})
_ORDER = _object({"order": {"enum": ["lower", "higher"]}})
_BOTH = {
    "id": {"type": "string", "pattern": "^[a-z0-9-]+$"},
    "source": _TEXT,
    "statement": _TEXT,
    "unit": _TEXT,
    "protocol": _TEXT,
    "differs": _TEXT,
    "verified": {"type": "boolean"},
    "budgets": {"type": "array", "items": _TEXT, "minItems": 1},
    "needs": _object(
        {name: {"type": "integer", "minimum": 1} for name in ("train_items", "test_items")},
        optional=("train_items", "test_items"),
    ),
}
_VALUE_CLAIM = _object(
    _BOTH
    | {
        "expected": _VALUE,
        "tolerance": {"type": "number", "minimum": 0},
        "query": _object(_WHERE | _SELECTION),
    },
    optional=("differs", "needs"),
)
_ORDER_CLAIM = _object(
    _BOTH
    | {
        "expected": _ORDER,
        "query": _object(
            _WHERE
            | {
                "left": _object(_SELECTION),
                "right": {"type": "array", "items": _object(_SELECTION), "minItems": 1},
            }
        ),
    },
    optional=("differs", "needs"),
)


class Measured(NamedTuple):
    """What a query found: a value or a difference, its 95% interval, number of seeds, remark."""

    mean: float
    low: float
    high: float
    seeds: int
    remark: str = ""


def load(path: str | Path = LEDGER) -> list[dict[str, Any]]:
    """Read and check a ledger.

    Returns
    -------
    list of dict
        The claims in the order of the file.

    Raises
    ------
    AebenchError
        Names the claim and the key, what was found and what is allowed.
    """
    import yaml

    try:
        claims = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AebenchError(f"cannot read the ledger of claims {path}: {error}.") from error
    if not isinstance(claims, list) or not all(isinstance(claim, dict) for claim in claims):
        raise AebenchError(f"{path} is not a list of claims, each a table of keys.")
    for number, claim in enumerate(claims, start=1):
        _check_claim(claim, f"{path}: claim {claim.get('id', f'number {number}')}")
    ids = [claim["id"] for claim in claims]
    for twice in sorted({i for i in ids if ids.count(i) > 1}):
        raise AebenchError(f"{path}: two claims have the id '{twice}'; an id names one claim.")
    return claims


def judge(
    metrics: pd.DataFrame,
    budget: str,
    facts: Mapping[str, Mapping[str, Any]] | None = None,
    ledger: str | Path = LEDGER,
) -> pd.DataFrame:
    """Compare every claim of the ledger with what was measured.

    Parameters
    ----------
    metrics : DataFrame
        The tidy table.
    budget : str
        Name of the budget the table was measured at.
    facts : mapping of data set name to its `data.json`, optional
        Where given, the numbers of items a claim needs are checked too.
    ledger : path
        The claims; by default those of the package.

    Returns
    -------
    DataFrame
        The columns `COLUMNS`, one row a claim in the order of the ledger. `status` is one of
        `STATUSES`; `measured`, `low`, `high` are NaN where there is none.

    Raises
    ------
    AebenchError
        For a malformed ledger or a metric that does not exist.
    """
    rows = [_judge_one(claim, metrics, budget, facts or {}) for claim in load(ledger)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _judge_one(
    claim: dict[str, Any],
    metrics: pd.DataFrame,
    budget: str,
    facts: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return one row of claims.csv."""
    names = _metric_names(claim, metrics)
    dataset = claim["query"]["dataset"]
    why_not = _cannot_judge(claim, budget, facts.get(dataset, {}))
    measured = Measured(math.nan, math.nan, math.nan, 0)
    if why_not is None:
        measured = _measure(claim, metrics, names)
        if measured.seeds == 0:
            why_not = measured.remark
    if why_not is None:
        status, notes = _status(claim, measured)
    else:
        status, notes = NOT_MEASURED, [why_not]
    return {name: claim.get(name) for name in COLUMNS} | {
        "dataset": dataset,
        "published": _published(claim),
        "measured": measured.mean,
        "low": measured.low,
        "high": measured.high,
        "status": status,
        "note": " ".join(f"{note[:1].upper()}{note[1:]}." for note in notes if note),
    }


def _cannot_judge(claim: dict[str, Any], budget: str, facts: Mapping[str, Any]) -> str | None:
    """Say why this budget cannot judge the claim, or None when it can."""
    if budget not in claim["budgets"]:
        return f"judged at budget {' or '.join(claim['budgets'])}, this is {budget}"
    for name, needed in claim.get("needs", {}).items():
        if name in facts and facts[name] != needed:
            return f"needs {needed:,} {name.replace('_', ' ')}, here there are {facts[name]:,}"
    return None


def _measure(claim: dict[str, Any], metrics: pd.DataFrame, names: list[str]) -> Measured:
    query = claim["query"]
    where = {key: query[key] for key in ("dataset", "split")}
    if "value" in claim["expected"]:
        return _measure_value(metrics, where | _selection(query), names[0])
    sign = 1 if claim["expected"]["order"] == "higher" else -1
    found = []
    for right in query["right"]:
        for name in names:
            sides = [where | side | {"metric": name} for side in (query["left"], right)]
            found.append(_measure_difference(metrics, sides[0], sides[1]))
    if not found:
        return _absent(where | query["left"], query["metric"])
    absent = [f for f in found if f.seeds == 0]
    if absent:
        return absent[0]
    worst = min(found, key=lambda f: (_order_holds(f, sign), sign * f.mean))
    return worst if len(found) > 1 else worst._replace(remark="")


def _measure_value(metrics: pd.DataFrame, where: dict[str, Any], metric: str) -> Measured:
    chosen = pd.Series(True, index=metrics.index)
    for column, value in (where | {"metric": metric}).items():
        chosen &= metrics[column] == value
    values = metrics.loc[chosen, "value"].dropna().to_numpy(dtype=float)
    if not len(values):
        return _absent(where, metric)
    return Measured(*statistics.interval(values), len(values))


def _measure_difference(
    metrics: pd.DataFrame, left: dict[str, Any], right: dict[str, Any]
) -> Measured:
    for side in (left, right):
        where = {key: value for key, value in side.items() if key != "metric"}
        if _measure_value(metrics, where, side["metric"]).seeds == 0:
            return _absent(where, side["metric"])
    found = statistics.difference(metrics, left, right)
    remark = f"the worst case is {left['metric']} against {_who(right)}"
    return Measured(found.mean, found.low, found.high, found.seeds, remark)


def _absent(where: Mapping[str, Any], metric: str) -> Measured:
    remark = f"no {metric} of {_who(where)} on {where['dataset']} was measured"
    return Measured(math.nan, math.nan, math.nan, 0, remark)


def _status(claim: dict[str, Any], measured: Measured) -> tuple[str, list[str]]:
    """Return the status and the remarks of a claim that was measured."""
    notes = [measured.remark]
    if measured.seeds == 1:
        notes.append("one seed, so no interval")
    if "value" in claim["expected"]:
        status = value_status(measured.mean, tolerance=claim["tolerance"], **claim["expected"])
        notes.append(f"tolerance {claim['tolerance']:g}")
    else:
        sign = 1 if claim["expected"]["order"] == "higher" else -1
        status = REPRODUCED if _order_holds(measured, sign) else NOT_REPRODUCED
        if status == NOT_REPRODUCED and sign * measured.mean > 0:
            notes.append("the sign is as claimed, but the interval includes 0")
    if "differs" in claim:
        outcome = "as claimed" if status in (REPRODUCED, BEATEN) else "not as claimed"
        return PROTOCOL_DIFFERS, [
            f"differs: {claim['differs']}",
            f"under this protocol: {outcome}",
            *notes,
        ]
    return status, notes


def value_status(mean: float, value: float, better: str, tolerance: float) -> str:
    """Status of a measured mean against a published value.

    Reproduced at a distance of at most `tolerance` (a difference equal to it up to rounding
    counts), beaten when better by more, otherwise not reproduced. With `better` "neither", as for
    an exact optimum, nothing can be beaten.
    """
    distance = mean - value
    if abs(distance) <= tolerance * (1 + 1e-9) + 1e-12:
        return REPRODUCED
    if (better == "lower" and distance < 0) or (better == "higher" and distance > 0):
        return BEATEN
    return NOT_REPRODUCED


def _order_holds(measured: Measured, sign: int) -> bool:
    """Whether the difference has the claimed sign and its interval, if any, excludes 0."""
    if math.isnan(measured.low):
        return sign * measured.mean > 0
    return min(sign * measured.low, sign * measured.high) > 0


def _published(claim: dict[str, Any]) -> str:
    expected, query = claim["expected"], claim["query"]
    if "value" in expected:
        value = float(expected["value"])
        return f"{value:.2f}" if value == round(value, 2) else f"{value:g}"
    sign = ">" if expected["order"] == "higher" else "<"
    return f"{_who(query['left'])} {sign} {', '.join(_who(side) for side in query['right'])}"


def _selection(query: Mapping[str, Any]) -> dict[str, Any]:
    return {key: query[key] for key in ("variant", "code_size")}


def _who(side: Mapping[str, Any]) -> str:
    return f"{side['variant']} at {side['code_size']}"


def _metric_names(claim: dict[str, Any], metrics: pd.DataFrame) -> list[str]:
    """Names of the metrics of a claim; a pattern gives those measured on its data set."""
    pattern = claim["query"]["metric"]
    measured = metrics.loc[metrics["dataset"] == claim["query"]["dataset"], "metric"]
    if not METRIC.fullmatch(pattern) and pattern not in set(metrics["metric"]):
        known = ", ".join(sorted(set(metrics["metric"]))) or "none"
        raise AebenchError(
            f"claim '{claim['id']}' asks for the metric '{pattern}', which does not exist; "
            f"measured here: {known}."
        )
    if "*" not in pattern:
        return [pattern]
    return [name for name in measured.drop_duplicates() if fnmatchcase(name, pattern)]


def _check_claim(claim: dict[str, Any], where: str) -> None:
    """Check one claim against the schema of its sort; the message names the key."""
    import jsonschema

    expected = claim.get("expected")
    value = isinstance(expected, dict) and "value" in expected
    checker = jsonschema.Draft202012Validator(_VALUE_CLAIM if value else _ORDER_CLAIM)
    error = jsonschema.exceptions.best_match(checker.iter_errors(claim))
    if error is not None:
        key = ".".join(str(part) for part in error.absolute_path) or "the claim itself"
        raise AebenchError(f"{where}: {key}: {error.message}.")
    if value and "*" in claim["query"]["metric"]:
        raise AebenchError(f"{where}: query.metric: a claim of a value needs one metric, no '*'.")
