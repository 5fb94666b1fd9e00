"""The two files of a prepared data set: same bytes, same content, one message when damaged."""

import json
import os
import random

import numpy as np
import pytest
import scipy.sparse

from aebench.datasets import Dataset, read, save
from aebench.errors import AebenchError


def facts(kind, n_features, train_items, test_items):
    return {
        "dataset": "toy",
        "kind": kind,
        "n_features": n_features,
        "train_items": train_items,
        "test_items": test_items,
        "classes": ["é", "b"],
        "notes": [],
    }


def some_images():
    grey = np.arange(256, dtype=np.float32).reshape(16, 16) / 255
    labels = np.arange(16) % 2
    info = facts("images", 16, 16, 4)
    return Dataset("toy", "images", grey, grey[:4], labels, labels[:4], info)


def some_documents():
    counts = scipy.sparse.random(
        30, 12, 0.4, "csr", np.float32, 0, data_rvs=lambda n: np.arange(1, n + 1)
    )
    labels = np.eye(2, dtype=np.uint8)[np.arange(30) % 2]
    info = facts("documents", 12, 20, 10)
    return Dataset("toy", "documents", counts[:20], counts[20:], labels[:20], labels[20:], info)


def dense(matrix):
    return matrix.toarray() if scipy.sparse.issparse(matrix) else matrix


@pytest.fixture(params=[some_images, some_documents])
def toy(request):
    return request.param()


def test_factors_come_back(toy, tmp_path):
    save(toy, tmp_path / "data.npz", tmp_path / "data.json")
    assert read(tmp_path / "data.npz").train_factors is None
    toy.train_factors, toy.test_factors = (
        np.arange(6.0 * split.shape[0]).reshape(-1, 6) for split in (toy.train, toy.test)
    )
    save(toy, tmp_path / "data.npz", tmp_path / "data.json")
    back = read(tmp_path / "data.npz")
    assert back.train_factors.dtype == np.float32
    assert (back.train_factors == toy.train_factors).all()
    assert (back.test_factors == toy.test_factors).all()
    toy.test_factors = toy.test_factors[1:]
    save(toy, tmp_path / "data.npz", tmp_path / "data.json")
    with pytest.raises(AebenchError, match="factors of"):
        read(tmp_path / "data.npz")


def test_round_trip(toy, tmp_path):
    save(toy, tmp_path / "data.npz", tmp_path / "data.json")
    back = read(tmp_path / "data.npz")
    assert (back.name, back.kind, back.info) == (toy.name, toy.kind, toy.info)
    for split in ("train", "test"):
        before, after = getattr(toy, split), getattr(back, split)
        assert type(before) is type(after)
        assert after.dtype == np.float32
        assert np.array_equal(dense(before), dense(after))
        assert np.array_equal(getattr(toy, f"{split}_labels"), getattr(back, f"{split}_labels"))


def test_same_bytes(toy, tmp_path, monkeypatch):
    save(toy, tmp_path / "a.npz", tmp_path / "a.json")
    monkeypatch.setattr("time.time", lambda: 1e9)  # another day
    monkeypatch.setattr("time.localtime", lambda *_: (2001, 9, 9, 1, 46, 40, 6, 252, 0))
    toy.info = dict(reversed(toy.info.items()))
    save(toy, tmp_path / "b.npz", tmp_path / "b.json")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["a.json", "a.npz", "b.json", "b.npz"]


def test_order_of_words_inside_a_row_does_not_matter(tmp_path):
    toy = some_documents()
    save(toy, tmp_path / "a.npz", tmp_path / "a.json")
    for row in range(toy.train.shape[0]):
        own = slice(*toy.train.indptr[row : row + 2])
        toy.train.indices[own] = toy.train.indices[own][::-1].copy()
        toy.train.data[own] = toy.train.data[own][::-1].copy()
    toy.train.has_sorted_indices = False
    save(toy, tmp_path / "b.npz", tmp_path / "b.json")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_images_are_kept_as_bytes_and_counts_as_integers(tmp_path):
    save(some_images(), tmp_path / "i.npz", tmp_path / "i.json")
    save(some_documents(), tmp_path / "d.npz", tmp_path / "d.json")
    with np.load(tmp_path / "i.npz") as arrays:
        assert arrays["train"].dtype == np.uint8
    with np.load(tmp_path / "d.npz") as arrays:
        assert np.issubdtype(arrays["train_data"].dtype, np.integer)


DAMAGE_NOTICED = (
    "A prepared data set that was cut, changed or replaced, and damaged codes, are refused "
    "in one message that says what to do; no job computes on them"
)


@pytest.mark.promise("Faults", DAMAGE_NOTICED)
def test_no_damage_goes_unnoticed(toy, tmp_path, measured):
    """Cut anywhere, flip any bit: one clear message."""
    npz = tmp_path / "data.npz"
    save(toy, npz, tmp_path / "data.json")
    whole = npz.read_bytes()
    rng = random.Random(0)
    damages = [whole[: rng.randrange(len(whole))] for _ in range(30)] + [b"", b"not a zip" * 99]
    for _ in range(300):
        place = rng.randrange(len(whole))
        flipped = bytes([whole[place] ^ 1 << rng.randrange(8)])
        damages.append(whole[:place] + flipped + whole[place + 1 :])
    refusals = []
    for damaged in damages:
        npz.write_bytes(damaged)
        with pytest.raises(AebenchError) as caught:
            read(npz)
        refusals.append(str(caught.value))
    measured("faults injected", len(damages))
    for message in refusals:
        assert message.startswith(f"{npz} is not a readable prepared data set")
        assert "Delete it and run again" in message


@pytest.mark.promise("Faults", DAMAGE_NOTICED)
def test_another_data_set_of_the_same_shape_is_noticed(toy, tmp_path, measured):
    save(toy, tmp_path / "data.npz", tmp_path / "data.json")
    toy.train_labels = toy.train_labels[::-1]
    save(toy, tmp_path / "other.npz", tmp_path / "other.json")
    os.replace(tmp_path / "other.npz", tmp_path / "data.npz")
    with pytest.raises(AebenchError, match=r"not the file that data\.json was written with"):
        read(tmp_path / "data.npz")
    measured("faults injected", 1)


def test_missing_files_are_named(toy, tmp_path):
    with pytest.raises(AebenchError, match=r"data\.json .*does not exist"):
        read(tmp_path / "data.npz")
    save(toy, tmp_path / "data.npz", tmp_path / "data.json")
    (tmp_path / "data.npz").unlink()
    with pytest.raises(AebenchError, match=r"data\.npz .*does not exist"):
        read(tmp_path / "data.npz", tmp_path / "data.json")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"dataset": "toy", "kind": "images"}', "\udcff"]
)
def test_damaged_json_is_named(toy, tmp_path, text):
    save(toy, tmp_path / "data.npz", tmp_path / "data.json")
    (tmp_path / "data.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(AebenchError, match=r"data\.json is not a readable prepared data set"):
        read(tmp_path / "data.npz")


@pytest.mark.parametrize(
    ("key", "value"), [("train_items", 3), ("n_features", 5), ("kind", "documents")]
)
def test_files_that_do_not_belong_together(tmp_path, key, value):
    save(some_images(), tmp_path / "data.npz", tmp_path / "data.json")
    info = json.loads((tmp_path / "data.json").read_text())
    (tmp_path / "data.json").write_text(json.dumps(info | {key: value}))
    with pytest.raises(AebenchError, match=r"data\.npz is not a readable prepared data set"):
        read(tmp_path / "data.npz")
