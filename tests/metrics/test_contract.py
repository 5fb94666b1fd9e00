import re

import numpy as np
import pytest

from aebench.errors import AebenchError
from aebench.metrics import check_run, contract, read_run

from .conftest import make_dataset, make_run

FOLDER = "results/quick/mnist/my-method/d2/seed-7"
WHO = f"variant 'my-method' on mnist, code size 2, seed 7 ({FOLDER}): "


REFUSED = pytest.mark.promise(
    "Faults",
    "A variant that writes what cannot be measured, be it the wrong shape, too few rows or NaN: "
    "one message names file, found and allowed",
)


def change(array, index, value):
    array = array.copy()
    array[index] = value
    return array


def test_good_runs_pass(images, documents):
    for dataset in (images, documents):
        codes, R = make_run(dataset)
        check_run(dataset, codes, R, 2, FOLDER)
        bits = {part: (array > 0).astype(np.uint8) for part, array in codes.items()}
        check_run(dataset, bits, R, 2, FOLDER)
        check_run(dataset, {p: np.zeros_like(a) for p, a in codes.items()}, R, 2, FOLDER)


def test_pixels_may_leave_their_range(images):
    codes, R = make_run(images)
    check_run(images, codes, R * 3 - 1, 2, FOLDER)


CODES = {
    "one part": (lambda c: {"train": c["train"]}, "no array 'test'; found: train; needed: train"),
    "too few rows": (
        lambda c: c | {"train": c["train"][1:]},
        "codes.npz 'train' has shape [119, 2]; needed: [120, 2]",
    ),
    "wrong code size": (
        lambda c: c | {"test": c["test"][:, :1]},
        "codes.npz 'test' has shape [40, 1]; needed: [40, 2]",
    ),
    "flat": (lambda c: c | {"test": c["test"][:, 0]}, "has shape [40]; needed: [40, 2]"),
    "float64": (
        lambda c: {p: a.astype(float) for p, a in c.items()},
        "codes.npz 'train' is float64; allowed: float32, or uint8 of 0 and 1",
    ),
    "two kinds": (
        lambda c: c | {"test": (c["test"] > 0).astype(np.uint8)},
        "'train' is float32 and 'test' is uint8; both must be the same",
    ),
    "NaN": (
        lambda c: c | {"test": change(c["test"], ([0, 5, 5], [0, 0, 1]), np.nan)},
        "codes.npz 'test' has NaN or infinite values in 2 of 40 rows",
    ),
    "infinite": (
        lambda c: c | {"train": change(c["train"], (3, 1), np.inf)},
        "codes.npz 'train' has NaN or infinite values in 1 of 120 rows",
    ),
    "three dimensions": (
        lambda c: c | {"test": c["test"][:, :, None]},
        "codes.npz 'test' has shape [40, 2, 1]; needed: [40, 2]",
    ),
    "no rows": (
        lambda c: c | {"test": c["test"][:0]},
        "codes.npz 'test' has shape [0, 2]; needed: [40, 2]",
    ),
    "words": (
        lambda c: {p: a.astype("U9") for p, a in c.items()},
        "codes.npz 'train' is <U9; allowed: float32, or uint8 of 0 and 1",
    ),
    "complex": (
        lambda c: {p: a.astype(np.complex64) for p, a in c.items()},
        "codes.npz 'train' is complex64; allowed: float32, or uint8 of 0 and 1",
    ),
    "no arrays": (lambda c: {}, "no array 'train'; found: none; needed: train, test"),
    "not bits": (
        lambda c: {p: np.full(a.shape, 2, np.uint8) for p, a in c.items()},
        "codes.npz 'train' is uint8 with values other than 0 and 1 in 120 rows",
    ),
}


@REFUSED
@pytest.mark.parametrize(("spoil", "message"), CODES.values(), ids=CODES)
def test_refused_codes(images, spoil, message, measured):
    codes, R = make_run(images)
    with pytest.raises(AebenchError) as error:
        check_run(images, spoil(codes), R, 2, FOLDER)
    assert str(error.value).startswith(WHO)
    assert message in str(error.value)
    measured("faults injected", 1)


