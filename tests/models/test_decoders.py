"""What model.json says of a decoder is enough to decode without the estimator."""

import json

import numpy as np
import pytest
import scipy.sparse

from aebench import models
from aebench.models import build
from aebench.report.decoder import decode, read

random = np.random.default_rng(0)
X = random.random((60, 16)).astype(np.float32)
COUNTS = scipy.sparse.csr_matrix(random.poisson(1.0, (60, 16)).astype(np.float32))
NETWORK = {"hidden": [8, 6], "epochs": 1, "device": "cpu"}
WORDS = {"weighting": "log", "loss": "multinomial"}

CASES = {
    "deep": ("AutoEncoder", NETWORK | {"loss": "cross_entropy"}, X),
    "tied": ("AutoEncoder", NETWORK | {"tied": True}, X),
    "tied, no hidden layer": ("AutoEncoder", NETWORK | {"tied": True, "hidden": []}, X),
    "linear": ("AutoEncoder", NETWORK | {"hidden": []}, X),
    "words": ("AutoEncoder", NETWORK | WORDS, COUNTS),
    "binary": ("AutoEncoder", NETWORK | {"code": "binary", "code_noise": 1.0}, X),
    "gaussian": ("AutoEncoder", NETWORK | {"code": "gaussian", "penalties": {"prior": 1.0}}, X),
    "quantised": (
        "AutoEncoder",
        NETWORK | {"code": "quantised", "codebook_size": 4, "penalties": {"quantisation": 1.0}},
        X,
    ),
    **{
        name: ("AutoEncoder", NETWORK | {"activation": name}, X)
        for name in ("sigmoid", "tanh", "relu", "silu", "elu")
    },
    "pca": ("PCA", {"svd_solver": "covariance_eigh"}, X),
    "pca, clipped": ("PCA", {"clip": [0.2, 0.7]}, X),
    "pca, tuned": ("PCA", {"clip": [0, 1], "tune": {"tol": [0.0, 0.1]}}, X),
    "nmf": ("NMF", {"tol": 0.1}, X),
    "truncated SVD": ("TruncatedSVD", {}, X),
    "random projection": ("RandomProjection", {}, X),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_numpy_decodes_from_the_files_alone(case, tmp_path):
    estimator, parameters, items = case
    (model,) = models.fit_seeds(build(estimator, 3, parameters), items, [1])
    models.save(model, tmp_path, estimator, 3, parameters)
    codes = model.transform(items)
    np.testing.assert_allclose(
        decode(read(tmp_path), codes), model.inverse_transform(codes), atol=2e-6, rtol=1e-5
    )


OTHERS = {
    "convolutional": (
        "AutoEncoder",
        {"layers": "convolutional", "hidden": [2], "epochs": 1, "device": "cpu"},
        X,
    ),
    "capsules": (
        "AutoEncoder",
        {"layers": "capsules", "code": "pose", "hidden": [4], "epochs": 1, "device": "cpu"},
        X,
    ),
    "kernels": ("KernelPCA", {"landmarks": 20}, X),
    "clipped kernels": ("KernelPCA", {"landmarks": 20, "clip": [0, 1]}, X),
    "whitened": ("FastICA", {}, X),
    "weighted words": ("PCA", {"weighting": "log"}, COUNTS),
    "no code": ("Mean", {}, X),
}


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_other_decoders_are_not_said_to_be_dense(case, tmp_path):
    estimator, parameters, items = case
    (model,) = models.fit_seeds(build(estimator, 3, parameters), items, [1])
    models.save(model, tmp_path, estimator, 3, parameters)
    assert "decoder" not in json.loads((tmp_path / "model.json").read_text())
    assert read(tmp_path) is None
