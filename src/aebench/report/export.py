"""Tables as files for papers: CSV for programs, Markdown, and LaTeX that needs booktabs alone."""

from __future__ import annotations

import math
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from aebench import statistics
from aebench.files import atomic_folder, write_text
from aebench.report.tables import INTERVAL, MISSING, Cell, Table

TEMPLATE = Path(__file__).parent / "assets" / "table.tex"
BEHIND = ("low", "high", "rank", "mark", "note")
"""What of a cell stands behind its number, in columns of their own."""
LINES = 56
"""Lines of rows that fit a page; longer tables are printed in parts."""
LETTERS = 118
"""Letters of the size used that fit a line of a page with usual margins."""
LONG = 28
"""A longer cell of words runs over several lines."""


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
        families = [(family, table) for family, table in section["more"]]
        for words, table in [
            ("Results", section["table"]),
            *families,
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
            write_text(temporary / f"{name}.tex", latex(table, caption, f"tab:{name}"))


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
        words = ["" if cell.text == MISSING else cell.text for cell in cells]
        name = re.sub(" [↑↓]$", "", heading)
        behind = {part: [getattr(cell, part) for cell in cells] for part in BEHIND}
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


# ---------------------------------------------------------------- LaTeX

_SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "[": "{[}",  # after \\ it would open an optional argument
    "]": "{]}",
    '"': "''",
    "`": "{`}",
    "±": r"$\pm$",
    "▲": r"$\bigtriangleup$",
    "▼": r"$\bigtriangledown$",
    "≈": r"$\approx$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "\N{MINUS SIGN}": "$-$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "·": r"$\cdot$",
    "≠": r"$\neq$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "✓": r"$\surd$",
    "✗": r"$\times$",
    "○": r"$\circ$",
    "∅": r"$\emptyset$",
    "²": "$^2$",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
    "\N{LEFT SINGLE QUOTATION MARK}": "`",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "…": r"\ldots{}",
    "\u2009": r"\,",
    "\u202f": r"\,",
    "\u00a0": "~",
    "ß": r"\ss{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "\N{LATIN SMALL LETTER DOTLESS I}": r"\i{}",
}
_APART = "\u2060"  # between two hyphens, which LaTeX would join to a dash
_BREAK = "\u200b"  # where a line may end
_SIGNS |= {_APART: "{}", _BREAK: r"\allowbreak{}"}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}


def escape(text: object) -> str:
    """Return text as LaTeX prints it, in ASCII and with the commands of its kernel alone.

    A sign that plain pdflatex has no glyph for becomes its number, as U+4E2D.
    """
    plain = "".join(" " if sign.isspace() and sign not in _SIGNS else sign for sign in str(text))
    plain = re.sub("-(?=-)", f"-{_APART}", unicodedata.normalize("NFC", plain))
    return "".join(map(_sign, plain))


def _sign(sign: str) -> str:
    if sign in _SIGNS:
        return _SIGNS[sign]
    if sign.isascii() and sign.isprintable():
        return sign
    letter, *accents = list(unicodedata.normalize("NFD", sign))
    if letter.isascii() and letter.isalpha() and all(accent in _ACCENTS for accent in accents):
        for accent in accents:
            letter = rf"\{_ACCENTS[accent]}{{{letter}}}"
        return letter
    return f"U+{ord(sign):04X}"