RECONSTRUCTIONS = {
    "shape": ("images", lambda R: R[:, 1:], "has shape [40, 11]; needed: [40, 12]"),
    "rows": ("documents", lambda R: R[1:], "has shape [39, 12]; needed: [40, 12]"),
    "float64": ("images", lambda R: R.astype(float), "is float64; allowed: float32"),
    "NaN": (
        "images",
        lambda R: change(R, (slice(3), 0), np.nan),
        "infinite values in 3 of 40 rows",
    ),
    "NaN share": ("documents", lambda R: change(R, 4, np.nan), "infinite values in 1 of 40 rows"),
    "negative": ("documents", lambda R: change(R, (1, 1), -0.1), "negative shares in 1 of 40 rows"),
    "counts": ("documents", lambda R: R * 7, "shares that do not sum to 1 in 40 of 40 rows"),
    "zeros": ("documents", lambda R: change(R, 2, 0), "do not sum to 1 in 1 of 40 rows"),
}


@REFUSED
@pytest.mark.parametrize(
    ("kind", "spoil", "message"), RECONSTRUCTIONS.values(), ids=RECONSTRUCTIONS
)
def test_refused_reconstructions(kind, spoil, message, measured):
    dataset = make_dataset(kind)
    codes, R = make_run(dataset)
    with pytest.raises(AebenchError) as error:
        check_run(dataset, codes, spoil(R), 2, FOLDER)
    assert str(error.value).startswith(f"{WHO}reconstruction ")
    assert message in str(error.value)
    measured("faults injected", 1)


@pytest.fixture
def folder(tmp_path, images):
    path = tmp_path / FOLDER
    path.mkdir(parents=True)
    codes, R = make_run(images)
    np.savez(path / "codes.npz", **codes)
    np.save(path / "reconstruction.npy", R)
    return path


def test_read_run(folder, images):
    run = read_run(folder, images, 2)
    codes, R = make_run(images)
    np.testing.assert_array_equal(run.codes_train, codes["train"])
    np.testing.assert_array_equal(run.codes_test, codes["test"])
    np.testing.assert_array_equal(run.reconstruction, R)
    assert isinstance(run.reconstruction, np.memmap)


def test_codes_are_decoded_in_parts(folder, images, monkeypatch):
    (folder / "reconstruction.npy").unlink()
    weights, asked = np.ones((2, 12)) / 7, []
    monkeypatch.setattr(contract, "DECODED_AT_ONCE", 15)
    run = read_run(folder, images, 2, lambda Z: asked.append(len(Z)) or Z @ weights)
    assert asked == [15, 15, 10]
    assert run.reconstruction.dtype == np.float32
    np.testing.assert_allclose(run.reconstruction, run.codes_test @ weights, rtol=1e-6)
    assert sorted(path.name for path in folder.iterdir()) == ["codes.npz"]


def test_what_a_model_decodes_is_checked(folder, images):
    with pytest.raises(AebenchError, match=r"reconstruction has shape \[40, 3\]; needed: \[40, 12"):
        read_run(folder, images, 2, lambda Z: np.ones((len(Z), 3)))
    with pytest.raises(AebenchError, match="reconstruction has NaN or infinite values in 40 of 40"):
        read_run(folder, images, 2, lambda Z: np.full((len(Z), 12), np.nan))


