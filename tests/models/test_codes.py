"""The code layer: what each kind of unit gives in training and what is kept."""

import numpy as np
import pytest
import torch

from aebench.models import AutoEncoder, codes


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def pixels(n=200, n_features=20, seed=0):
    random = np.random.default_rng(seed)
    prototypes = random.random((4, n_features))
    noisy = prototypes[np.arange(n) % 4] + random.normal(0, 0.05, (n, n_features))
    return noisy.clip(0, 1).astype(np.float32)


def fitted(**parameters):
    small = {"hidden": (12,), "epochs": 3, "batch_size": 20, "device": "cpu", "random_state": 0}
    return AutoEncoder(**{"code_size": 6, **small, **parameters}).fit(pixels())


def inputs_of(model, X):
    with torch.no_grad():
        return model.network_.encoder(torch.from_numpy(X))


# -------------------------------------------------------- functions of one unit


def test_shrinking_and_saturated_units():
    x = torch.tensor([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    assert codes.shrink(x).tolist() == [-2, 0, 0, 0, 0, 0, 2]
    assert codes.saturated_linear(x).tolist() == [-1, -1, -0.5, 0, 0.5, 1, 1]


@pytest.mark.parametrize("kind", codes.POINTWISE)
def test_noise_is_added_to_the_input_of_a_unit_in_training_alone(kind):
    code, x, noise = codes.make(kind, 6, 0.5, 0.1, 4), draw(9, 6), draw(9, 6, seed=1)
    assert code.noise_width == 6
    assert torch.equal(code(x), codes.POINTWISE[kind](x))
    assert torch.equal(code(x, noise), codes.POINTWISE[kind](x + 0.5 * noise))
    assert codes.make(kind, 6, 0.0, 0.1, 4).noise_width == 0


# ---------------------------------------------------------------------- binary


def test_binary_units_are_bits_when_kept_and_noisy_logistic_ones_in_training():
    code, x, noise = codes.make("binary", 6, 4.0, 0.1, 4), draw(50, 6), draw(50, 6, seed=1)
    assert torch.equal(code(x), (x > 0).float())
    torch.testing.assert_close(code(x, noise), torch.sigmoid(x + 4 * noise))


def test_a_binary_code_is_kept_as_uint8():
    model, X = fitted(code="binary", code_noise=4.0), pixels()
    kept = model.transform(X)
    assert kept.dtype == np.uint8
    np.testing.assert_array_equal(kept, inputs_of(model, X).numpy() > 0)
    assert 0 < kept.mean() < 1
    assert model.inverse_transform(kept).shape == X.shape


def test_noise_drives_units_to_0_or_1():
    """As training goes on, ever fewer logistic units lie between 0.1 and 0.9."""
    X, between = pixels(), []

    def watch(model, epoch):
        active = inputs_of(model, X).sigmoid()
        between.append(float(((active > 0.1) & (active < 0.9)).float().mean()))

    model = AutoEncoder(4, (12,), code="binary", code_noise=4.0, epochs=30, batch_size=20)
    model.set_params(device="cpu", random_state=0, learning_rate=0.02).fit(X, on_epoch=watch)
    assert between[0] > 0.9
    assert between[-1] < 0.3
    without = AutoEncoder(4, (12,), code="sigmoid", epochs=30, batch_size=20)
    without.set_params(device="cpu", random_state=0, learning_rate=0.02).fit(X)
    active = without.transform(X)
    assert between[-1] < 0.5 * ((active > 0.1) & (active < 0.9)).mean()


# -------------------------------------------------------------------- k-sparse


@pytest.mark.parametrize("x", [draw(30, 50), torch.zeros(30, 50) + 0.5], ids=["spread", "ties"])
def test_exactly_k_units_are_kept_and_they_are_the_largest(x):
    code = codes.make("k-sparse", 50, 0.0, 0.1, 4)
    kept = code(x)
    assert ((kept != 0).sum(1) == 5).all()
    assert torch.equal(kept[kept != 0], x[kept != 0])
    torch.testing.assert_close(kept.sum(1), x.sort(1, descending=True).values[:, :5].sum(1))


def test_gradients_reach_the_kept_units_alone():
    x = draw(7, 20).requires_grad_()
    kept = codes.make("k-sparse", 20, 0.0, 0.15, 4)(x)
    (gradient,) = torch.autograd.grad(kept.sum(), x)
    assert torch.equal(gradient, (kept != 0).float())


def test_a_small_share_keeps_one_unit():
    kept = codes.make("k-sparse", 10, 0.0, 0.01, 4)(draw(4, 10))
    assert ((kept != 0).sum(1) == 1).all()


# -------------------------------------------------------------------- gaussian


def test_draws_of_a_gaussian_code_have_the_mean_and_the_variance():
    code = codes.make("gaussian", 3, 0.0, 0.1, 4)
    mean, variance = torch.tensor([1.0, -2.0, 0.0]), torch.tensor([0.25, 1.0, 4.0])
    inputs = torch.cat([mean, variance.log()]).expand(100_000, -1)
    drawn = code(inputs, draw(100_000, 3))
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.03, rtol=0)
    torch.testing.assert_close(drawn.var(0), variance, atol=0, rtol=0.03)


def test_of_a_gaussian_code_the_means_are_kept():
    model, X = fitted(code="gaussian", penalties={"prior": 0.01}), pixels()
    inputs = inputs_of(model, X)
    assert inputs.shape == (200, 12)
    np.testing.assert_array_equal(model.transform(X), inputs[:, :6].numpy())


# ------------------------------------------------------------------- quantised


def quantised(code_size=6, entries=16):
    code = codes.make("quantised", code_size, 0.0, 0.1, entries)
    with torch.no_grad():
        code.codebook.copy_(draw(*code.codebook.shape, seed=3))
    return code


@pytest.mark.parametrize(("code_size", "width"), [(6, 2), (5, 1)])
def test_each_group_becomes_the_nearest_entry_of_its_codebook(code_size, width):
    code, x = quantised(code_size), draw(40, code_size)
    found = code(x)
    for item in range(40):
        for group in range(code_size // width):
            own = slice(group * width, (group + 1) * width)
            distances = (code.codebook[group] - x[item, own]).square().sum(1)
            assert torch.equal(found[item, own], code.codebook[group, distances.argmin()])


def test_gradients_pass_straight_through_to_the_encoder_and_not_to_the_codebook():
    code, x, weights = quantised(), draw(8, 6).requires_grad_(), draw(8, 6, seed=1)
    of_inputs, of_codebook = torch.autograd.grad(
        (code(x) * weights).sum(), [x, code.codebook], allow_unused=True
    )
    assert torch.equal(of_inputs, weights)
    assert of_codebook is None


def test_a_quantised_code_has_no_more_values_than_entries():
    """To the bit: codes are stored as the entries they are."""
    X = pixels(400)
    model = fitted(code="quantised", codebook_size=4, penalties={"quantisation": 1.0}, code_size=2)
    assert 1 < len(np.unique(model.transform(X), axis=0)) <= 4
    entries = model.network_.code.codebook.detach().numpy()[0]
    assert {*map(tuple, model.transform(X))} <= {*map(tuple, entries)}


# ------------------------------------------------------------------------ pose


def test_a_shift_moves_the_positions_of_all_capsules_by_exactly_it():
    code, x = codes.make("pose", 9, 0.0, 0.1, 4), draw(5, 9)
    shift = torch.tensor([[1.0, -2.0]]).expand(5, -1)
    still, moved = code(x), code(x, shift)
    capsules = (moved - still).unflatten(1, (3, 3))
    assert (capsules[..., 0] == 0).all()
    torch.testing.assert_close(capsules[..., 1], torch.ones(5, 3))
    torch.testing.assert_close(capsules[..., 2], -2 * torch.ones(5, 3))
    presence = still.unflatten(1, (3, 3))[..., 0]
    torch.testing.assert_close(presence, torch.sigmoid(x.unflatten(1, (3, 3))[..., 0]))
