import re

import numpy as np
import pytest

from aebench.errors import AebenchError
from aebench.metrics import check_run, contract, read_run

from .conftest import make_dataset, make_run

FOLDER = "results/quick/mnist/my-method/d2/seed-7"
WHO = f"variant 'my-method' on mnist, code size 2, seed 7 ({FOLDER}): "


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
    "not bits": (
        lambda c: {p: np.full(a.shape, 2, np.uint8) for p, a in c.items()},
        "codes.npz 'train' is uint8 with values other than 0 and 1 in 120 rows",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), CODES.values(), ids=CODES)
def test_refused_codes(images, spoil, message):
    codes, R = make_run(images)
    with pytest.raises(AebenchError) as error:
        check_run(images, spoil(codes), R, 2, FOLDER)
    assert str(error.value).startswith(WHO)
    assert message in str(error.value)


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


@pytest.mark.parametrize(
    ("kind", "spoil", "message"), RECONSTRUCTIONS.values(), ids=RECONSTRUCTIONS
)
def test_refused_reconstructions(kind, spoil, message):
    dataset = make_dataset(kind)
    codes, R = make_run(dataset)
    with pytest.raises(AebenchError) as error:
        check_run(dataset, codes, spoil(R), 2, FOLDER)
    assert str(error.value).startswith(f"{WHO}reconstruction ")
    assert message in str(error.value)


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


@pytest.mark.parametrize("name", ["codes.npz", "reconstruction.npy"])
def test_missing_and_broken_files(folder, images, name):
    (folder / name).write_bytes(b"not numpy")
    with pytest.raises(AebenchError, match=rf"seed 7 .*{name} cannot be read as a numpy file"):
        read_run(folder, images, 2)
    (folder / name).unlink()
    with pytest.raises(AebenchError, match=rf"variant 'my-method' on mnist.*{name} is missing"):
        read_run(folder, images, 2)


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