HEADER = "epoch,split,metric,value,seconds\n"
BESIDE = {
    "no JSON": ("run.json", "{", "cannot read"),
    "a list": ("run.json", "[]", "run.json is not a JSON object"),
    "seconds": (
        "run.json",
        '{"seconds": "3 s"}',
        "seconds: '3 s' is not of type 'number'",
    ),
    "true": (
        "run.json",
        '{"parameters_count": true}',
        "True is not of type 'number'",
    ),
    "device": ("run.json", '{"device": 0}', "run.json: device: 0 is not of type 'string'"),
    "versions": ("run.json", '{"versions": ["1"]}', "versions: ['1'] is not of type 'object'"),
    "no table": ("history.csv", b"\xff\xfe\x00", "history.csv cannot be read as a table"),
    "empty": ("history.csv", "", "history.csv has columns []; needed: ['epoch', 'split'"),
    "columns": ("history.csv", "epoch,loss\n1,2\n", "has columns ['epoch', 'loss']; needed:"),
    "words": ("history.csv", HEADER + "1,train,loss,low,2\n", "['1', 'train', 'loss', 'low', '2']"),
    "short": ("history.csv", HEADER + "1,train,loss,2,3\n2,train\n", "['2', 'train'] in line 3"),
}


@REFUSED
@pytest.mark.parametrize(("name", "content", "message"), BESIDE.values(), ids=BESIDE)
def test_what_lies_beside_the_codes_is_checked(folder, images, name, content, message, measured):
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(AebenchError) as error:
        read_run(folder, images, 2)
    assert str(error.value).startswith("variant 'my-method' on mnist, code size 2, seed 7 (")
    assert message in str(error.value)
    measured("faults injected", 1)


def test_what_lies_beside_the_codes_may_say_little_or_more(folder, images):
    (folder / "run.json").write_text('{"seconds": 3, "commit": null, "mine": [1]}')
    (folder / "history.csv").write_text(HEADER + "1,train,loss,nan,0.1\n")
    read_run(folder, images, 2)


@REFUSED
@pytest.mark.parametrize("name", ["codes.npz", "reconstruction.npy"])
def test_missing_and_broken_files(folder, images, name, measured):
    (folder / name).write_bytes(b"not numpy")
    with pytest.raises(AebenchError, match=rf"seed 7 .*{name} cannot be read as a numpy file"):
        read_run(folder, images, 2)
    (folder / name).unlink()
    with pytest.raises(AebenchError, match=rf"variant 'my-method' on mnist.*{name} is missing"):
        read_run(folder, images, 2)
    measured("faults injected", 2)


@pytest.mark.promise(
    "Faults",
    "A prepared data set that was cut, changed or replaced, and damaged codes, are refused "
    "in one message that says what to do; no job computes on them",
)
def test_damaged_codes_are_never_measured(folder, images, measured):
    """Cut anywhere, flip any bit: one message, or the very same codes."""
    whole, path = (folder / "codes.npz").read_bytes(), folder / "codes.npz"
    expected, random = read_run(folder, images, 2), np.random.default_rng(0)
    damages = [whole[: random.integers(len(whole))] for _ in range(50)]
    for place, bit in zip(random.integers(len(whole), size=250), range(250), strict=True):
        damages.append(whole[:place] + bytes([whole[place] ^ 1 << bit % 8]) + whole[place + 1 :])
    refused = 0
    for damaged in damages:
        path.write_bytes(damaged)
        try:
            found = read_run(folder, images, 2)
        except AebenchError:
            refused += 1
            continue
        assert (found.codes_train == expected.codes_train).all()
        assert (found.codes_test == expected.codes_test).all()
    assert refused > 200
    measured("faults injected", len(damages))


def test_pickles_are_refused(folder, images):
    np.save(folder / "reconstruction.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(AebenchError, match=r"reconstruction\.npy cannot be read"):
        read_run(folder, images, 2)


def test_a_folder_of_another_shape_is_named_as_it_is(images):
    codes, R = make_run(images)
    with pytest.raises(AebenchError, match=re.escape("somewhere: reconstruction has shape")):
        check_run(images, codes, R[1:], 2, "somewhere")


def test_a_model_is_not_given_codes_that_are_none(folder, images):
    codes = np.zeros((images.test.shape[0], 2), [("a", "i4")])
    np.savez(folder / "codes.npz", train=codes, test=codes)
    with pytest.raises(AebenchError, match=r"codes\.npz 'test' (has shape|is)"):
        read_run(folder, images, 3, decode=lambda Z: 1 / 0)
