"""Published claims against measured numbers: the ledger `claims.yaml` becomes `claims.csv`.

A claim expects a VALUE (a published number, which of lower and higher is better, a tolerance with
its reason) or an ORDER (one selection above or below others, or a chain of them). Its query says
what on the tidy table measures it. Four keys keep a status from saying more than was done:

- `verified`: whether the published figure was read in its source.
- `differs`: how the protocol measured here is not the published one. The figure is shown, and is
  never called reproduced.
- `misquote`: a number known to circulate under a wrong name, and what it really is.
- `unmeasured`: stands in place of the query where no budget can measure the claim, and says why.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import pairwise
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
MISQUOTED = "misquoted"
UNMEASURED = "not measured by this suite"
STATUSES = (
    REPRODUCED,
    BEATEN,
    NOT_REPRODUCED,
    PROTOCOL_DIFFERS,
    MISQUOTED,
    NOT_MEASURED,
    UNMEASURED,
)

OUTCOMES = {
    REPRODUCED: "as claimed",
    BEATEN: "better than published",
    NOT_REPRODUCED: "not as claimed",
}

COLUMNS = [
    "id",
    "source",
    "statement",
    "unit",
    "dataset",
    "split",
    "metric",
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
    r"squared_error(_(gaussian|missing)_0\.\d|_unseen|_optimised_codes|_at_\d_bits)?"
    r"|perplexity(_missing_0\.\d|_optimised_codes|_at_\d_bits)?"
    r"|cross_entropy(_per_word)?|explained_variance|outlier_auroc|amortisation_gap"
    r"|entropy_at_\d_bits"
    r"|(logistic|svm|knn)_accuracy(_permuted_labels|_at_\d+_labels|_of_layer_\d+)?"
    r"|(precision|recall|ndcg)_at_(\d+|\*)(_(worst|best)_order)?|precision_at_recall_[01]\.\d"
    r"|mean_average_precision(_permuted_labels|_(worst|best)_order)?|ndcg|r_precision"
    r"|hamming_(share|precision)_at_radius_\d"
    r"|trustworthiness|continuity|local_intrinsic_dimension|mean_activation|code_sparsity"
    r"|dead_units|jacobian_norm|factor_recovery"
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


_SIDE = _object(_SELECTION | {"metric": _TEXT}, optional=("metric",))
_VALUE = {"value": {"type": "number"}, "better": {"enum": ["lower", "higher", "neither"]}}
_TOLERANCE = {"by": {"type": "number", "minimum": 0}, "reason": _TEXT}
_ANY = {
    "id": {"type": "string", "pattern": "^[a-z0-9-]+$"},
    "source": _TEXT,
    "statement": _TEXT,
    "unit": _TEXT,
    "protocol": _TEXT,
    "verified": {"type": "boolean"},
}
_JUDGED = _ANY | {
    "budgets": {"type": "array", "items": _TEXT, "minItems": 1},
    "differs": _TEXT,
    "misquote": _TEXT,
    "needs": _object(
        {name: {"type": "integer", "minimum": 1} for name in ("train_items", "test_items")},
        optional=("train_items", "test_items"),
    ),
}
_OPTIONAL = ("differs", "misquote", "needs")


def _order_schema(sides: dict[str, Any]) -> dict[str, Any]:
    expected = _object({"order": {"enum": ["lower", "higher"]}})
    return _object(_JUDGED | {"expected": expected, "query": _object(_WHERE | sides)}, _OPTIONAL)


_SCHEMAS = {
    "value": _object(
        _JUDGED
        | {
            "expected": _object(_VALUE),
            "tolerance": _object(_TOLERANCE),
            "query": _object(_WHERE | _SELECTION | {"minus": _SIDE}, optional=("minus",)),
        },
        _OPTIONAL,
    ),
    "order": _order_schema(
        {"left": _SIDE, "right": {"type": "array", "items": _SIDE, "minItems": 1}}
    ),
    "chain": _order_schema({"chain": {"type": "array", "items": _SIDE, "minItems": 3}}),
    "unmeasured": _object(
        _ANY | {"dataset": _TEXT, "published": _TEXT, "unmeasured": _TEXT}, optional=("dataset",)
    ),
}
"""What a claim of each sort must look like."""


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
    if "unmeasured" in claim:
        row = {name: claim.get(name) for name in COLUMNS}
        return row | {"status": UNMEASURED, "note": _sentences([claim["unmeasured"]])}
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
    if "misquote" in claim:
        status, notes = MISQUOTED, [claim["misquote"], *notes]
    return {name: claim.get(name) for name in COLUMNS} | {
        **{name: claim["query"][name] for name in _WHERE},
        "published": _published(claim),
        "measured": measured.mean,
        "low": measured.low,
        "high": measured.high,
        "status": status,
        "note": _sentences(notes),
    }


def _sentences(notes: list[str]) -> str:
    return " ".join(f"{note[:1].upper()}{note[1:]}." for note in notes if note)


def _cannot_judge(claim: dict[str, Any], budget: str, facts: Mapping[str, Any]) -> str | None:
    """Say why this budget cannot judge the claim, or None when it can."""
    if budget not in claim["budgets"]:
        return f"judged at budget {' or '.join(claim['budgets'])}, this is {budget}"
    for name, needed in claim.get("needs", {}).items():
        if name in facts and facts[name] != needed:
            return f"needs {needed:,} {name.replace('_', ' ')}, here there are {facts[name]:,}"
    return None


def _measure(claim: dict[str, Any], metrics: pd.DataFrame, names: list[str]) -> Measured:
    """Measure a value, or the worst difference of an order."""
    query = claim["query"]
    where = {key: query[key] for key in ("dataset", "split")}
    if "value" in claim["expected"]:
        left = where | _selection(query)
        if "minus" not in query:
            return _measure_value(metrics, left, names[0])
        right = where | {"metric": names[0]} | query["minus"]
        one = _measure_difference(metrics, left | {"metric": names[0]}, right)
        return one if one.seeds == 0 else one._replace(remark="")
    sign = 1 if claim["expected"]["order"] == "higher" else -1
    found = [
        _measure_difference(metrics, *(where | {"metric": name} | side for side in pair))
        for pair in _pairs(query)
        for name in names
    ]
    if not found:
        return _absent(where | _pairs(query)[0][0], query["metric"])
    absent = [f for f in found if f.seeds == 0]
    if absent:
        return absent[0]
    worst = min(found, key=lambda f: (_order_holds(f, sign), sign * f.mean))
    return worst if len(found) > 1 else worst._replace(remark="")


def _pairs(query: Mapping[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Pairs of selections an order speaks of: left with each right, or neighbours in a chain."""
    if "variant" in query:
        return []
    if "chain" in query:
        return list(pairwise(query["chain"]))
    return [(query["left"], right) for right in query["right"]]


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
    other = right if left["metric"] != right["metric"] else _selection(right)
    remark = f"the worst case is {_who(left)} against {_who(other)}"
    return Measured(found.mean, found.low, found.high, found.seeds, remark)


