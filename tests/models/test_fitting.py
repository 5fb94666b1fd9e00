"""Greedy pretraining, and that all parts can be stacked over seeds."""

import numpy as np
import pytest
import torch

from aebench.models import AutoEncoder, fitting
from aebench.models.fitting import fit_together
from aebench.training import loop


def pixels(n=90, n_features=25, seed=0):
    random = np.random.default_rng(seed)
    prototypes = random.random((4, n_features))
    noisy = prototypes[np.arange(n) % 4] + random.normal(0, 0.05, (n, n_features))
    return noisy.clip(0, 1).astype(np.float32)


SMALL = {"code_size": 6, "hidden": (12, 8), "epochs": 2, "batch_size": 30, "device": "cpu"}
GREEDY = {"pretraining_epochs": 2, "pretraining_batch_size": 30}


def make(**parameters):
    return AutoEncoder(**{**SMALL, "random_state": 0, **parameters})


# ------------------------------------------------------------------ pretraining


class Watched:
    """Notes the parts that pretraining trains, the items it gives them, and all weights after."""

    def __init__(self, monkeypatch, model):
        self.model, self.parts, self.items, self.weights = model, [], [], [None]
        self.perturbations = []
        real = loop.adam

        def adam(objectives, inputs, targets, *arguments, **parameters):
            if self.weights[0] is None:
                self.weights[0] = self.now()
            self.items.append(torch.cat([*inputs.blocks()], dim=-2).clone())
            real(objectives, inputs, targets, *arguments, **parameters)
            self.parts.append(objectives[0].network)
            self.perturbations.append(parameters["perturbation"])
            self.weights.append(self.now())

        monkeypatch.setattr(fitting.loop, "adam", adam)

    def now(self):
        return {name: p.clone() for name, p in self.model.network_.state_dict().items()}

    def changed(self, step):
        before, after = self.weights[step : step + 2]
        return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("pretraining", ["autoencoder", "denoising"])
def test_layers_are_trained_one_by_one_on_what_those_below_give(pretraining, tied, monkeypatch):
    X = pixels()
    model = make(pretraining=pretraining, tied=tied, **GREEDY, epochs=0)
    seen = Watched(monkeypatch, model)
    model.fit(X)
    assert len(seen.parts) == 3
    for step in range(3):
        down, up = f"encoder.{2 * step}", f"decoder.{2 * (2 - step)}"
        expected = {f"{down}.weight", f"{down}.bias", f"{up}.bias"}
        assert seen.changed(step) == expected | (set() if tied else {f"{up}.weight"})
    masked = [(p.corruption, p.level) for p in seen.perturbations]
    assert masked == [("masking", 0.25) if pretraining == "denoising" else ("none", 0.25)] * 3
    h = torch.from_numpy(X)
    for items, part in zip(seen.items, seen.parts, strict=True):
        torch.testing.assert_close(items.expand(1, -1, -1)[0], h)
        with torch.no_grad():
            h = part.encode(h)


