"""Tables in LaTeX that plain pdflatex prints with the package booktabs alone."""

from __future__ import annotations

import math
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from aebench.report.tables import Cell, Table

TEMPLATE = Path(__file__).parent / "assets" / "table.tex"
LINES = 56
"""Lines of rows that fit a page; longer tables are printed in parts."""
LETTERS = 118
"""Letters of the size used that fit a line of a page with usual margins."""
LONG = 28
"""A longer cell of words runs over several lines."""
NARROW = 18
"""Letters on such a line, at least."""

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


def typeset(table: Table, caption: str, label: str) -> str:
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
    return max(heading, NARROW if is_long else widest)


def _shares(table: Table) -> list[float]:
    """Return the share of the line that each column of long text gets, 0 for the others."""
    places = range(int(table.grouped), len(table.columns))
    texts = {place: [row[place].text for row in table.rows] for place in places}
    for limit in (LONG, LONG // 2):  # what is less long runs over lines too where room is scarce
        long = {place: texts[place] for place in places if max(map(len, texts[place])) > limit}
        others = [_width(table, place) for place in places if place not in long]
        rest = LETTERS - sum(others) - 2 * len(places)  # and what stands between columns
        if rest >= LONG * len(long):
            break
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
