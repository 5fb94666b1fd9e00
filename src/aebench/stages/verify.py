"""The verify stage: does a finished run agree with the released one in `reference/`?

    python -m aebench.stages.verify quick           compare results/quick with reference/quick.csv
    python -m aebench.stages.verify quick --write   make results/quick the reference

Exit code 0 when every metric is inside its band, 1 when one is not, 2 when there is nothing to
compare.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from aebench import reference, statistics
from aebench.errors import AebenchError
from aebench.stages import config as config_file

MOST_NAMES = 8
"""Runs that a note names one by one; more are counted."""


def run(results: str | Path, folder: str | Path, budget: str, config: Mapping[str, Any]) -> int:
    """Print every metric outside its band, what else differs and a summary; return how many.

    Raises
    ------
    AebenchError
        When there is no reference, no results, or the two have no run in common.
    """
    released, made_by = reference.read(Path(folder), budget)
    metrics = _metrics(Path(results))
    found = reference.summarise(metrics)
    table = reference.compare(released, found, reference.fewest_items(made_by))
    if table.empty:
        raise AebenchError(f"{results} and the reference of budget {budget} have no run in common.")
    here = reference.facts(Path(results), metrics, _settings(config, budget))
    for line in reference.differences(made_by, here):
        print(f"note: {line}", file=sys.stderr)
    _print_coverage(released, found)
    outside = table[table["outside"]]
    for row in outside.itertuples(index=False):
        print(f"outside: {_line(row)}", file=sys.stderr)
    print(
        f"{len(table) - len(outside):,} of {len(table):,} metrics at budget {budget} agree with "
        f"the reference; {len(outside):,} outside",
        file=sys.stderr,
    )
    return len(outside)


def write(results: str | Path, folder: str | Path, budget: str, config: Mapping[str, Any]) -> None:
    """Make a finished run the reference of its budget."""
    metrics = _metrics(Path(results))
    made_by = reference.facts(Path(results), metrics, _settings(config, budget))
    reference.write(Path(folder), budget, reference.summarise(metrics), made_by)
    print(f"Written: {Path(folder) / budget}.csv and .json", file=sys.stderr)


def _metrics(results: Path) -> pd.DataFrame:
    path = results / "metrics.csv"
    if not path.is_file():
        raise AebenchError(f"no finished run in {results}/: {path} does not exist.")
    return statistics.read_csv(path, statistics.METRIC_COLUMNS)


def _settings(config: Mapping[str, Any], budget: str) -> dict[str, Any]:
    """What of a configuration decides the numbers of a budget."""
    own = {
        key: config.get(key)
        for key in ("code_sizes", "unseen", "database", "vocabulary_size", "precision")
    }
    budgets = config.get("budgets")
    scale = budgets.get(budget) if isinstance(budgets, Mapping) else None
    scale = scale if isinstance(scale, Mapping) else {}
    return own | {"budget": {key: value for key, value in scale.items() if key != "runtime"}}


def _print_coverage(released: pd.DataFrame, found: pd.DataFrame) -> None:
    """Say which runs only one side has; they are not compared, and no fault."""
    sides = [set(t[reference.RUN].itertuples(index=False, name=None)) for t in (released, found)]
    for word, runs in (
        ("not run here", sides[0] - sides[1]),
        ("not in the reference", sides[1] - sides[0]),
    ):
        names = [f"{dataset} {variant} d{size}" for dataset, variant, size in sorted(runs)]
        if len(names) > MOST_NAMES:
            counts = Counter(dataset for dataset, *_ in sorted(runs))
            names = [f"{count} of {dataset}" for dataset, count in counts.items()]
        if names:
            print(f"note: {len(runs):,} {word}: {', '.join(names)}", file=sys.stderr)
    new = set(found["metric"]) - set(released["metric"])
    if new:
        print(f"note: metrics not in the reference: {', '.join(sorted(new))}", file=sys.stderr)


def _line(row: Any) -> str:
    case = f"{row.dataset} {row.variant} d{row.code_size} {row.split} {row.metric}"
    if pd.isna(row.found):
        return f"{case}: missing, in the reference {row.mean:.6g}"
    how_far = f"{abs(row.found - row.mean) / row.noise:.1f} noises away" if row.noise else "exact"
    return f"{case}: {row.found:.6g} instead of {row.mean:.6g} ± {row.band:.2g} ({how_far})"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("budget")
    parser.add_argument("--write", action="store_true", help="make the run the reference")
    parser.add_argument("--results", type=Path, help="folder; by default results/<budget>")
    parser.add_argument("--reference", type=Path, default=Path("reference"))
    parser.add_argument("--config", type=Path, default=Path("config.yaml"))
    given = parser.parse_args()
    results = given.results or Path("results") / given.budget
    act = write if given.write else run
    try:
        config = config_file.read(given.config)
        return int(bool(act(results, given.reference, given.budget, config)))
    except (AebenchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
