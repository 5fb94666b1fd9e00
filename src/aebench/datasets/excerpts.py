"""The first words of some test documents, so that people see what an item is about.

No more than that is kept: the corpora are not ours to publish again.
"""

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from aebench.files import write_text
from aebench.streams import stream

DOCUMENTS = 500
"""Test documents of a data set whose first words are kept, at most."""

WORDS = 12
LONGEST_WORD = 24

NOTE = (
    f"Of at most {DOCUMENTS} test documents, a fixed random choice, the first {WORDS} words are "
    "kept beside the counts for people to read; no other text is."
)


def chosen(available: int) -> np.ndarray:
    """Choose the documents, ascending, of `available` ones: always the same."""
    return np.sort(stream(0, "excerpts").permutation(available)[:DOCUMENTS])


def first_words(words: Iterable[str]) -> str:
    """Return the first words as one line, unprintable characters left out, long words cut."""
    printable = ("".join(filter(str.isprintable, word)) for word in words)
    return " ".join(map(_short, islice(filter(None, printable), WORDS)))


def _short(word: str) -> str:
    return word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 1]}…"


def save(excerpts: Mapping[int, str], path: str | Path) -> None:
    """Write excerpts by position in the test split; the same ones give the same bytes."""
    text = {str(position): excerpts[position] for position in sorted(excerpts)}
    write_text(path, json.dumps(text, indent=1, ensure_ascii=False) + "\n")
