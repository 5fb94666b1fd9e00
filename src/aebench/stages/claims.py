"""The claims stage: judge the ledger of published numbers by this run's tidy table."""

from pathlib import Path

import pandas as pd

from aebench import claims, statistics


def run(metrics: str | Path, budget: str, out: str | Path) -> None:
    """Read the tidy table and write claims.csv."""
    statistics.write_csv(claims.judge(pd.read_csv(metrics), budget), out)
