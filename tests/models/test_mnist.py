"""Exact anchors on the real MNIST, in the unit of the 2006 paper (paper: 13.87 at 30)."""

import numpy as np
import pytest

from aebench import datasets
from aebench.models import build


@pytest.fixture(scope="module")
def mnist():
    return datasets.prepare("mnist")


def squared_error(model, dataset):
    """Summed over the pixels of an image, averaged over the test images."""
    model.fit(dataset.train)
    back = model.inverse_transform(model.transform(dataset.test))
    return float(((back - dataset.test) ** 2).sum(1, dtype=np.float64).mean())


@pytest.mark.parametrize(("code_size", "expected"), [(2, 43.645), (10, 26.714), (30, 13.866)])
def test_pca(mnist, code_size, expected):
    model = build("PCA", code_size, {"svd_solver": "covariance_eigh"})
    assert squared_error(model, mnist) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize(("code_size", "expected"), [(2, 43.491), (10, 25.787), (30, 12.590)])
def test_clipped_pca(mnist, code_size, expected):
    model = build("PCA", code_size, {"svd_solver": "covariance_eigh", "clip": [0, 1]})
    assert squared_error(model, mnist) == pytest.approx(expected, abs=5e-4)


def test_mean(mnist):
    assert squared_error(build("Mean", 2, {}), mnist) == pytest.approx(52.897, abs=5e-4)
