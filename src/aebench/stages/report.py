"""The report stage: figures, page and Markdown from the results on disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aebench import report


def run(
    results: str | Path,
    out: str | Path,
    budget: str,
    config: Mapping[str, Any],
    roles: Mapping[str, str],
    given: Mapping[str, Any],
    threads: int,
) -> None:
    """Render everything under `results` into `out`; see `report.render`."""
    report.render(Path(results), Path(out), budget, config, roles, given, threads)
