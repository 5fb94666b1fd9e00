"""Reference results: a released run in numbers, and whether another run agrees with it.

`reference/<budget>.csv` holds mean and noise (standard deviation between seeds) of every metric,
`reference/<budget>.json` what made them. Two runs agree on a metric when their means differ by no
more than seeds explain, at a family-wise error of 5%: of twenty runs of the same code with other
seeds, nineteen pass whole.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aebench import statistics
from aebench.datasets import read_facts
from aebench.errors import AebenchError
from aebench.files import read_json, write_text
from aebench.metrics.contract import RUN as RUN_FACTS
from aebench.statistics import CASE

COLUMNS = [*CASE, "seeds", "mean", "noise"]
RUN = ["dataset", "variant", "code_size"]
ALIKE = ["dataset", "split", "metric"]
"""Rows whose noise is comparable, best those of one code size."""

ENOUGH = 10
"""Degrees of freedom from which the rows of one code size speak for themselves."""

ERROR = 0.05
"""Probability that a run that differs by its seeds alone has any metric outside its band."""

ROUNDING = 1e-3
"""Least half-width of a band, as a share of the mean: what other processors round differently."""

ITERATED, ITERATION = ("ica", "nmf"), 0.05
"""Variants that iterate from a fixed start: no seed changes them, but what a processor rounds
otherwise leads to other axes or parts. That moved their metrics by up to 2% on small data."""

FLIPS = 3
COUNTED = "accuracy|precision_at|recall_at|dead_units"
"""Metrics that count: their bands have half-widths of FLIPS items at least, for rounding that flips
a tie flips a whole item."""

_LINES = {"type": "array", "items": {"type": "string"}}
MADE_BY = {
    "type": "object",
    "required": ["settings", "data", "parameters", "versions", "devices"],
    "properties": {
        "settings": {
            "type": "object",
            "patternProperties": {r"\.queries$": {"type": "integer", "minimum": 1}},
        },
        "data": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["sha256", "train_items", "test_items"],
                "additionalProperties": False,
                "properties": {
                    "sha256": True,
                    "train_items": True,
                    "test_items": {"type": "integer", "minimum": 1},
                },
            },
        },
        "parameters": {"type": "object", "additionalProperties": {"type": "string"}},
        "versions": _LINES,
        "devices": _LINES,
    },
}
"""What `reference/<budget>.json` says, see `facts`."""

OWN_BUSINESS = ("device", "verbose")
"""Parameters of a run that do not decide its numbers."""


def summarise(metrics: pd.DataFrame) -> pd.DataFrame:
    """Mean and noise over the seeds of each case of a tidy table: the columns COLUMNS.

    Noise is the standard deviation with n - 1 in its denominator, NaN for one seed.
    """
    values = metrics.dropna(subset="value").groupby(CASE, sort=False)["value"]
    table = values.agg(seeds="size", mean="mean", noise="std").reset_index()
    return statistics.sort_metrics(table[COLUMNS])


def largest_noise(reference: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Noise that each row may have, and the degrees of freedom that this is known with.

    Two seeds say next to nothing of a standard deviation: one in six rows would have less than a
    fifth of its own. So a row is given the largest noise of any variant on the same data set,
    metric and code size, or of all code sizes where those are too few (`ENOUGH`, which is then
    what they count for). It is the largest instead of the mean because variants differ in noise.
    Metrics that exceed 1 anywhere are compared relative to their means, shares as they stand.

    `statistics.between_seeds` guards each variant's own noise instead, which sees smaller
    differences at the levels of tables. Here thousands of rows share 5%, and at two in 100,000
    the three degrees of freedom that it leaves squared errors would make bands of 40 noises.

    Returns
    -------
    noise, freedom : ndarray [rows]
        Noise is 0 where the seeds of a run agree in every metric: exact methods.
    """
    noise = reference["noise"].fillna(0)
    share = reference.groupby(ALIKE)["mean"].transform("max") <= 1
    scale = reference["mean"].abs().where(~share, 1.0)
    rows = reference[[*ALIKE, "code_size"]].assign(
        noise=(noise / scale).where(noise > 0, 0),
        freedom=(reference["seeds"] - 1).where(noise > 0, 0),
    )
    near, far = rows.groupby([*ALIKE, "code_size"]), rows.groupby(ALIKE)
    enough = near["freedom"].transform("sum") >= ENOUGH
    largest = near["noise"].transform("max").where(enough, far["noise"].transform("max"))
    freedom = far["freedom"].transform("sum").clip(upper=ENOUGH)
    freedom = near["freedom"].transform("sum").where(enough, freedom)
    varies = noise.groupby([reference[name] for name in RUN]).transform("max") > 0
    return (largest * scale).where(varies, 0).to_numpy(), freedom.to_numpy(float)


def fewest_items(made_by: Mapping[str, Any]) -> dict[str, int]:
    """Return the fewest test items that are counted, by data set: queries, or all items."""
    settings = made_by["settings"].items()
    queries = [limit for key, limit in settings if key.endswith(".queries")]
    return {name: min([*queries, data["test_items"]]) for name, data in made_by["data"].items()}


