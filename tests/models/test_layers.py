"""Encoders and decoders: tied weights, convolutions, capsules."""

import numpy as np
import pytest
import torch
from torch import nn

from aebench.errors import ParameterError
from aebench.models import AutoEncoder
from aebench.models.layers import Transposed, capsules, convolutional, dense, image_side
from aebench.models.network import Network, initialise


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def fill(*modules):
    """Weights by chance, of variance 1/fan-in, biases too."""
    with torch.no_grad():
        for parameter in (p for module in modules for p in module.parameters()):
            width = parameter[0].numel() if parameter.ndim > 1 else 10
            parameter.copy_(draw(*parameter.shape) / width**0.5)


def pixels(n=90, n_features=20, seed=0):
    random = np.random.default_rng(seed)
    prototypes = random.random((4, n_features))
    noisy = prototypes[np.arange(n) % 4] + random.normal(0, 0.05, (n, n_features))
    return noisy.clip(0, 1).astype(np.float32)


# -------------------------------------------------------------------- dense, tied


def test_dense_layers_are_mirrored_with_the_activation_between_them():
    encoder, decoder = dense(7, [5, 4], 6, 3, "tanh")
    kinds = [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert [type(part) for part in encoder] == [type(part) for part in decoder] == kinds
    shapes = [tuple(layer.weight.shape) for layer in (*encoder[::2], *decoder[::2])]
    assert shapes == [(5, 7), (4, 5), (6, 4), (4, 3), (5, 4), (7, 5)]


def test_tied_weights_stay_the_encoders_transposes(tmp_path):
    X = pixels()
    model = AutoEncoder(3, (12, 6), tied=True, epochs=3, batch_size=30, random_state=0)
    model.set_params(device="cpu").fit(X)
    network = model.network_
    down = [part for part in network.encoder if isinstance(part, nn.Linear)]
    up = [part for part in network.decoder if isinstance(part, Transposed)]
    assert len(up) == len(down) == 3
    codes = model.transform(X)
    h = torch.from_numpy(codes)
    with torch.no_grad():
        for place, (below, above) in enumerate(zip(reversed(down), up, strict=True)):
            h = h @ below.weight + above.bias
            h = h if place == 2 else nn.functional.silu(h)
    np.testing.assert_allclose(model.inverse_transform(codes), h.numpy(), rtol=1e-5, atol=1e-6)
    weights = 20 * 12 + 12 * 6 + 6 * 3
    assert model.parameters_count_ == weights + (12 + 6 + 3) + (6 + 12 + 20)
    assert all((part.bias != 0).any() for part in up)
    model.save(tmp_path)
    back = AutoEncoder.load(tmp_path, device="cpu")
    assert np.array_equal(back.transform(X), codes)
    assert np.array_equal(back.inverse_transform(codes), model.inverse_transform(codes))
    assert back.parameters_count_ == model.parameters_count_


def test_both_halves_move_a_tied_weight():
    """Its gradient is the sum of the gradients that two untied ones would have."""
    tied, untied = dense(5, [], 3, 3, "tanh", tied=True), dense(5, [], 3, 3, "tanh")
    fill(*tied)
    with torch.no_grad():
        untied[0][0].weight.copy_(tied[0][0].weight)
        untied[1][0].weight.copy_(tied[0][0].weight.T)
        for half, own in zip(untied, tied, strict=True):
            half[0].bias.copy_(own[0].bias)
    x = draw(8, 5)
    for encoder, decoder in (tied, untied):
        (decoder(torch.tanh(encoder(x))) - x).square().sum().backward()
    expected = untied[0][0].weight.grad + untied[1][0].weight.grad.T
    torch.testing.assert_close(tied[0][0].weight.grad, expected)


# ----------------------------------------------------------------- convolutions


@pytest.mark.parametrize("side", [28, 25, 7, 6, 5, 3, 2, 1])
@pytest.mark.parametrize("hidden", [[3], [3, 4], [3, 4, 5]])
def test_images_of_every_side_come_back_in_their_shape(side, hidden):
    encoder, decoder = convolutional(side * side, hidden, 7, 6, "relu")
    fill(encoder, decoder)
    with torch.no_grad():
        assert encoder(draw(2, side * side)).shape == (2, 7)
        images = decoder[:-1](draw(2, 6))
        assert images.shape == (2, 1, side, side)
        assert decoder(draw(2, 6)).shape == (2, side * side)


def test_each_layer_halves_the_image_rounded_up():
    encoder, _ = convolutional(25 * 25, [2, 3, 4], 6, 6, "relu")
    fill(encoder)
    x, sides = draw(1, 625), []
    for part in encoder:
        x = part(x)
        if isinstance(part, nn.Conv2d):
            sides.append(tuple(x.shape[1:]))
    assert sides == [(2, 13, 13), (3, 7, 7), (4, 4, 4)]


@pytest.mark.parametrize("down", [0, 4])
def test_the_maps_of_moved_images_are_moved_maps(down):
    """Translation equivariance, away from the borders: two layers move by a quarter."""
    encoder, _ = convolutional(28 * 28, [3, 4], 6, 6, "tanh")
    fill(encoder)
    maps = encoder[:-2]  # without flattening and the linear layer
    image = torch.zeros(1, 28, 28)
    image[:, 8:17, 8:17] = draw(1, 9, 9)
    moved = image.roll((down, 4), dims=(1, 2))
    with torch.no_grad():
        here, there = maps(image.flatten(1)), maps(moved.flatten(1))
    inside = slice(2, 5)
    expected = here[..., inside, inside]
    rows = slice(2 + down // 4, 5 + down // 4)
    torch.testing.assert_close(there[..., rows, 3:6], expected)
    assert not torch.allclose(there[..., inside, inside], expected, atol=1e-2)


def test_transposed_convolutions_start_with_outputs_of_unit_variance():
    """Of the layers behind no rectifier, wherever a pixel lies: averaged over the image."""
    network, parts = network_of(layers="convolutional", hidden=(8, 16), n_features=28 * 28)
    initialise(network, "kaiming", "tanh", torch.zeros(784), torch.Generator().manual_seed(0))
    for layer in parts(nn.ConvTranspose2d):
        inputs = draw(200, layer.in_channels, 7, 7)
        with torch.no_grad():
            inner = layer(inputs)[..., 2:-2, 2:-2]
        assert float(inner.var()) == pytest.approx(1, rel=0.15)
    for layer in parts(nn.Conv2d):
        with torch.no_grad():
            assert float(layer(draw(200, layer.in_channels, 9, 9)).var()) == pytest.approx(
                1, rel=0.35
            )


def network_of(n_features=20, **parameters):
    estimator = AutoEncoder(**{"code_size": 6, "hidden": (8,), "activation": "tanh", **parameters})
    estimator.n_features_in_ = n_features
    network = Network.of(estimator)
    return network, lambda kind: [part for part in network.modules() if isinstance(part, kind)]


def test_images_that_are_not_square_are_refused():
    assert image_side(784) == 28
    with pytest.raises(ParameterError, match="there are 20 features; convolutional layers and"):
        AutoEncoder(2, (4,), layers="convolutional", epochs=1).fit(pixels())


# --------------------------------------------------------------------- capsules


def test_a_capsule_sees_the_image_and_draws_by_itself():
    """A capsule's three numbers decide its own part of the image, the sum of all parts."""
    encoder, decoder = capsules(25, [4], 9, 9, "sigmoid")
    fill(encoder, decoder)
    code = draw(3, 9)
    with torch.no_grad():
        assert encoder(draw(3, 25)).shape == (3, 9)
        bias = decoder[0].image.bias
        whole = decoder(code) - bias
        alone = []
        for capsule in range(3):
            only = code.clone().unflatten(1, (3, 3))
            only[:, [c for c in range(3) if c != capsule], 0] = 0  # the others are absent
            alone.append(decoder(only.flatten(1)) - bias)
    torch.testing.assert_close(sum(alone), whole)
    assert all((part != 0).any() for part in alone)


def test_what_a_capsule_draws_is_proportional_to_its_presence():
    _, decoder = capsules(25, [4], 3, 3, "sigmoid")
    fill(decoder)
    code = draw(5, 3)
    doubled = code * torch.tensor([2.0, 1.0, 1.0])
    with torch.no_grad():
        bias = decoder[0].image.bias
        torch.testing.assert_close(decoder(doubled) - bias, 2 * (decoder(code) - bias))


def test_recognition_units_belong_to_one_capsule():
    encoder, _ = capsules(25, [4], 9, 9, "sigmoid")
    fill(encoder)
    x = draw(3, 25)
    with torch.no_grad():
        before = encoder(x)
        encoder[0].weight[:4] += 1  # of the first capsule's units
        changed = (encoder(x) != before).all(0)
    assert changed.tolist() == [True] * 3 + [False] * 6
