"""Tables as files for papers: CSV for programs, Markdown, and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from aebench import statistics
from aebench.files import atomic_folder, write_text
from aebench.report.latex import typeset
from aebench.report.tables import INTERVAL, MISSING, Table

BEHIND = ("low", "high", "rank", "mark", "note")
"""What of a cell stands behind its number, in columns of their own."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How text begins that spreadsheets take for a formula."""


class Entry(NamedTuple):
    """A table of the page: the name of its files, its title, and the table."""

    name: str
    title: str
    table: Table


# ---------------------------------------------------------------- which


def entries(context: Mapping[str, Any]) -> list[Entry]:
    """Return every table of the page that has rows, in the page's order."""
    found = [
        Entry("headline", "The best autoencoder and the best baseline", context["leaders"]),
        Entry("autoencoders", "Every autoencoder and the best baseline", context["headline"]),
        Entry("tests", "Tests of the best autoencoder against the best baseline", context["tests"]),
        Entry("claims", "Published claims and what was measured", context["ledger"]),
        Entry("stages", "What the stages of the workflow took", context["stages"]),
    ]
    for section in context["sections"]:
        dataset, title = section["name"], section["title"]
        for words, table in [
            ("Results", section["table"]),
            *section["more"],
            ("Audit", section["audit"]),
            ("Costs", section["costs"]),
            ("Files", section["raw"]),
        ]:
            name = f"{dataset}-{words.lower().replace(' ', '-')}"
            found.append(Entry(name, f"{words}, {title}", table))
    return [entry for entry in found if entry.table.rows]


def write(context: Mapping[str, Any], folder: str | Path) -> None:
    """Write every table of the page into `folder`: `<name>.csv`, `<name>.md`, `<name>.tex`.

    Parameters
    ----------
    context : mapping
        What `page.build` gathered.
    folder : path
        Takes the place of an earlier one, whole or not at all.
    """
    with atomic_folder(folder) as temporary:
        for name, title, table in entries(context):
            statistics.write_csv(frame(table), temporary / f"{name}.csv")
            write_text(temporary / f"{name}.md", table.markdown())
            caption = f"{title}, budget {context['budget']}"
            write_text(temporary / f"{name}.tex", typeset(table, caption, f"tab:{name}"))


# ---------------------------------------------------------------- CSV


def frame(table: Table) -> pd.DataFrame:
    """Return a table for programs: beside a number its interval, rank, mark and note, each apart.

    A column of words with a number in it, as "data set, code size", becomes a column of each.
    """
    named: list[tuple[str, list[Any]]] = []
    for place, heading in enumerate(table.columns):
        if heading == INTERVAL:  # its ends are columns beside the number
            continue
        cells = [row[place] for row in table.rows]
        values = [cell.value for cell in cells]
        words = ["" if cell.text == MISSING else _no_formula(cell.text) for cell in cells]
        name = re.sub(" [↑↓]$", "", heading)
        behind = {part: [_no_formula(getattr(cell, part)) for cell in cells] for part in BEHIND}
        if all(value is None for value in values):
            named.append((name, words))
            behind = {"note": behind["note"]}
        elif place < table.words:
            *of_words, of_values = name.split(", ")
            named += [*((each, words) for each in of_words), (of_values, values)]
        else:
            named.append((name, values))
        named += [(f"{name} {part}", of) for part, of in behind.items() if set(of) - {None, ""}]
    found = pd.DataFrame(dict(enumerate(values for _, values in named)))
    return found.set_axis([name for name, _ in named], axis="columns")


def _no_formula(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would compute instead of show."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