def test_the_unrolled_stack_is_its_layers_up_and_down(monkeypatch):
    X = pixels()
    model = make(pretraining="autoencoder", activation="sigmoid", **GREEDY, epochs=0)
    seen = Watched(monkeypatch, model)
    model.fit(X)
    h = torch.from_numpy(X)
    with torch.no_grad():
        for part in seen.parts:
            h = part.encode(h)
        np.testing.assert_allclose(model.transform(X), h.numpy(), rtol=1e-5, atol=1e-6)
        for part in reversed(seen.parts):
            h = part.decode(h)
    codes = model.transform(X)
    np.testing.assert_allclose(model.inverse_transform(codes), h.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pretraining", ["autoencoder", "denoising"])
@pytest.mark.parametrize("activation", ["sigmoid", "silu"])
def test_pretraining_leaves_a_better_start_than_random_weights(pretraining, activation):
    X = pixels(300)
    errors = []
    for kind in ("none", pretraining):
        greedy = {"pretraining": kind, "pretraining_epochs": 30, "pretraining_batch_size": 30}
        model = make(activation=activation, **greedy, learning_rate=0.01, epochs=0).fit(X)
        errors.append(((model.inverse_transform(model.transform(X)) - X) ** 2).sum(1).mean())
    assert errors[1] < 0.5 * errors[0]


def test_fine_tuning_starts_where_pretraining_ended():
    X, starts = pixels(), []
    for epochs in (0, 1):
        model = make(pretraining="autoencoder", **GREEDY, epochs=epochs)
        model.fit(X, on_epoch=lambda m, epoch: starts.append(m.transform(X)) if not epoch else None)
    assert np.array_equal(*starts)


def test_history_names_the_layers():
    model = make(pretraining="denoising", **GREEDY).fit(pixels())
    whole = [(row.metric, row.epoch) for row in model.history_ if row.epoch == int(row.epoch)]
    layers = [f"pretraining_{layer}_loss" for layer in (1, 2, 3)]
    assert whole == [(metric, epoch) for metric in [*layers, "loss"] for epoch in (1, 2)]


BINARY = {"code": "binary", "code_noise": 4.0}
QUANTISED = {"code": "quantised", "codebook_size": 8, "penalties": {"quantisation": 1.0}}
GAUSSIAN = {"code": "gaussian", "penalties": {"prior": 0.1}}


@pytest.mark.parametrize("code", [BINARY, QUANTISED, GAUSSIAN], ids=lambda code: code["code"])
def test_the_code_is_pretrained_with_its_noise_and_its_penalties(code, monkeypatch):
    """Bits have no gradient without noise, codebooks none without their penalty."""
    model = make(pretraining="autoencoder", **GREEDY, epochs=0, **code)
    seen = Watched(monkeypatch, model)
    model.fit(pixels())
    assert [p.noise_width for p in seen.perturbations] == [0, 0, model.network_.code.noise_width]
    assert "encoder.4.weight" in seen.changed(2)
    assert ("code.codebook" in seen.changed(2)) == (code is QUANTISED)


# ------------------------------------------------------------------ all the parts

PARTS = {
    "tied": {"tied": True},
    "tied, pretrained": {"tied": True, "pretraining": "denoising", **GREEDY},
    "stacked": {"pretraining": "autoencoder", "activation": "sigmoid", **GREEDY},
    "gaussian corruption": {"corruption": "gaussian"},
    "masking": {"corruption": "masking"},
    "salt-and-pepper": {"corruption": "salt-and-pepper"},
    "corrupted, conjugate gradients": {
        "corruption": "masking",
        "optimizer": "conjugate_gradients",
        "penalties": {"l2": 0.01},
    },
    "l1 and l2": {"penalties": {"l1": 0.1, "l2": 0.01}},
    "kl": {"code": "sigmoid", "penalties": {"kl": 1.0}},
    "k-sparse": {"code": "k-sparse", "sparsity": 0.4},
    "contractive, deep": {"penalties": {"contractive": 0.1}, "code": "tanh"},
    "contractive, one layer": {"hidden": (), "penalties": {"contractive": 0.1}, "code": "sigmoid"},
    "sparse, denoising": {"code": "relu", "penalties": {"l1": 0.1}, "corruption": "masking"},
    "saturating": {"code": "shrink", "penalties": {"saturation": 0.1}},
    "noisy": {"code": "sigmoid", "code_noise": 0.5},
    "binary": {**BINARY, "pretraining": "autoencoder", **GREEDY},
    "variational": GAUSSIAN,
    "quantised": QUANTISED,
    "convolutional": {"layers": "convolutional", "hidden": (3, 4)},
    "convolutional, contractive": {
        "layers": "convolutional",
        "hidden": (3,),
        "penalties": {"contractive": 0.1},
    },
    "capsules": {"layers": "capsules", "code": "pose", "hidden": (4,), "furthest_shift": 1},
    "optimised": {"inference": "optimised", "hidden": ()},
}


@pytest.mark.parametrize("name", PARTS)
def test_all_parts_stacked_over_seeds_equal_each_alone(name):
    """The path of a GPU, on the CPU: only rounding differs."""
    X = pixels()
    alone = make(**PARTS[name]).fit_seeds(X, [0, 1, 2])
    together = [make(**{**PARTS[name], "random_state": seed}) for seed in (0, 1, 2)]
    for model in together:
        model.n_features_in_ = X.shape[1]
    fit_together(together, *together[0]._resident(X))
    for one, own in zip(alone, together, strict=True):
        values = [[row.value for row in model.history_] for model in (one, own)]
        np.testing.assert_allclose(*values, rtol=1e-4)
    losses = {model.history_[-1].value for model in together}
    assert len(losses) == 3


@pytest.mark.parametrize("name", PARTS)
def test_all_parts_come_back_from_their_files(name, tmp_path):
    X = pixels()
    model = make(**{**PARTS[name], "epochs": 0.3}).fit(X)
    model.save(tmp_path)
    back = AutoEncoder.load(tmp_path, device="cpu")
    codes = model.transform(X)
    assert np.array_equal(back.transform(X), codes)
    assert np.array_equal(back.inverse_transform(codes), model.inverse_transform(codes))
