"""The first words of documents: few, harmless in form, and of the right documents."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aebench import datasets
from aebench.datasets import documents, excerpts, rcv1
from aebench.stages import data


@given(st.text())
def test_any_text_becomes_one_short_printable_line(text):
    line = excerpts.first_words(text.split())
    assert line.isprintable()
    words = line.split()
    assert len(words) <= excerpts.WORDS
    assert all(len(word) <= excerpts.LONGEST_WORD for word in words)
    assert " ".join(words) == line


def test_words_are_kept_as_they_are_and_long_ones_cut():
    lines = "a  b\tc\nd\u2028e"
    assert excerpts.first_words(lines.split()) == "a b c d e"
    hostile = "<script>alert(1)</script> \"' </script> <!-- {{ 7 }}"
    assert excerpts.first_words(hostile.split()) == hostile[:23] + "… \"' </script> <!-- {{ 7 }}"
    assert excerpts.first_words(f"{n}" for n in range(99)) == "0 1 2 3 4 5 6 7 8 9 10 11"
    assert excerpts.first_words(["x" * 24, "y" * 25]) == "x" * 24 + " " + "y" * 23 + "…"
    assert excerpts.first_words(["\x00\x07", "a\u202eb"]) == "ab"  # no empty word, no turned text


def test_a_choice_is_fixed_and_capped():
    chosen = excerpts.chosen(7000)
    assert len(set(chosen.tolist())) == excerpts.DOCUMENTS
    assert (chosen == np.sort(excerpts.chosen(7000))).all()
    assert chosen.min() < 700 < 6300 < chosen.max() < 7000
    assert excerpts.chosen(3).tolist() == [0, 1, 2]


def test_hostile_text_survives_the_file(tmp_path):
    hostile = {10: "</script><script>alert(1)</script>", 2: "\"' \\ \u2028 é", 0: ""}
    path = tmp_path / "excerpts.json"
    excerpts.save(hostile, path)
    first = path.read_bytes()
    assert json.loads(first) == {str(position): text for position, text in hostile.items()}
    excerpts.save(dict(reversed(hostile.items())), path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("name", ["20newsgroups", "reuters-r52"])
def test_news_is_beside_its_counts(no_mirror, name):
    news = datasets.prepare(name, test_items=2000, vocabulary_size=50)  # few: documents drop out
    raw = documents.fetch(documents.ALL_TERMS, name)
    texts = documents.read_tab(raw[f"{name}-test.tab"].path)[1]
    assert 0 < 2000 - news.test.shape[0] < 1000
    assert 300 < len(news.excerpts) <= excerpts.DOCUMENTS
    check_counts(news)
    beginnings = {excerpts.first_words(text.split()) for text in texts}
    assert set(news.excerpts.values()) <= beginnings
    assert any(excerpts.NOTE in note for note in news.info["notes"])


def test_stories_are_beside_their_counts(tmp_path, cache, monkeypatch):
    """The first tokens, of the documents that keep a word, wherever the dropped ones stood."""
    random = np.random.default_rng(1)
    numbered = {story: [f"w{i}" for i in random.integers(0, 40, 20)] for story in range(60)}
    story = "".join(f".I {n}\n.W\n{' '.join(tokens)}\n\n" for n, tokens in numbered.items())
    (tmp_path / rcv1.TOKENS[0]).write_text(story)
    topics = "".join(f"ECAT {n} 1\n" for n in numbered)
    (tmp_path / rcv1.QRELS).write_text(topics)
    monkeypatch.setenv("AEBENCH_MIRROR", str(tmp_path))
    part = datasets.prepare("rcv1", vocabulary_size=2)
    assert 0 < part.test.shape[0] < 30
    assert sorted(part.excerpts) == list(range(part.test.shape[0]))
    check_counts(part, whole=False)
    known = {" ".join(tokens[:12]) for tokens in numbered.values()}
    assert set(part.excerpts.values()) <= known


def check_counts(dataset, whole=True):
    """A vocabulary word among the first words is counted, at exactly that position."""
    vocabulary = dataset.info["vocabulary"]
    counted = 0
    for position, text in dataset.excerpts.items():
        words = set(re.findall("[a-z0-9]{2,}", text) if whole else text.split())
        for word in words & set(vocabulary):
            assert dataset.test[position, vocabulary.index(word)] >= 1
            counted += 1
    assert counted > 0


def test_the_stage_writes_them_and_nothing_for_images(tmp_path, no_mirror):
    limits = {"vocabulary_size": 100, "train_items": 50, "test_items": 20}
    for name in ("reuters-r52", "curves"):
        files = [tmp_path / name / file for file in ("data.npz", "data.json", "excerpts.json")]
        data.run(name, *files, **limits)
    news = json.loads((tmp_path / "reuters-r52" / "excerpts.json").read_text())
    dropped = 20 - datasets.read(tmp_path / "reuters-r52" / "data.npz").test.shape[0]
    assert list(news) == [str(position) for position in range(20 - dropped)]
    assert all(len(text.split()) <= excerpts.WORDS for text in news.values())
    assert json.loads((tmp_path / "curves" / "excerpts.json").read_text()) == {}