def _absent(where: Mapping[str, Any], metric: str) -> Measured:
    remark = f"no {_who({**where, 'metric': metric})} on {where['dataset']} was measured"
    return Measured(math.nan, math.nan, math.nan, 0, remark)


def _status(claim: dict[str, Any], measured: Measured) -> tuple[str, list[str]]:
    """Return the status and the remarks of a claim that was measured."""
    notes = [measured.remark]
    if measured.seeds == 1:
        notes.append("one seed, so no interval")
    if "value" in claim["expected"]:
        tolerance = claim["tolerance"]
        status, remark = value_status(measured, tolerance=tolerance["by"], **claim["expected"])
        notes += [remark, f"tolerance {tolerance['by']:g}: {tolerance['reason']}"]
    else:
        sign = 1 if claim["expected"]["order"] == "higher" else -1
        status = REPRODUCED if _order_holds(measured, sign) else NOT_REPRODUCED
        if status == NOT_REPRODUCED and sign * measured.mean > 0:
            notes.append("the sign is as claimed, but the interval includes 0")
    if "differs" in claim:
        return PROTOCOL_DIFFERS, [
            f"differs: {claim['differs']}",
            f"under this protocol: {OUTCOMES[status]}",
            *notes,
        ]
    return status, notes


def value_status(
    measured: Measured, value: float, better: str, tolerance: float
) -> tuple[str, str]:
    """Status of a measured mean beside a published value, and a remark where the seeds leave doubt.

    Reproduced at a distance of at most `tolerance` (a difference equal to it up to rounding
    counts). Beaten when better by more, and the interval over seeds, if there is one, leaves the
    published value out as well: luck of few seeds is no victory, so otherwise it is reproduced.
    Not reproduced when worse by more; with `better` "neither", as for an exact optimum, a distance
    to either side is worse.
    """
    distance = measured.mean - value
    doubt = not math.isnan(measured.low) and measured.low <= value <= measured.high
    if abs(distance) <= tolerance * (1 + 1e-9) + 1e-12:
        beyond = max(value - measured.low, measured.high - value) > tolerance  # False of no seeds
        return REPRODUCED, "the interval over seeds reaches beyond the tolerance" * beyond
    if (better == "lower" and distance < 0) or (better == "higher" and distance > 0):
        if not doubt:
            return BEATEN, ""
        return REPRODUCED, "better by more than the tolerance, but the interval includes the value"
    return NOT_REPRODUCED, "the interval over seeds includes the published value" if doubt else ""


