"""The .tab format, the vocabulary, and the two news collections as they really are."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aebench import datasets
from aebench.datasets import documents
from aebench.errors import AebenchError

HEADER = "Category\tText\nd\tstring\nclass\t\n"
words = st.text("abcdefghij", min_size=1, max_size=6)
rows = st.lists(st.tuples(words, st.lists(words, min_size=1).map(" ".join)))


@given(rows)
def test_tab_round_trip(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("tab") / "some.tab"
    path.write_text(HEADER + "".join(f"{label}\t{text}\n" for label, text in rows))
    labels, texts = documents.read_tab(path)
    assert list(zip(labels, texts, strict=True)) == rows


def test_rows_with_an_empty_label_or_text_are_dropped(tmp_path):
    path = tmp_path / "some.tab"
    path.write_text(HEADER + "a\tone\n\ttwo\nb\t\nc\t \n\t\n\nd\tthree\n")
    assert documents.read_tab(path) == (["a", "d"], ["one", "three"])


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "the header is ''"),
        ("Category\tText\n", "the header is"),
        ("<html>\n\n\n", "the header is '<html>'"),
        (HEADER + "a\tone\nb two\n", "line 5: 1 columns found, allowed are 2"),
        (HEADER + "a\tone\ttwo\n", "line 4: 3 columns found"),
    ],
)
def test_malformed_tab_is_named(tmp_path, content, found):
    path = tmp_path / "bad.tab"
    path.write_text(content)
    with pytest.raises(AebenchError, match=f"bad.tab.*{found}"):
        documents.read_tab(path)


def test_tab_that_is_not_text(tmp_path):
    path = tmp_path / "bad.tab"
    path.write_bytes(HEADER.encode() + b"a\t\xff\xfe\n")
    with pytest.raises(AebenchError, match=r"bad.tab is not UTF-8"):
        documents.read_tab(path)


def test_vocabulary_by_frequency_then_alphabet():
    train = ["pear apple apple the x", "plum cherry cherry pear fig", "fig the the"]
    test = ["apple banana fig fig", "banana"]
    counts, test_counts, vocabulary = documents.count_words(train, test, 4)
    assert vocabulary == ["apple", "cherry", "fig", "pear"]  # all twice; plum once, the: stop word
    assert counts.toarray().tolist() == [[2, 0, 0, 1], [0, 2, 1, 1], [0, 0, 1, 0]]
    assert test_counts.toarray().tolist() == [[1, 0, 2, 0], [0, 0, 0, 0]]
    assert counts.dtype == np.float32


def test_a_vocabulary_of_stop_words_alone_is_an_error():
    with pytest.raises(AebenchError, match="2 training texts give no vocabulary"):
        documents.count_words(["the and", "a of"], ["x"], 5)


ANCHORS = {
    # training and test documents, classes, documents without a word of the vocabulary, largest
    # and smallest class of the training documents
    "20newsgroups": (11293, 7528, 20, 5, 4, ("rec.sport.hockey", 600), ("talk.religion.misc", 377)),
    "reuters-r52": (6532, 2568, 52, 0, 0, ("earn", 2840), ("platinum", 1)),
}


@pytest.mark.parametrize("name", ANCHORS)
def test_news_is_what_it_is(no_mirror, name):
    train_items, test_items, classes, dropped, test_dropped, largest, smallest = ANCHORS[name]
    raw = documents.fetch(documents.ALL_TERMS, name)
    assert {file.name: file.sha256 for file in documents._FILES if file.dataset == name} == {
        file: fetched.sha256 for file, fetched in raw.items()
    }
    labels, texts = documents.read_tab(raw[f"{name}-train.tab"].path)
    test_labels, _ = documents.read_tab(raw[f"{name}-test.tab"].path)
    assert (len(labels), len(test_labels)) == (train_items, test_items)
    assert set(labels) == set(test_labels)
    counted = Counter(labels)
    assert len(counted) == classes
    assert counted.most_common(1) == [largest]
    assert min(counted.values()) == counted[smallest[0]] == smallest[1]

    news = datasets.prepare(name)
    assert news.kind == "documents"
    assert news.train.shape == (train_items - dropped, 2000)
    assert news.test.shape == (test_items - test_dropped, 2000)
    assert news.train.format == "csr"
    assert news.train.dtype == np.float32
    assert (np.diff(news.train.indptr) > 0).all()
    assert (np.diff(news.test.indptr) > 0).all()
    assert len(news.info["classes"]) == classes
    named = Counter(news.info["classes"][label] for label in news.train_labels)
    assert sum((counted - named).values()) == dropped
    notes = " ".join(news.info["notes"])
    assert "stop words" in notes
    assert (f"{dropped} training documents hold no word" in notes) == (dropped > 0)

    # The vocabulary, counted by other means.
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    totals = Counter(word for text in texts for word in re.findall(r"[a-z]{2,}", text))
    for word in ENGLISH_STOP_WORDS:
        totals.pop(word, None)
    expected = sorted(totals, key=lambda word: (-totals[word], word))[:2000]
    assert news.info["vocabulary"] == expected
    assert news.train.sum(axis=0, dtype=np.float64).tolist()[0] == [totals[w] for w in expected]


def test_news_in_part(no_mirror):
    part = datasets.prepare("reuters-r52", 300, 100, vocabulary_size=50, seed=1)
    again = datasets.prepare("reuters-r52", 300, 100, vocabulary_size=50, seed=1)
    assert (part.train != again.train).nnz == 0
    assert part.info == again.info
    other = datasets.prepare("reuters-r52", 300, 100, vocabulary_size=50, seed=2)
    assert part.info["vocabulary"] != other.info["vocabulary"]
    notes = " ".join(part.info["notes"])
    assert "A random 300 of the 6,532 training documents, seed 1." in notes
    found = re.search(r"(\d+) training documents hold no word", notes)
    dropped = int(found.group(1)) if found else 0
    assert part.train.shape == (300 - dropped, 50)
    assert len(part.train_labels) == part.info["train_items"] == 300 - dropped
    assert len(part.info["classes"]) == 52  # class ids mean the same whatever the part


def test_a_vocabulary_larger_than_the_texts_is_said(no_mirror):
    part = datasets.prepare("reuters-r52", 20, 20, vocabulary_size=100_000)
    assert part.train.shape[1] == part.info["n_features"] == len(part.info["vocabulary"]) < 5000
    assert "They have no more terms: 100,000 were asked for." in part.info["notes"]
