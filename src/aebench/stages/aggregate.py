"""The aggregate stage: every score in one tidy table, and its summary over seeds."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from aebench import statistics

COLUMNS = ["dataset", "variant", "code_size", "seed", "split", "metric", "value"]


def run(scores: Sequence[str | Path], metrics: str | Path, summary: str | Path) -> None:
    """Read scores.csv of every run, whose place its folders name, and write both tables."""
    rows = []
    for path in map(Path, scores):
        dataset, variant, code_size, seed = path.parts[-5:-1]
        place = [dataset, variant, int(code_size[1:]), int(seed.removeprefix("seed-"))]
        with open(path, newline="", encoding="utf-8") as file:
            rows += [
                [*place, row["split"], row["metric"], float(row["value"])]
                for row in csv.DictReader(file)
            ]
    table = statistics.sort_metrics(pd.DataFrame(rows, columns=COLUMNS))
    statistics.write_csv(table, metrics)
    statistics.write_csv(statistics.summarise(table), summary)