def _order_holds(measured: Measured, sign: int) -> bool:
    """Whether the difference has the claimed sign and its interval, if any, excludes 0."""
    if math.isnan(measured.low):
        return sign * measured.mean > 0
    return min(sign * measured.low, sign * measured.high) > 0


def _published(claim: dict[str, Any]) -> str:
    expected, query = claim["expected"], claim["query"]
    if "value" in expected:
        value = float(expected["value"])
        text = f"{value:.2f}" if value == round(value, 2) else f"{value:g}"
        return (
            f"{_who(_selection(query))} minus {_who(query['minus'])}: {text}"
            if "minus" in query
            else text
        )
    sign = ">" if expected["order"] == "higher" else "<"
    if "chain" in query:
        return f" {sign} ".join(map(_who, query["chain"]))
    return f"{_who(query['left'])} {sign} {', '.join(map(_who, query['right']))}"


def _selection(query: Mapping[str, Any]) -> dict[str, Any]:
    return {key: query[key] for key in _SELECTION}


def _who(side: Mapping[str, Any]) -> str:
    own = f"{side['metric']} of " if "metric" in side else ""
    return f"{own}{side['variant']} at {side['code_size']}"


def _metric_names(claim: dict[str, Any], metrics: pd.DataFrame) -> list[str]:
    """Names of the metrics of a claim; a pattern gives those measured on its data set."""
    query = claim["query"]
    known = set(metrics["metric"])
    sides = [query, query.get("minus", {}), *(side for pair in _pairs(query) for side in pair)]
    for name in dict.fromkeys(side["metric"] for side in sides if "metric" in side):
        if not METRIC.fullmatch(name) and name not in known:
            raise AebenchError(
                f"claim '{claim['id']}' asks for the metric '{name}', which does not exist; "
                f"measured here: {', '.join(sorted(known)) or 'none'}."
            )
    if "*" not in query["metric"]:
        return [query["metric"]]
    # Not fnmatch, whose star takes precision_at_recall_0.5 for a number retrieved.
    pattern = re.compile(re.escape(query["metric"]).replace(r"\*", r"\d+"))
    measured = metrics.loc[metrics["dataset"] == query["dataset"], "metric"].drop_duplicates()
    return [name for name in measured if pattern.fullmatch(name)]


def _sort(claim: Mapping[str, Any]) -> str:
    """Return the sort of a claim, a key of `_SCHEMAS`, by what it has."""
    expected, query = claim.get("expected"), claim.get("query")
    if "unmeasured" in claim:
        return "unmeasured"
    if isinstance(expected, dict) and "value" in expected:
        return "value"
    return "chain" if isinstance(query, dict) and "chain" in query else "order"


def _check_claim(claim: dict[str, Any], where: str) -> None:
    """Check one claim against the schema of its sort; the message names the key."""
    import jsonschema

    sort = _sort(claim)
    checker = jsonschema.Draft202012Validator(_SCHEMAS[sort])
    error = jsonschema.exceptions.best_match(checker.iter_errors(claim))
    if error is not None:
        key = ".".join(str(part) for part in error.absolute_path) or "the claim itself"
        raise AebenchError(f"{where}: {key}: {error.message}.")
    if sort == "value" and "*" in claim["query"]["metric"]:
        raise AebenchError(f"{where}: query.metric: a claim of a value needs one metric, no '*'.")
