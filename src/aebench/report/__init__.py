"""What people read: figures, tables and the page of one budget's results.

Importing this package loads neither pandas nor matplotlib, because the workflow asks it for the
names of figures before anything runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from aebench.report.names import FORMATS, OVERALL, figure_names

__all__ = ["FORMATS", "OVERALL", "figure_names", "render"]


def render(
    results: str | Path,
    out: str | Path,
    budget_name: str,
    config: Mapping[str, Any],
    roles: Mapping[str, str],
    given: Mapping[str, Any] | None = None,
    threads: int = 1,
) -> None:
    """Write index.html, lecture.html, report.md, the figures and the tables of one budget.

    Parameters
    ----------
    results : path
        The folder `results/<budget>`: metrics.csv, audit.csv, tests.csv, ranks.csv, claims.csv,
        and the folders of data sets and runs.
    out : path
        The folder `reports/<budget>`; made when it does not exist.
    budget_name : str
        Said in the first line of the page.
    config : mapping
        The configuration the results were made with.
    roles : mapping of variant to "autoencoder", "baseline" or "control"
    given : mapping, optional
        The part of the configuration that is not in config.yaml: what the command line gave.
    threads : int
        How many figures to draw at a time.

    Raises
    ------
    AebenchError
        When a table is missing or malformed, a variant has no role, or a file cannot be written.
    """
    from aebench.report import export, figures, lecture, overall, page
    from aebench.report.results import read

    found = read(results, roles, config.get("code_sizes"))
    folder = Path(out) / "figures"
    ranks = overall.across(found)
    drawings = {
        folder / f"{dataset}-{name}": partial(figures.draw, name, found, dataset)
        for dataset in found.datasets
        for name in figure_names(dataset, found.kind(dataset))
    }
    drawings |= {folder / name: partial(figures.draw_overall, name, found) for name in OVERALL}
    figures.save_all(drawings, threads)
    context = page.build(found, ranks, Path(out), budget_name, config, given or {})
    page.write(context, Path(out))
    lecture.write(found, Path(out), budget_name)
    export.write(context, Path(out) / "tables")
