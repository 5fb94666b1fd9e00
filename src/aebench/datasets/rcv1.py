"""Reuters Corpus Volume 1 (RCV1-v2), from the token files of Lewis, Yang, Rose and Li 2004.

A token file is a run of stories; a topics file has one line for each topic of each story:

    .I 2286                              C11 2286 1
    .W                                   CCAT 2286 1
    recov recov excit bring mexic
    stock market

The token files hold a gigabyte. They are streamed three times: for the story ids, for the
vocabulary of the training half, for the counts. Only those results stay in memory.
"""

import hashlib
import io
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import scipy.sparse

from aebench.datasets import excerpts
from aebench.datasets.documents import documents, most_frequent
from aebench.datasets.sources import (
    Collection,
    Failure,
    Fetched,
    Folder,
    RawFile,
    Source,
    SourceError,
    Web,
    gather,
    mirror,
    nothing_worked,
    open_raw,
)
from aebench.datasets.store import Dataset
from aebench.datasets.subset import choose
from aebench.errors import AebenchError
from aebench.streams import stream

STORIES, TOPICS = 804_414, 103  # of the whole collection
QRELS = "rcv1-v2.topics.qrels"
TOKENS = (
    "lyrl2004_tokens_train.dat",
    "lyrl2004_tokens_test_pt0.dat",
    "lyrl2004_tokens_test_pt1.dat",
    "lyrl2004_tokens_test_pt2.dat",
    "lyrl2004_tokens_test_pt3.dat",
)


def _official_paths(file: RawFile) -> list[str]:
    folder = "a08-topic-qrels" if file.name == QRELS else "a12-token-files"
    return [f"{folder}/{file.name}.gz"]


# No hash was ever published: the counts above are the check of the whole collection.
RCV1 = Collection(
    name="rcv1",
    files=tuple(RawFile("rcv1", name) for name in (QRELS, *TOKENS)),
    sources=(Web("http://www.ai.mit.edu/projects/jmlr/papers/volume5/lewis04a/", _official_paths),),
)


def fetch_rcv1() -> dict[str, Fetched]:
    """Bring the files into the cache: what the mirror holds of them, or all official ones.

    The files of two places are never mixed, because a mirror may hold a part with ids of its own.

    Raises
    ------
    AebenchError
        When neither place gives the topics and at least one token file.
    """
    own = mirror()
    found, failures = _from_mirror(own) if own else ({}, [])
    if QRELS in found and len(found) > 1:
        broken = [failure.text for failure in failures if not failure.absent]
        if broken:
            raise AebenchError(f"rcv1 is incomplete: {'; '.join(broken)}. Mend it, run again.")
        return found
    found, more = gather(RCV1, RCV1.files, RCV1.sources)
    if len(found) < len(RCV1.files):
        missing = [file for file in RCV1.files if file.name not in found]
        raise AebenchError(nothing_worked("rcv1", missing, failures + more))
    return found


def _from_mirror(own: Source) -> tuple[dict[str, Fetched], list[Failure]]:
    """Take what the mirror holds. A folder is read where it is: no copy of a gigabyte."""
    if not isinstance(own, Folder):
        return gather(RCV1, RCV1.files, [own])
    found, failures = {}, []
    for file in RCV1.files:
        try:
            path = own.find(file)
            with open_raw(path) as body:
                digest = hashlib.file_digest(body, "sha256").hexdigest()  # type: ignore[arg-type]
            found[file.name] = Fetched(path, digest, own.words)
        except SourceError as error:
            failures.append(Failure(f"{own.words}: {file.name}: {error}", error.absent))
    return found, failures


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[tuple[int, str]]]:
    """Give the numbered lines of a file, raw or .gz."""
    with open_raw(path) as body:
        yield enumerate(io.TextIOWrapper(body, encoding="latin-1"), start=1)


