"""CURVES: known factors, pen strokes, the difficulty of 2006."""

import numpy as np
import pytest

from aebench import datasets
from aebench.datasets import curves


@pytest.fixture(scope="module")
def some():
    return datasets.prepare("curves", train_items=3000, test_items=500)


def test_facts(some):
    assert some.kind == "images"
    assert some.train.shape == (3000, 784)
    assert some.train_factors.shape == (3000, 6)
    assert some.test_factors.shape == (500, 6)
    assert some.train_factors.dtype == np.float32
    assert some.info["image_shape"] == [28, 28]
    assert (some.info["sha256"], some.info["vocabulary"]) == ({}, None)
    assert "20,000 training curves" in " ".join(some.info["notes"])
    assert "10,000 test curves" in " ".join(some.info["notes"])


def test_a_seed_decides_and_a_part_is_a_part(some):
    again = datasets.prepare("curves", train_items=3000, test_items=500)
    assert (again.train == some.train).all()
    assert (again.test_factors == some.test_factors).all()
    other = datasets.prepare("curves", 100, 100, seed=1)
    assert (other.train_factors != some.train_factors[:100]).all()
    whole = np.random.default_rng((0, 2)).uniform(curves.LOW, curves.HIGH, (30_000, 3))
    assert np.isin(some.test_factors[:, 0], whole[20_000:].min(axis=1).astype(np.float32)).all()


def test_points_are_joined_from_left_to_right(some):
    x = some.train_factors[:, ::2]
    assert (np.diff(x, axis=1) >= 0).all()
    assert some.train_factors.min() >= curves.LOW
    assert some.train_factors.max() <= curves.HIGH


def test_the_pen_passes_through_the_points():
    points = np.array([[[8.5, 20.5], [13.5, 7.5], [21.5, 15.5]]], np.float32)
    image = curves.draw(points)[0]
    assert all(image[int(y), int(x)] == 255 for x, y in points[0, 1:2])
    assert all(image[int(y), int(x)] > 120 for x, y in points[0])  # half of the pen at the ends
    assert image[7, 21] == image[20, 21] == image[24, 13] == 0


def test_a_stroke_is_as_wide_everywhere():
    line = curves.draw(np.array([[[6.5, 14.5], [9.5, 14.5], [21.5, 14.5]]], np.float32))[0]
    slow, fast = line[:, 9].astype(int), line[:, 18].astype(int)
    assert abs(slow - fast).max() <= 4
    assert slow.max() == 255
    assert (slow > 0).sum() == 7  # three pixels to both sides, the outer ones pale


def test_curves_stay_in_the_frame_with_ink_on_paper(some):
    images = some.train.reshape(-1, 28, 28)
    assert images[:, [0, -1]].max() == images[:, :, [0, -1]].max() == 0
    assert images.max(axis=(1, 2)).min() > 0.5
    assert 0.05 < images.mean() < 0.08
    grey = ((images > 0) & (images < 1)).sum() / (images > 0).sum()
    assert grey > 0.5  # smooth edges


def test_the_image_tells_the_factors(some):
    """Neighbours among images have neighbouring factors: the map back is a function."""
    from sklearn.neighbors import KNeighborsRegressor

    found = KNeighborsRegressor(5).fit(some.train, some.train_factors).predict(some.test)
    left = ((found - some.test_factors) ** 2).sum(axis=0)
    spread = ((some.test_factors - some.train_factors.mean(axis=0)) ** 2).sum(axis=0)
    assert (1 - left / spread > 0.65).all()


def test_classes_say_how_a_curve_goes():
    shapes = {
        "rising arch left": [[8, 20], [10, 10], [20, 12]],
        "falling bowl right": [[8, 8], [18, 20], [20, 12]],
        "rising bowl right": [[8, 20], [18, 18], [20, 8]],
    }
    points = np.array(list(shapes.values()), np.float32)
    assert [curves.CLASSES[i] for i in curves.classes_of(points)] == list(shapes)
    assert len(set(curves.CLASSES)) == 8


def test_classes_are_equally_frequent(some):
    assert np.bincount(some.train_labels, minlength=8).min() > 3000 / 8 - 5 * 18


@pytest.mark.long
def test_as_hard_for_pca_as_in_2006():
    """18 components leave 5.90 in Hinton and Salakhutdinov (2006)."""
    from sklearn.decomposition import PCA

    every = datasets.prepare("curves")
    assert every.train.shape == (20_000, 784)
    assert every.test.shape == (10_000, 784)
    pca = PCA(18, svd_solver="covariance_eigh").fit(every.train)
    rest = every.test - pca.inverse_transform(pca.transform(every.test))
    assert (rest**2).sum(axis=1).mean() == pytest.approx(5.90, abs=0.15)
