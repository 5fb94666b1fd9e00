"""The claims stage: judge the ledger of published numbers by this run's tidy table."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from aebench import claims, statistics


def run(
    metrics: str | Path, data_facts: Sequence[str | Path], budget: str, out: str | Path
) -> None:
    """Read the tidy table and data.json of every data set, and write claims.csv."""
    facts = [json.loads(Path(path).read_text(encoding="utf-8")) for path in data_facts]
    by_name = {each["dataset"]: each for each in facts}
    table = claims.judge(pd.read_csv(metrics), budget, by_name)
    statistics.write_csv(table, out)