def stories(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Go through a token file, one story at a time: its id and its tokens.

    Raises
    ------
    AebenchError
        For a malformed line; names file and line.
    """
    story, expected, number = -1, ".I", 0
    tokens: list[str] = []
    with _lines(path) as lines:
        for number, line in lines:
            if line.startswith(".I"):
                if expected == ".W":
                    raise _malformed(path, number, line, "'.W'")
                if story >= 0:
                    yield story, tokens
                story, tokens, expected = _story_id(path, number, line), [], ".W"
            elif expected == ".W":
                if line.strip() != ".W":
                    raise _malformed(path, number, line, "'.W'")
                expected = "tokens"
            elif line.isspace():
                continue
            elif expected == ".I":
                raise _malformed(path, number, line, "'.I <story id>'")
            else:
                tokens += line.split()
    if expected == ".W":
        raise _malformed(path, number, "the end of the file", "'.W' and tokens")
    if story >= 0:
        yield story, tokens


def story_ids(path: Path) -> array:
    """Return the story ids of a token file, in its order, without splitting the tokens."""
    with _lines(path) as lines:
        starts = (_story_id(path, *line) for line in lines if line[1].startswith(".I"))
        return array("q", starts)


def _story_id(path: Path, number: int, line: str) -> int:
    parts = line.split()
    if len(parts) != 2 or parts[0] != ".I" or not parts[1].isdecimal():
        raise _malformed(path, number, line, "'.I <story id>'")
    return int(parts[1])


def _malformed(path: Path, number: int, line: str, allowed: str) -> AebenchError:
    found = line.rstrip("\n")[:60]
    return AebenchError(f"{path}, line {number}: found {found!r}, allowed is {allowed}.")


def read_topics(path: Path, ids: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Read the topics of the stories `ids` (ascending).

    Returns
    -------
    indicator : ndarray, shape [n_stories, n_topics], uint8
    topics : list of str
        Those that occur, sorted.
    """
    rows, columns = array("q"), array("q")
    known: dict[str, int] = {}
    with _lines(path) as lines:
        for number, line in lines:
            parts = line.split()
            if len(parts) != 3 or not parts[1].isdecimal():
                if line.isspace():
                    continue
                raise _malformed(path, number, line, "'<topic> <story id> 1'")
            columns.append(known.setdefault(parts[0], len(known)))
            rows.append(int(parts[1]))
    story, topic = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
    place = np.searchsorted(ids, story)
    here = ids[np.minimum(place, len(ids) - 1)] == story
    indicator = np.zeros((len(ids), len(known)), np.uint8)
    indicator[place[here], topic[here]] = 1
    present = set(topic[here].tolist())
    topics = sorted(name for name, column in known.items() if column in present)
    return indicator[:, [known[name] for name in topics]], topics


def _vocabulary(paths: Iterable[Path], used: set[int], size: int) -> list[str]:
    totals: Counter[str] = Counter()
    for path in paths:
        for story, tokens in stories(path):
            if story in used:
                totals.update(tokens)
    terms = list(totals)
    counts = np.fromiter(totals.values(), np.int64, len(terms))
    return [terms[i] for i in most_frequent(counts, terms, size)]


def _counts(
    paths: Iterable[Path], rows: dict[int, int], vocabulary: list[str], shown: set[int]
) -> tuple[scipy.sparse.csr_matrix, dict[int, str]]:
    """Count the vocabulary's words; story `s` becomes row `rows[s]`. First words of those shown."""
    column = {term: number for number, term in enumerate(vocabulary)}
    data, row_of, column_of = array("f"), array("i"), array("i")
    first_words = {}
    for path in paths:
        for story, tokens in stories(path):
            if story not in rows:
                continue
            words = Counter(column[token] for token in tokens if token in column)
            data.extend(words.values())
            column_of.extend(words)
            row_of.extend([rows[story]] * len(words))
            if story in shown:
                first_words[story] = excerpts.first_words(tokens)
    shape = (len(rows), len(vocabulary))
    parts = (np.asarray(part) for part in (data, row_of, column_of))
    values, row_ids, column_ids = parts
    return scipy.sparse.csr_matrix((values, (row_ids, column_ids)), shape=shape), first_words


def rcv1(train_items: int | None, test_items: int | None, size: int, seed: int) -> Dataset:
    """Prepare RCV1: a random half of the stories for training, the other half for the test.

    Source: the split of Hinton and Salakhutdinov, Science 313 (2006), who also took the 2,000
    most frequent stems and 103 topics.
    """
    files = fetch_rcv1()
    paths = [files[name].path for name in TOKENS if name in files]
    ids = np.concatenate([np.frombuffer(story_ids(path), np.int64) for path in paths])
    notes = _completeness(files, ids)
    ids = np.sort(ids)
    labels, topics = read_topics(files[QRELS].path, ids)
    if "mirror" not in files[QRELS].source and len(topics) != TOPICS:
        raise AebenchError(f"{files[QRELS].path} has {len(topics)} topics, allowed are {TOPICS}.")
    halves = stream(seed, "halves").permutation(len(ids))
    train = np.sort(halves[: len(ids) // 2])
    test = np.sort(halves[len(ids) // 2 :])
    notes.append(f"A random half of the stories is for training, the rest for test; seed {seed}.")
    train = train[choose(len(train), train_items, seed, "training documents", notes)]
    test = test[choose(len(test), test_items, seed, "test documents", notes)]
    notes.append("Stop words are already left out of the token files, whose stems are used as is.")
    vocabulary = _vocabulary(paths, set(ids[train].tolist()), size)
    both = np.concatenate([train, test])
    rows = {int(story): row for row, story in enumerate(ids[both])}
    shown = {int(ids[test[row]]): int(row) for row in excerpts.chosen(len(test))}
    counts, first_words = _counts(paths, rows, vocabulary, set(shown))
    return documents(
        "rcv1",
        (counts[: len(train)], labels[train]),
        (counts[len(train) :], labels[test]),
        {row: first_words[story] for story, row in shown.items()},
        topics,
        vocabulary,
        size,
        files,
        notes,
    )


def _completeness(files: dict[str, Fetched], ids: np.ndarray) -> list[str]:
    """Check that no story comes twice and say how much of the collection there is.

    Raises
    ------
    AebenchError
        For a story found twice, for fewer than two, and when all official files are there but
        not all stories.
    """
    unique, times = np.unique(ids, return_counts=True)
    if len(unique) < len(ids):
        raise AebenchError(f"story {unique[times > 1][0]} comes twice in the token files of rcv1.")
    if len(ids) < 2:
        raise AebenchError(f"the token files of rcv1 hold {len(ids)} stories; 2 are needed.")
    if len(ids) == STORIES:
        return [f"All {STORIES:,} stories of RCV1-v2."]
    missing = [name for name in TOKENS if name not in files]
    source = files[QRELS].source
    if not missing and "mirror" not in source:
        raise AebenchError(
            f"the token files of rcv1 in {files[QRELS].path.parent} hold {len(ids):,} stories; "
            f"{STORIES:,} are expected. Delete that folder and run again."
        )
    parts = f" Missing parts: {', '.join(missing)}." if missing else ""
    return [f"A part of RCV1-v2: {len(ids):,} of its {STORIES:,} stories.{parts}"]