def compare(
    reference: pd.DataFrame, found: pd.DataFrame, items: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """Compare the means of two runs, metric by metric.

    Parameters
    ----------
    reference, found : DataFrame
        As `summarise` returns them. The bands come from the noise of the reference alone: a run
        gone astray would widen its own.
    items : mapping of data set to int, optional
        The fewest items that are counted, see `fewest_items`.

    Returns
    -------
    DataFrame
        One row a case of the reference whose run (data set, variant, code size) was found too:
        CASE, `mean`, `found` (NaN where the metric is missing), `band` (half-width), `noise`
        (`largest_noise`), `outside`. The band is Student's quantile, at ERROR shared among all
        rows with noise (Bonferroni), times noise * sqrt(1 / seeds + 1 / seeds found), and no less
        than ROUNDING times the mean (ITERATION, of ITERATED), for what counts (`COUNTED`) than
        FLIPS items.
    """
    from scipy.special import stdtrit

    noise, freedom = largest_noise(reference)
    table = reference.assign(noise=noise, freedom=freedom)
    table = table.merge(found[RUN].drop_duplicates(), on=RUN)
    other = found[[*CASE, "seeds", "mean"]].rename(columns={"mean": "found"})
    table = table.merge(other, on=CASE, how="left", suffixes=("", "_found"))
    tested = max(int((table["noise"] > 0).sum()), 1)
    quantile = stdtrit(table["freedom"].clip(lower=1), 1 - ERROR / tested / 2)
    scale = np.sqrt(1 / table["seeds"] + 1 / table["seeds_found"].fillna(1))
    flips = FLIPS / table["dataset"].map(items or {}).fillna(math.inf)
    share = np.where(table["variant"].isin(ITERATED), ITERATION, ROUNDING)
    rounding = np.maximum(
        share * table["mean"].abs(), flips.where(table["metric"].str.contains(COUNTED), 0)
    )
    table["band"] = np.maximum(quantile * table["noise"] * scale, rounding)
    # Written so that a missing value, which is NaN, is outside.
    table["outside"] = ~((table["found"] - table["mean"]).abs() <= table["band"])
    return table[[*CASE, "mean", "found", "band", "noise", "outside"]]


def facts(results: Path, metrics: pd.DataFrame, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Gather what made a run: settings, data, parameters, versions, devices. No dates, no paths."""
    data = {}
    for dataset in sorted(metrics["dataset"].unique()):
        known = read_facts(results / dataset / "data.json")
        data[dataset] = {key: known.get(key) for key in ("sha256", "train_items", "test_items")}
    parameters: dict[str, str] = {}
    versions: set[str] = set()
    devices: set[str] = set()
    places = metrics[[*RUN, "seed"]].drop_duplicates()
    for dataset, variant, size, seed in places.itertuples(index=False, name=None):
        folder = results / dataset / variant / f"d{size}" / f"seed-{seed}"
        run = read_json(folder / "run.json", missing={}, schema=RUN_FACTS)
        parameters[f"{dataset} {variant} d{size}"] = _digest(run.get("parameters", {}))
        versions |= {f"{name} {version}" for name, version in run.get("versions", {}).items()}
        devices |= {run["device"]} if "device" in run else set()
    return {
        "settings": dict(_flat(settings)),
        "data": data,
        "parameters": parameters,
        "versions": sorted(versions),
        "devices": sorted(devices),
    }


def differences(reference: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Say in lines where a run was made otherwise than the reference: data, settings, and so on."""
    lines = []
    for name, data in reference["data"].items():
        other = found["data"].get(name)
        if other is not None and other != data:
            keys = [key for key in data if data[key] != other[key]]
            lines.append(f"data of {name} differ in {', '.join(keys)}: the same items are needed")
    ours, theirs = reference["settings"], found["settings"]
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            values = [json.dumps(side[key]) if key in side else "absent" for side in (theirs, ours)]
            lines.append(f"config: {key} is {values[0]}, in the reference {values[1]}")
    changed = [
        name
        for name, digest in reference["parameters"].items()
        if found["parameters"].get(name, digest) != digest
    ]
    if changed:
        lines.append(f"parameters of {len(changed):,} runs differ: {', '.join(changed)}")
    for key in ("versions", "devices"):
        if reference[key] != found[key]:
            lines.append(
                f"{key}: {', '.join(found[key])}; in the reference {', '.join(reference[key])}"
            )
    return lines


def write(folder: Path, budget: str, table: pd.DataFrame, made_by: Mapping[str, Any]) -> None:
    """Write <budget>.csv, rounded so that a new release changes what changed, and <budget>.json."""
    rounded = table.assign(
        mean=table["mean"].map(lambda value: f"{value:.6g}"),
        noise=table["noise"].map(lambda value: "" if math.isnan(value) else f"{value:.2g}"),
    )
    statistics.write_csv(rounded, folder / f"{budget}.csv")
    write_text(folder / f"{budget}.json", json.dumps(made_by, indent=1, sort_keys=True) + "\n")


def read(folder: Path, budget: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read what `write` wrote.

    Raises
    ------
    AebenchError
        When there is no reference of this budget; names those that there are.
    """
    path = folder / f"{budget}.csv"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.csv"))) or "none"
        raise AebenchError(
            f"no reference results of budget '{budget}' in {folder}/; there are: {known}."
        )
    table = statistics.read_csv(path, COLUMNS)
    return table, read_json(path.with_suffix(".json"), schema=MADE_BY)


def _digest(parameters: Mapping[str, Any]) -> str:
    own = {key: value for key, value in parameters.items() if key not in OWN_BUSINESS}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:12]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as (dotted key, value)."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
