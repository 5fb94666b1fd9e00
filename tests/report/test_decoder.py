"""The live decoder: which models it shows, and what 8 bits change."""

import base64
import json
import math
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from aebench import datasets, models
from aebench.errors import AebenchError
from aebench.metrics.sampling import in_rounds
from aebench.report import live_decoder
from aebench.report.decoder import Layer, decode, decode_int8, packed, quantise, read
from aebench.report.results import read as read_results

from .conftest import CONFIG, ROLES, add_models, write_results


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Results whose `pca` and `deep` have models; `deep-rbm`, which scores best, has none."""
    return add_models(write_results(tmp_path_factory.mktemp("results") / "results"))


@pytest.fixture
def folder(made, tmp_path):
    """A copy to change."""
    return shutil.copytree(made, tmp_path / "results")


def results_of(folder):
    return read_results(folder, ROLES, CONFIG["code_sizes"])


def run_of(folder, variant="deep", size=5, seed=0):
    return folder / "mnist" / variant / f"d{size}" / f"seed-{seed}"


def some_layers(activation, last="sigmoid"):
    rng = np.random.default_rng(4)
    sizes = [(6, 3), (5, 6)]
    return [
        Layer(
            rng.normal(size=size).astype(np.float32),
            rng.normal(size=size[0]).astype(np.float32),
            kind,
        )
        for size, kind in zip(sizes, (activation, last), strict=True)
    ]


# ---------------------------------------------------------------- int8


def test_a_rounded_weight_is_off_by_half_a_step_at_most():
    for layer, small in zip(some_layers("relu"), quantise(some_layers("relu")), strict=True):
        back = small.weight * small.scale[:, None]
        assert small.weight.dtype == np.int8
        assert (np.abs(back - layer.weight) <= 0.5001 * small.scale[:, None]).all()
        assert (np.abs(small.weight).max(axis=1) == 127).all()


def test_a_unit_without_weights_stays_one():
    layer = Layer(np.zeros((2, 3), np.float32), np.ones(2, np.float32), "linear")
    assert decode_int8(quantise([layer]), np.ones((1, 3))).tolist() == [[1.0, 1.0]]


SCALAR = {
    "linear": lambda x: x,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "relu": lambda x: x if x > 0 else 0.0,
    "silu": lambda x: x / (1 + math.exp(-x)),
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
    "clip": lambda x: min(max(x, 0.0), 1.0),
}


@pytest.mark.parametrize("activation", SCALAR)
def test_decoding_is_what_a_page_would_do_number_by_number(activation):
    """From the packed form alone, in plain Python."""
    small = quantise(some_layers(activation))
    x = [0.3, -1.2, 2.0]
    expected = decode_int8(small, np.array([x]))[0]
    for layer in packed(small):
        weight = np.frombuffer(base64.b64decode(layer["weight"]), np.int8)
        scale, bias = (np.frombuffer(base64.b64decode(layer[k]), "<f4") for k in ("scale", "bias"))
        assert (layer["inputs"], layer["outputs"]) == (len(x), len(bias))
        sums = [
            sum(int(w) * v for w, v in zip(weight[unit * len(x) :], x, strict=False))
            for unit in range(len(bias))
        ]
        function = SCALAR[layer["activation"]]
        x = [function(s * float(k) + float(b)) for s, k, b in zip(sums, scale, bias, strict=True)]
    np.testing.assert_allclose(x, expected, rtol=1e-12, atol=1e-14)


def test_8_bits_change_little_and_the_page_says_how_much(made):
    live = live_decoder.part(results_of(made), "mnist")
    test = datasets.read(made / "mnist" / "data.npz").test
    for model in live.models:
        fitted = models.load(run_of(made, model.variant))
        codes = fitted.transform(test)
        small = quantise(read(run_of(made, model.variant)))
        difference = np.abs(decode_int8(small, codes) - fitted.inverse_transform(codes))
        assert 0 < difference.max() < 0.03
        assert model.cost.largest_difference == pytest.approx(difference.max(), abs=1e-5)
        assert model.cost.mean_difference == pytest.approx(difference.mean(), abs=1e-5)
        error = ((fitted.inverse_transform(codes) - test) ** 2).sum(axis=1).mean()
        assert model.cost.squared_error == pytest.approx(error, rel=1e-4)
        assert model.cost.squared_error_int8 == pytest.approx(error, rel=1e-2)


# ---------------------------------------------------------------- choice


def chosen(folder):
    runs = live_decoder.chosen(results_of(folder), "mnist")
    return [(run.variant, run.code_size, run.seed) for run in runs]


def test_the_best_autoencoder_with_a_dense_decoder_stands_beside_pca(made):
    assert chosen(made) == [("deep", 5, 0), ("pca", 5, 0)]


def test_of_two_autoencoders_the_one_of_less_error_is_shown(folder):
    shutil.copytree(run_of(folder), run_of(folder, "deep-rbm"), dirs_exist_ok=True)
    assert chosen(folder)[0] == ("deep-rbm", 5, 0)


@pytest.mark.parametrize("lack", ["model", "units by themselves", "size", "codes"])
def test_a_size_at_which_one_of_them_cannot_be_run_is_passed_over(folder, lack):
    run = run_of(folder, "pca")
    if lack == "model":
        (run / "model.json").unlink()
    elif lack == "codes":
        (run / "codes.npz").unlink()
    elif lack == "size":
        shutil.copytree(run_of(folder, "pca", 2), run, dirs_exist_ok=True)
    else:
        said = json.loads((run / "model.json").read_text())
        said["decoder"]["layers"][-1]["activation"] = "softmax"
        (run / "model.json").write_text(json.dumps(said))
    assert chosen(folder) == [("deep", 2, 0), ("pca", 2, 0)]


@pytest.mark.parametrize("last", ["linear", "clip", "sigmoid", "two layers"])
def test_a_baseline_adds_up_one_pattern_for_each_unit(folder, last):
    said = json.loads((run_of(folder, "pca") / "model.json").read_text())
    if last == "two layers":
        shutil.copytree(run_of(folder), run_of(folder, "pca"), dirs_exist_ok=True)
    else:
        said["decoder"]["layers"][-1]["activation"] = last
        (run_of(folder, "pca") / "model.json").write_text(json.dumps(said))
    size = 5 if last in ("linear", "clip") else 2
    assert chosen(folder) == [("deep", size, 0), ("pca", size, 0)]


def test_many_units_are_shown_only_at_the_main_code_size(folder, monkeypatch):
    monkeypatch.setattr(live_decoder, "MOST_UNITS", 4)
    assert chosen(folder)[0] == ("deep", 2, 0)
    (run_of(folder, "pca", 2) / "model.json").unlink()
    assert chosen(folder)[0] == ("deep", 5, 0)


def test_without_models_it_says_why(tmp_path):
    live = live_decoder.part(results_of(write_results(tmp_path / "results")), "mnist")
    assert "dense layers" in live.why
    assert not live.models


def test_words_do_not_get_one(made):
    assert live_decoder.part(results_of(made), "20newsgroups") is None


@pytest.mark.parametrize("damage", ["tensor", "activation", "file", "shape", "none"])
def test_a_decoder_that_is_not_there_is_one_clear_error(folder, damage):
    run = run_of(folder)
    said = json.loads((run / "model.json").read_text())
    if damage == "file":
        (run / "model.safetensors").unlink()
    elif damage == "tensor":
        save_file({"other": np.zeros(1)}, run / "model.safetensors")
    elif damage == "shape":
        said["decoder"]["layers"][1]["transposed"] = True
    elif damage == "none":
        said["decoder"]["layers"] = []
    else:
        said["decoder"]["layers"][0]["activation"] = "unheard"
    (run / "model.json").write_text(json.dumps(said))
    with pytest.raises(AebenchError, match="cannot read the decoder in"):
        chosen(folder)


# ---------------------------------------------------------------- payload


def test_shown_images_come_in_rounds_over_the_classes(made):
    live = live_decoder.part(results_of(made), "mnist")
    assert live.images == [("zero", "one", "two")[n % 3] for n in range(live_decoder.MOST_IMAGES)]


def test_images_of_several_classes_and_of_none_have_names(made):
    results = results_of(made)
    items = results.items("mnist")
    items.test_labels = np.eye(4, dtype=np.uint8)[items.test_labels] | np.array([0, 0, 1, 1], "u1")
    items.test_labels[5] = 0
    found = live_decoder.part(results, "mnist").images
    assert set(found) == {"zero, two, class 3", "one, two, class 3", "two, class 3", "no class"}


def test_sliders_reach_every_shown_image_and_dead_units_can_be_turned():
    codes = np.zeros((1000, 2), np.float32)
    codes[:, 0] = np.linspace(-1, 1, 1000)
    (low, high, start), (dead_low, dead_high, _) = live_decoder.ranges(
        codes, np.array([[3, 0], [0, 0]], np.float32)
    )
    assert (low, high, start) == (pytest.approx(-0.99, abs=1e-3), 3, 3)
    assert dead_low < 0 < dead_high


def test_the_payload_is_small_and_the_same_every_time(made):
    first, second = (live_decoder.part(results_of(made), "mnist") for _ in range(2))
    assert first.payload == second.payload
    weights = sum(model.weights for model in first.models)
    assert weights == (5 * 16 + 16 * 32 + 32 * 64) + 5 * 64
    assert len(json.dumps(first.payload)) < 4 / 3 * weights + 10_000


def test_starting_codes_are_those_of_the_shown_images(made):
    live = live_decoder.part(results_of(made), "mnist")
    data = datasets.read(made / "mnist" / "data.npz")
    shown = in_rounds(data.test_labels, live_decoder.MOST_IMAGES)
    for model in live.models:
        codes = np.frombuffer(base64.b64decode(model.payload["codes"]), "<f4").reshape(-1, 5)
        layers = read(run_of(made, model.variant))
        fitted = models.load(run_of(made, model.variant))
        expected = fitted.inverse_transform(fitted.transform(data.test[shown]))
        np.testing.assert_allclose(decode(layers, codes), expected, atol=1e-4)


def test_the_page_says_why_there_is_none(rendered):
    page = (rendered[1] / "index.html").read_text()
    assert page.count("Nothing to turn here: no autoencoder has") == 1
    assert "decoder-data" not in page
