"""What is saved is read back, whatever the estimator."""

import json

import numpy as np
import pytest
import scipy.sparse
from safetensors.numpy import load_file

from aebench import models
from aebench.errors import ParameterError
from aebench.models import build, fit_seeds

random = np.random.default_rng(0)
X = random.random((80, 20)).astype(np.float32)
COUNTS = scipy.sparse.csr_matrix(random.poisson(1.0, (80, 20)).astype(np.float32))

CASES = {
    "AutoEncoder": ("AutoEncoder", {"hidden": [8, 5], "epochs": 1, "device": "cpu"}, X),
    "FastICA": ("FastICA", {}, X),
    "HyperplaneHashing": ("HyperplaneHashing", {"weighting": "tfidf"}, COUNTS),
    "Identity": ("Identity", {}, X),
    "KernelPCA": (
        "KernelPCA",
        {"landmarks": 30, "clip": [0, 1], "tune": {"alpha": [1e-3, 1.0]}},
        X,
    ),
    "Mean": ("Mean", {}, X),
    "NMF": ("NMF", {"tol": 0.1}, X),
    "NMF of counts": ("NMF", {"beta_loss": "kullback-leibler", "solver": "mu"}, COUNTS),
    "PCA": ("PCA", {"clip": [0, 1]}, X),
    "PCA of counts": ("PCA", {"weighting": "log"}, COUNTS),
    "RandomProjection": ("RandomProjection", {}, X),
    "RotationHashing": ("RotationHashing", {"weighting": "tfidf"}, COUNTS),
    "SignHashing": ("SignHashing", {"weighting": "log"}, COUNTS),
    "TopicModel": ("TopicModel", {}, COUNTS),
    "TruncatedSVD": ("TruncatedSVD", {"weighting": "tfidf"}, COUNTS),
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def saved(request, tmp_path):
    """A fitted estimator, the items it was fitted on, the folder it was saved into."""
    estimator, parameters, items = request.param
    size = items.shape[1] if estimator == "Identity" else 3
    (model,) = fit_seeds(build(estimator, size, parameters), items, [1])
    models.save(model, tmp_path, estimator, size, parameters)
    return model, items, tmp_path


def test_every_estimator_is_tried():
    assert {estimator for estimator, _, _ in CASES.values()} >= set(models.ESTIMATORS)


def test_it_transforms_as_before(saved):
    model, items, folder = saved
    again = models.load(folder)
    codes = model.transform(items)
    found = again.transform(items)
    assert found.dtype == codes.dtype
    # Arrays come back in the order of rows: sums may differ in their last bits.
    np.testing.assert_allclose(found, codes, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        again.inverse_transform(codes), model.inverse_transform(codes), rtol=1e-5, atol=1e-6
    )


def test_saving_again_gives_the_same_bytes(saved, tmp_path_factory):
    model, _, folder = saved
    second = tmp_path_factory.mktemp("again")
    facts = json.loads((folder / "model.json").read_text())
    size = facts.get("code_size", 3)
    models.save(model, second, facts["estimator"], size, facts["parameters"])
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]
    for path in folder.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_arrays_and_what_was_chosen_can_be_read_without_us(tmp_path):
    parameters = {"clip": [0, 1], "tune": {"whiten": [False]}}
    model = build("PCA", 2, parameters).fit(X)
    size = models.save(model, tmp_path, "PCA", 2, parameters)
    arrays = load_file(tmp_path / "model.safetensors")
    fitted = model.best_estimator_.estimator_
    assert np.array_equal(arrays["estimator_.components_"], fitted.components_)
    assert size == sum(array.size for array in arrays.values())
    facts = json.loads((tmp_path / "model.json").read_text())
    assert facts["estimator"] == "PCA"
    assert facts["chosen"] == {"estimator__whiten": False}


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"holds no saved estimator: no model\.json in it"):
        models.load(tmp_path)


@pytest.mark.parametrize("estimator", ["PCA", "AutoEncoder"])
@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_damaged_model_is_refused(tmp_path, estimator, name):
    parameters = {"hidden": [4], "epochs": 1} if estimator == "AutoEncoder" else {}
    models.save(build(estimator, 2, parameters).fit(X), tmp_path, estimator, 2, parameters)
    damaged = bytearray((tmp_path / name).read_bytes())
    (tmp_path / name).write_bytes(damaged[: len(damaged) // 2])
    with pytest.raises(ParameterError, match=r"cannot be read .*; train it again"):
        models.load(tmp_path)


@pytest.mark.promise(
    "Faults", "Weights of which a bit changed after they were written are refused, not decoded with"
)
@pytest.mark.parametrize("estimator", ["PCA", "AutoEncoder"])
def test_weights_with_a_flipped_bit_are_refused(tmp_path, measured, estimator):
    parameters = {"hidden": [4], "epochs": 1} if estimator == "AutoEncoder" else {}
    models.save(build(estimator, 2, parameters).fit(X), tmp_path, estimator, 2, parameters)
    models.load(tmp_path)
    file = tmp_path / "model.safetensors"
    whole = file.read_bytes()
    for place in (8, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ParameterError, match=r"not the file that model\.json was written with"):
            models.load(tmp_path)
        measured("faults injected", 1)


def test_hidden_features_lead_to_the_code():
    model = build("AutoEncoder", 3, {"hidden": [8, 5], "epochs": 1, "device": "cpu"}).fit(X)
    features = model.hidden_features(X)
    assert [layer.shape for layer in features] == [(80, 8), (80, 5)]
    last = model.network_.encoder[-1]
    weights, bias = last.weight.detach().numpy(), last.bias.detach().numpy()
    np.testing.assert_allclose(features[-1] @ weights.T + bias, model.transform(X), atol=1e-5)


def test_optimised_codes_reconstruct_better():
    model = build("AutoEncoder", 3, {"hidden": [8], "epochs": 2, "device": "cpu"}).fit(X)
    codes = model.transform(X)
    better = model.optimised_codes(X, codes, codes.std(axis=0))
    errors = [((model.inverse_transform(Z) - X) ** 2).sum(axis=1) for Z in (codes, better)]
    assert (errors[1] <= errors[0] + 1e-5).all()
    assert errors[1].mean() < 0.95 * errors[0].mean()


def test_bounded_codes_are_not_optimised():
    model = build("AutoEncoder", 3, {"hidden": [8], "epochs": 1, "code": "sigmoid"})
    assert not hasattr(model, "optimised_codes")
    assert hasattr(build("AutoEncoder", 3, {}), "optimised_codes")
