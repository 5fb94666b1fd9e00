"""The claims stage: judge the ledger of published numbers by this run's tidy table."""

from collections.abc import Sequence
from pathlib import Path

from aebench import claims, datasets, statistics


def run(
    metrics: str | Path, data_facts: Sequence[str | Path], budget: str, out: str | Path
) -> None:
    """Read the tidy table and data.json of every data set, and write claims.csv."""
    facts = [datasets.read_facts(path) for path in data_facts]
    by_name = {each["dataset"]: each for each in facts}
    table = statistics.read_csv(metrics, statistics.METRIC_COLUMNS)
    table = claims.judge(table, budget, by_name)
    statistics.write_csv(table, out)