def latex(table: Table, caption: str, label: str) -> str:
    r"""Return a table for `\input` into a document that uses the package booktabs.

    Each part of a table that is too long for a page floats by itself, the label on the first.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: value if isinstance(value, _Latex) else escape(value),
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE.name).render(
        caption=caption,
        label=_Latex(re.sub("[^A-Za-z0-9:.-]", "-", label)),
        parts=[part for panel in _panels(table) for part in _pages(panel)],
        note=table.note,
    )


class _Latex(str):
    """LaTeX of our own, which is not escaped."""


class _Part(NamedTuple):
    """What stands in one float: how columns are set, their names, and rows under headings."""

    columns: _Latex
    width: int
    head: _Latex
    groups: list[tuple[Cell | None, list[_Latex]]]


def _panels(table: Table) -> list[Table]:
    """Return a table too wide for a page as several, each with the columns of words."""
    words = list(range(table.words))
    used = sum(_width(table, place) for place in words[table.grouped :])
    panels, room = [words], LETTERS - used
    for place in range(table.words, len(table.columns)):
        width = _width(table, place)
        if width > room and len(panels[-1]) > table.words:
            panels.append(words)
            room = LETTERS - used
        panels[-1] = [*panels[-1], place]
        room -= width
    return [
        replace(
            table,
            columns=[table.columns[place] for place in panel],
            rows=[[row[place] for place in panel] for row in table.rows],
        )
        for panel in panels
    ]


def _pages(table: Table) -> Iterator[_Part]:
    """Give the rows of a panel a page at a time, under their headings."""
    skip = int(table.grouped)
    shares = _shares(table)[skip:]
    alignments = [
        f"p{{{share:.3f}\\linewidth}}" if share else "l" if place < table.words else "r"
        for place, share in enumerate(shares, start=skip)
    ]
    columns = _Latex("".join(alignments))
    head = _line(map(_heading, table.columns[skip:]))

    part, used = _Part(columns, len(shares), head, []), 0
    for heading, rows in table.groups:
        part.groups.append((heading, []))
        used += 2
        for row in rows:
            lines = max(map(_lines, row, shares))
            if used + lines > LINES:
                yield part._replace(groups=[group for group in part.groups if group[1]])
                part, used = part._replace(groups=[(heading, [])]), 2
            part.groups[-1][1].append(_line(map(_cell, row, shares)))
            used += lines
    yield part


def _line(cells: Iterable[str]) -> _Latex:
    return _Latex(" & ".join(cells) + r" \tabularnewline")


def _heading(name: str) -> str:
    """Return the name of a column on lines as short as its words allow."""
    lines = r"\\".join(map(escape, _short_lines(name)))
    return rf"\shortstack{{{lines}}}"


def _short_lines(name: str) -> list[str]:
    return textwrap.wrap(name, 12, break_long_words=False) or [""]


def _cell(cell: Cell, share: float) -> str:
    text = escape(_breakable(cell.text) if share else cell.text)
    text = rf"\textbf{{{text}}}" if cell.best else text
    ragged = r"\raggedright " if share else ""
    small = rf" {{\tiny {escape(_small(cell))}}}" if _small(cell) else ""
    return ragged + text + escape(cell.sign) + small


def _small(cell: Cell) -> str:
    return f"{cell.detail} {f'#{cell.rank}' if cell.rank else ''}".strip()


def _breakable(text: str) -> str:
    """Allow a path to go on in the next line, and a long hash."""
    text = text.replace("/", f"/{_BREAK}").replace("_", f"_{_BREAK}")
    return re.sub(r"\w{33,}", lambda word: _BREAK.join(textwrap.wrap(word[0], 16)), text)


def _letters(cell: Cell) -> float:
    """Return about how wide a cell is."""
    return len(cell.text + cell.sign) + 0.95 * len(_small(cell)) + 1.5


def _width(table: Table, place: int) -> float:
    """Return about how wide a column must be; words that are long run over several lines."""
    heading = max(map(len, _short_lines(table.columns[place])))
    widest = max(_letters(row[place]) for row in table.rows)
    is_long = any(len(row[place].text) > LONG for row in table.rows)
    return max(heading, min(LONG, 18) if is_long else widest)


def _shares(table: Table) -> list[float]:
    """Return the share of the line that each column of long text gets, 0 for the others."""
    places = range(int(table.grouped), len(table.columns))
    texts = {place: [row[place].text for row in table.rows] for place in places}
    long = {place: texts[place] for place in places if max(map(len, texts[place])) > LONG}
    rest = LETTERS - sum(_width(table, place) + 1.5 for place in places if place not in long)
    rest -= 1.5 * len(long)
    # At least the longest word fits; what is left goes to the columns with most to say.
    words = {place: max(map(_longest_word, texts)) + 2 for place, texts in long.items()}
    needed = {place: math.sqrt(sum(map(len, texts))) for place, texts in long.items()}
    left = max(rest - sum(words.values()), 0) / (sum(needed.values()) or 1)
    return [
        (words[place] + left * needed[place]) / LETTERS if place in long else 0
        for place in range(len(table.columns))
    ]


def _longest_word(text: str) -> int:
    return min(max(map(len, re.split(r"[\s/_-]", text))), 16)


def _lines(cell: Cell, share: float) -> int:
    return math.ceil(1.15 * len(cell.text) / (LETTERS * share)) if share else 1
