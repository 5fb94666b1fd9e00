"""The LYRL2004 reader, on files written by hand and on a real part of RCV1 where there is one."""

import gzip
import os
import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aebench import datasets
from aebench.datasets import rcv1
from aebench.datasets.sources import Collection, Web
from aebench.errors import AebenchError

TRAIN, PART = rcv1.TOKENS[0], rcv1.TOKENS[1]
FILES = {
    TRAIN: ".I 7\n.W\nbank bank oil\nrate\n\n.I 3\n.W\noil oil gas\n\n",
    PART: ".I 5\n.W\nbank gold\n\n.I 9\n.W\ngold gold oil\n\n",
    rcv1.QRELS: "ECAT 7 1\nGCAT 7 1\nMCAT 3 1\nECAT 5 1\nGCAT 9 1\nC11 4444 1\n",
}


@pytest.fixture
def folder(tmp_path, cache, monkeypatch):
    """A mirror that holds four stories, half of it compressed."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, text in FILES.items():
        write(folder, name, text)
    monkeypatch.setenv("AEBENCH_MIRROR", str(folder))
    return folder


def write(folder: Path, name: str, text: str) -> None:
    if name == TRAIN:
        (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    else:
        (folder / name).write_text(text)


def as_stories(dataset):
    """(words with counts, topics) of every story of a data set, train before test."""
    found = []
    for matrix, labels in (
        (dataset.train, dataset.train_labels),
        (dataset.test, dataset.test_labels),
    ):
        for row, label in zip(matrix.toarray(), labels, strict=True):
            words = {dataset.info["vocabulary"][i]: int(row[i]) for i in np.flatnonzero(row)}
            found.append((words, {dataset.info["classes"][i] for i in np.flatnonzero(label)}))
    return found


def test_stories_by_hand(folder):
    # A vocabulary larger than needed; the training half alone decides it.
    tiny = datasets.prepare("rcv1", vocabulary_size=100)
    assert tiny.info["classes"] == ["ECAT", "GCAT", "MCAT"]  # C11 belongs to a story not here
    assert tiny.train_labels.dtype == np.uint8
    assert tiny.train_labels.shape == (2, 3)
    stories = {
        frozenset({"ECAT", "GCAT"}): {"bank": 2, "oil": 1, "rate": 1},
        frozenset({"MCAT"}): {"oil": 2, "gas": 1},
        frozenset({"ECAT"}): {"bank": 1, "gold": 1},
        frozenset({"GCAT"}): {"gold": 2, "oil": 1},
    }
    vocabulary = set(tiny.info["vocabulary"])
    found = as_stories(tiny)
    for place, (words, topics) in enumerate(found):
        whole = stories.pop(frozenset(topics))
        assert words == {word: n for word, n in whole.items() if word in vocabulary}
        if place < 2:
            assert vocabulary >= set(whole)
    assert set().union(*(words for words, _ in found[:2])) == vocabulary
    notes = " ".join(tiny.info["notes"])
    assert "A part of RCV1-v2: 4 of its 804,414 stories." in notes
    assert "Missing parts: lyrl2004_tokens_test_pt1.dat" in notes
    assert "Stop words are already left out" in notes
    assert set(tiny.info["sha256"]) == set(FILES)


def test_a_mirror_folder_is_read_in_place(folder, cache):
    datasets.prepare("rcv1")
    assert not list(cache.rglob("*.dat"))


def test_limits_and_seeds(folder):
    part = datasets.prepare("rcv1", train_items=1, test_items=1, vocabulary_size=2, seed=5)
    assert part.train.shape[0] == 1
    assert part.test.shape[0] <= 1
    again = datasets.prepare("rcv1", train_items=1, test_items=1, vocabulary_size=2, seed=5)
    assert as_stories(part) == as_stories(again)
    halves = {str(as_stories(datasets.prepare("rcv1", seed=seed))) for seed in range(8)}
    assert len(halves) > 1


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (PART, "bank\n.I 1\n", "line 1: found 'bank', allowed is '.I <story id>'"),
        (PART, ".I 1 2\n.W\nbank\n", "line 1: found '.I 1 2', allowed is '.I <story id>'"),
        (PART, ".I x\n.W\nbank\n", "line 1: found '.I x'"),
        (PART, ".I 1\nbank\n", "line 2: found 'bank', allowed is '.W'"),
        (PART, ".I 1\n.I 2\n", "line 2: found '.I 2', allowed is '.W'"),
        (PART, ".I 1\n.W\nbank\n\n.I 2\n", "line 5: found 'the end of the file', allowed is '.W'"),
        (rcv1.QRELS, "ECAT 7 1\nECAT\n", "line 2: found 'ECAT', allowed is '<topic> <story id> 1'"),
        (rcv1.QRELS, "ECAT seven 1\n", "line 1: found 'ECAT seven 1'"),
        (TRAIN, ".I 5\n.W\nbank\n\n.I 7\n.W\nbank\n", "story 5 comes twice"),
    ],
)
def test_malformed_lines_are_named(folder, name, text, words):
    write(folder, name, text)
    with pytest.raises(AebenchError) as caught:
        datasets.prepare("rcv1")
    assert words in str(caught.value)
    if "line" in words:
        assert str(folder / name) in str(caught.value)


STRANGE = [f"t{n}" for n in range(99)] + [""]
LIMITS = {
    "line": (PART, ".I 5\n.W\n" + "bank " * 10**6, "a line of more than 10,000 characters"),
    "story": (PART, ".I 5\n.W\n" + "bank oil\n" * 10**5, "more than 100,000 tokens in story 5"),
    "stories": (PART, "".join(f".I {n}\n.W\n" for n in range(100)), "more than 50 stories"),
    "tokens": (
        PART,
        "".join(f".I {n}\n.W\n" + "\n".join(STRANGE) for n in range(50, 58)),
        "more than 9 different",
    ),
    "topics": (rcv1.QRELS, "".join(f"T{n} 7 1\n" for n in range(2000)), "more than 1,000 topics"),
    "topic lines": (rcv1.QRELS, "ECAT 7 1\n" * 2000, "more than 1,000 lines"),
    "long id": (PART, f".I {10**20}\n.W\nbank\n", "allowed is '.I <story id>'"),
    "endless id": (PART, f".I {'9' * 9000}\n.W\nbank\n", "allowed is '.I <story id>'"),
    "long id of a topic": (rcv1.QRELS, f"ECAT {10**20} 1\n", "allowed is '<topic> <story id> 1'"),
    "noise": (PART, random.Random(0).randbytes(5000).decode("latin-1"), "allowed is"),
    "noise in the topics": (rcv1.QRELS, random.Random(0).randbytes(9000).decode("latin-1"), ""),
}


@pytest.mark.promise(
    "Untrusted input",
    "A parser that meets sizes, lines or noise that no publisher wrote stops with one message "
    "before they fill the memory",
)
@pytest.mark.parametrize("limit", LIMITS)
def test_files_that_would_fill_the_memory(folder, monkeypatch, measured, limit):
    name, text, words = LIMITS[limit]
    monkeypatch.setattr(rcv1, "STORIES", 50)
    monkeypatch.setattr(rcv1, "MOST_TERMS", 9)
    (folder / name).write_text(text, encoding="latin-1")
    tracemalloc.start()
    with pytest.raises(AebenchError) as caught:
        datasets.prepare("rcv1")
    _, memory = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert words in str(caught.value)
    assert str(folder / name) in str(caught.value)
    assert len(str(caught.value)) < 500
    assert memory < 30 * 2**20
    measured("hostile files", 1)


def test_a_damaged_file_put_into_the_cache_by_hand_is_said(folder, cache, monkeypatch):
    monkeypatch.setattr(rcv1, "STORIES", 4)
    monkeypatch.delenv("AEBENCH_MIRROR")
    (cache / "rcv1").mkdir(parents=True)
    for name in (rcv1.QRELS, *rcv1.TOKENS):
        (cache / "rcv1" / name).write_text(FILES.get(name, ""))
    (cache / "rcv1" / TRAIN).write_bytes(gzip.compress(FILES[TRAIN].encode())[:-9])
    with pytest.raises(AebenchError, match=rf"{TRAIN}: damaged .gz file .*; fetch it again"):
        datasets.prepare("rcv1")


def test_too_few_stories(folder):
    write(folder, TRAIN, "")
    write(folder, PART, ".I 5\n.W\nbank gold\n")
    with pytest.raises(AebenchError, match="hold 1 stories; 2 are needed"):
        datasets.prepare("rcv1")


def test_a_damaged_part_is_not_taken_for_a_missing_one(folder):
    path = folder / f"{TRAIN}.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(AebenchError, match=f"rcv1 is incomplete: .*{TRAIN}: damaged .gz"):
        datasets.prepare("rcv1")


def test_mirror_as_url_is_cached(server, cache, monkeypatch):
    server.answers = {f"/rcv1/{name}": text.encode() for name, text in FILES.items()}
    monkeypatch.setenv("AEBENCH_MIRROR", server.url)
    first = as_stories(datasets.prepare("rcv1"))
    assert sorted(path.name for path in (cache / "rcv1").glob("*.dat")) == sorted([TRAIN, PART])
    server.asked.clear()
    assert as_stories(datasets.prepare("rcv1")) == first
    assert not {f"/rcv1/{name}" for name in FILES} & set(server.asked)
    server.answers[f"/rcv1/{rcv1.TOKENS[2]}.gz"] = ("dropped", b"x" * 1000)
    with pytest.raises(AebenchError, match="rcv1 is incomplete"):
        datasets.prepare("rcv1")


def official(server, monkeypatch, stories: int, topics: int) -> None:
    """Serve all five token files where the official folder would be."""
    texts = {rcv1.QRELS: "ECAT 0 1\nGCAT 1 1\n" + "".join(f"ECAT {i} 1\n" for i in range(2, 10))}
    for number, name in enumerate(rcv1.TOKENS):
        texts[name] = "".join(f".I {number + i}\n.W\nbank oil\n\n" for i in (0, 5))
    for name, text in texts.items():
        folder = "a08-topic-qrels" if name == rcv1.QRELS else "a12-token-files"
        server.answers[f"/{folder}/{name}.gz"] = gzip.compress(text.encode())
    web = Web(server.url, rcv1._official_paths)
    monkeypatch.setattr(rcv1, "RCV1", Collection("rcv1", rcv1.RCV1.files, (web,)))
    monkeypatch.setattr(rcv1, "STORIES", stories)
    monkeypatch.setattr(rcv1, "TOPICS", topics)


def test_the_official_folder(server, cache, monkeypatch):
    official(server, monkeypatch, stories=10, topics=2)
    whole = datasets.prepare("rcv1")
    assert whole.train.shape == whole.test.shape == (5, 2)
    assert whole.info["notes"][0] == "All 10 stories of RCV1-v2."
    server.answers.clear()
    assert (datasets.prepare("rcv1").train != whole.train).nnz == 0  # offline


@pytest.mark.parametrize(("stories", "topics"), [(11, 2), (10, 3)])
def test_official_counts_are_checked(server, cache, monkeypatch, stories, topics):
    official(server, monkeypatch, stories, topics)
    with pytest.raises(AebenchError, match=f"{stories} are expected|allowed are {topics}"):
        datasets.prepare("rcv1")


def test_official_parts_are_not_optional(server, cache, monkeypatch):
    official(server, monkeypatch, stories=10, topics=2)
    del server.answers[f"/a12-token-files/{rcv1.TOKENS[4]}.gz"]
    with pytest.raises(AebenchError, match=f"no source gave {rcv1.TOKENS[4]} of data set rcv1"):
        datasets.prepare("rcv1")


stems = st.text("abcdefg.", min_size=1, max_size=4).filter(lambda stem: not stem.startswith("."))


@given(st.dictionaries(st.integers(0, 10**6), st.lists(stems)), st.integers(1, 4))
def test_token_file_round_trip(tmp_path_factory, stories, width):
    """Whatever the stems and wherever the lines are broken."""
    path = tmp_path_factory.mktemp("tokens") / "some.dat"
    with open(path, "w") as file:
        for story, tokens in stories.items():
            file.write(f".I {story}\n.W\n")
            for start in range(0, len(tokens), width):
                file.write(" ".join(tokens[start : start + width]) + "\n")
            file.write("\n")
    assert dict(rcv1.stories(path)) == stories
    assert list(rcv1.story_ids(path)) == list(stories)


REAL = Path(
    os.environ.get("AEBENCH_TEST_RCV1")
    or Path(__file__).parents[3] / "shared" / "data" / "rcv1-v2-subset"
)


@pytest.mark.skipif(
    not REAL.is_dir(), reason="no real part of RCV1 here; AEBENCH_TEST_RCV1 may name its folder"
)
def test_real_part(cache, monkeypatch):
    monkeypatch.setenv("AEBENCH_MIRROR", str(REAL))
    news = datasets.prepare("rcv1", train_items=3000, test_items=1000)
    assert "A part of RCV1-v2: 27,613 of its 804,414 stories." in news.info["notes"][0]
    assert "A random 3,000 of the 13,806 training documents, seed 0." in news.info["notes"]
    assert "A random 1,000 of the 13,807 test documents, seed 0." in news.info["notes"]
    assert news.train.shape == (3000, 2000)
    assert news.train_labels.shape == (3000, len(news.info["classes"])) == (3000, 102)
    assert {"CCAT", "ECAT", "GCAT", "MCAT"} <= set(news.info["classes"])
    # CCAT is 47% of RCV1 (Lewis et al. 2004), and a story has 3.2 topics in the mean.
    share = news.train_labels[:, news.info["classes"].index("CCAT")].mean()
    assert share == pytest.approx(0.47, abs=0.03)
    assert news.train_labels.sum(axis=1).mean() == pytest.approx(3.2, abs=0.15)
