"""Restricted Boltzmann machines against the equations written out in numpy."""

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from aebench.console import Progress
from aebench.errors import TrainingError
from aebench.models.network import Network, unroll
from aebench.training import rbm as module
from aebench.training.items import Items
from aebench.training.rbm import Rbm, Recipe, contrastive_divergence, pretrain, train

SILENT = Progress("test", every=float("inf"))
CPU = torch.device("cpu")
KINDS = [("binary", "binary"), ("binary", "gaussian"), ("counts", "binary"), ("counts", "gaussian")]


def data(visible, n=20, n_visible=7, seed=0):
    random = np.random.default_rng(seed)
    values = random.random((n, n_visible)) if visible == "binary" else random.poisson(2.0, (n, 7))
    return values.astype(np.float32)


def machine(visible="binary", hidden="binary", n_visible=7, n_hidden=4, seed=0):
    random = np.random.default_rng(seed)
    shapes = (n_visible, n_hidden), (n_visible,), (n_hidden,)
    weights, *biases = (
        torch.from_numpy(random.normal(0, 0.3, s).astype(np.float32)) for s in shapes
    )
    return Rbm(weights[None], *(bias[None, None] for bias in biases), visible, hidden)


def noise(hidden, shape, generator):
    draws = torch.empty(shape)
    draw = draws.uniform_ if hidden == "binary" else draws.normal_
    return draw(generator=generator).numpy()


def ascend(rbm, v, seed=5):
    """Ascent of each parameter and squared error of one step, for one seed."""
    ascent, error = contrastive_divergence(rbm, v[None], [torch.Generator().manual_seed(seed)])
    return [rise.squeeze() for rise in ascent], error


def numpy_cd1(W, b, c, v, noise, visible, hidden):
    """Mean <v h>_data - <v h>_reconstruction and so on, as rbm.m and rbmhidlinear.m of 2006."""

    def hidden_mean(v):
        return expit(v @ W + c) if hidden == "binary" else v @ W + c

    positive = hidden_mean(v)
    states = (positive > noise).astype(float) if hidden == "binary" else positive + noise
    activation = states @ W.T + b
    if visible == "binary":
        reconstruction = expit(activation)
    else:
        reconstruction = v.sum(1, keepdims=True) * softmax(activation, axis=1)
    negative = hidden_mean(reconstruction)
    dW = (v.T @ positive - reconstruction.T @ negative) / len(v)
    db = (v - reconstruction).mean(0)
    dc = (positive - negative).mean(0)
    return (dW, db, dc), ((v - reconstruction) ** 2).sum()


def numpy_arrays(rbm):
    parameters = (rbm.weights, rbm.visible_bias, rbm.hidden_bias)
    return [p.squeeze().numpy().astype(np.float64) for p in parameters]


@pytest.mark.parametrize(("visible", "hidden"), KINDS)
def test_one_cd1_update_equals_the_equations(visible, hidden):
    rbm, v = machine(visible, hidden), data(visible)
    ascent, error = ascend(rbm, torch.from_numpy(v))
    random = noise(hidden, (20, 4), torch.Generator().manual_seed(5))
    expected, expected_error = numpy_cd1(
        *numpy_arrays(rbm), v.astype(np.float64), random, visible, hidden
    )
    for found, wanted in zip(ascent, expected, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted, rtol=2e-5, atol=2e-6)
    assert float(error) == pytest.approx(expected_error, rel=1e-5)


def test_cd1_leaves_machine_and_data_alone():
    rbm, v = machine(), torch.from_numpy(data("binary"))
    before = [*numpy_arrays(rbm), v.clone().numpy()]
    ascend(rbm, v)
    for old, new in zip(before, [*numpy_arrays(rbm), v.numpy()], strict=True):
        assert (old == new).all()


@pytest.mark.parametrize(("visible", "hidden"), KINDS)
def test_visible_units_are_never_sampled(visible, hidden):
    """The hidden states are all that CD-1 draws: one number for each, nothing more."""
    used, expected = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    v = torch.from_numpy(data(visible))[None]
    contrastive_divergence(machine(visible, hidden), v, [used])
    noise(hidden, (20, 4), expected)
    assert (used.get_state() == expected.get_state()).all()


def test_the_defaults_are_those_of_2006():
    assert Recipe(epochs=50) == Recipe(
        epochs=50,
        batch_size=100,
        learning_rate=0.1,
        weight_cost=2e-4,
        weight_scale=0.1,
        first_momentum=0.5,
        final_momentum=0.9,
        first_momentum_epochs=5,
    )


def numpy_train(rbm, v, recipe, batches, seed):
    """Momentum 0.5 for the first epochs and 0.9 after; weight cost on the weights alone."""
    generator = torch.Generator().manual_seed(seed)
    parameters = numpy_arrays(rbm)
    increments = [np.zeros_like(p) for p in parameters]
    errors = []
    for epoch in range(1, recipe.epochs + 1):
        momentum = 0.9 if epoch > 5 else 0.5
        total = 0.0
        for index in batches:
            random = noise(rbm.hidden, (len(index), len(parameters[2])), generator)
            batch = v[index].astype(np.float64)
            gradient, error = numpy_cd1(*parameters, batch, random, rbm.visible, rbm.hidden)
            cost = (recipe.weight_cost * parameters[0], 0.0, 0.0)
            for p, increment, g, c in zip(parameters, increments, gradient, cost, strict=True):
                increment *= momentum
                increment += recipe.learning_rate * (g - c)
                p += increment
            total += error
        errors.append(total / len(v))
    return parameters, errors


@pytest.mark.parametrize("weight_cost", [2e-4, 0.3])
@pytest.mark.parametrize(("visible", "hidden"), [("binary", "binary"), ("counts", "gaussian")])
def test_training_follows_the_schedule_of_2006(visible, hidden, weight_cost):
    rbm, v = machine(visible, hidden), data(visible)
    rate = 0.1 if visible == "binary" else 0.002
    recipe = Recipe(epochs=8, batch_size=10, learning_rate=rate, weight_cost=weight_cost)
    batches = torch.from_numpy(np.random.default_rng(1).permutation(20).reshape(1, 2, 10))
    expected, expected_errors = numpy_train(rbm, v, recipe, batches[0].numpy(), seed=4)
    recorded = []
    generators = [torch.Generator().manual_seed(4)]
    items = Items(v, CPU)
    train(rbm, items, recipe, batches, generators, SILENT, lambda _, *row: recorded.append(row))
    for found, wanted in zip(numpy_arrays(rbm), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)
    assert [epoch for epoch, _ in recorded] == list(range(1, 9))
    np.testing.assert_allclose([error for _, error in recorded], expected_errors, rtol=1e-4)


def test_a_fraction_of_an_epoch_visits_that_share_of_the_batches(monkeypatch):
    seen = []
    real = contrastive_divergence
    monkeypatch.setattr(
        module,
        "contrastive_divergence",
        lambda r, v, g: seen.append(v[:, 0].clone()) or real(r, v, g),
    )
    v = np.repeat(np.arange(40, dtype=np.float32)[:, None] / 40, 7, axis=1)
    recorded = []
    train(
        machine(),
        Items(v, CPU),
        Recipe(epochs=1.5, batch_size=10),
        torch.arange(40).view(1, 4, 10),
        [torch.Generator().manual_seed(0)],
        SILENT,
        lambda _, epoch, error: recorded.append(epoch),
    )
    assert len(seen) == 6
    assert len(torch.cat(seen[:4]).unique()) == 40
    assert torch.equal(torch.cat(seen[4:]), torch.cat(seen[:2]))  # batches are drawn once
    assert recorded == [1, 2]


def structured(n=300):
    """Four prototypes of 12 pixels, with one pixel in twenty flipped."""
    random = np.random.default_rng(0)
    prototypes = random.random((4, 12)) < 0.5
    clean = prototypes[random.integers(0, 4, n)]
    return (clean ^ (random.random(clean.shape) < 0.05)).astype(np.float32)


def pretrained(items, sizes, visible="binary", epochs=5, record=lambda *row: None, **rates):
    return pretrain(
        items,
        sizes,
        Recipe(epochs=epochs, batch_size=20),
        rates.get("code", 0.001),
        visible,
        rates.get("input", 0.1),
        rates.get("seeds", [0]),
        SILENT,
        lambda _, *row: record(*row),
    )


def test_the_reconstruction_error_falls_on_structured_data():
    rows = []
    items = Items(structured(), CPU)
    pretrained(items, [12, 8, 6, 2], epochs=30, record=lambda *row: rows.append(row))
    for layer, share in ((1, 0.3), (2, 0.6), (3, 0.9)):
        errors = [e for name, _, e in rows if name == f"pretraining_{layer}_squared_error"]
        assert len(errors) == 30
        assert errors[-1] < share * errors[0]


def test_word_counts_are_reconstructed_better_than_by_their_mean():
    random = np.random.default_rng(0)
    topics = random.dirichlet(np.full(30, 0.1), 4)
    lengths = random.integers(20, 80, 300)
    counts = [random.multinomial(n, topics[i % 4]) for i, n in enumerate(lengths)]
    v = np.array(counts, dtype=np.float32)
    (rbm,) = pretrained(Items(v, CPU), [30, 3], "counts", epochs=30, code=0.001)
    (wide, _) = pretrained(Items(v, CPU), [30, 6, 3], "counts", epochs=30, input=0.003)
    x = torch.from_numpy(v)
    mean = lengths[:, None] * v.sum(0) / v.sum()
    control = ((v - mean) ** 2).sum(1).mean()
    for machine_ in (rbm, wide):
        back = machine_.visible_mean(machine_.hidden_mean(x), x.sum(1, keepdim=True))[0]
        assert ((x - back) ** 2).sum(1).mean() < 0.5 * control


@pytest.mark.parametrize("hidden", ["binary", "gaussian"])
def test_reconstructed_counts_sum_to_the_length_of_the_document(hidden):
    v = torch.from_numpy(data("counts"))
    v[0] = 0  # an empty document stays empty
    rbm = machine("counts", hidden)
    length = v.sum(1, keepdim=True)
    back = rbm.visible_mean(rbm.hidden_mean(v), length)[0]
    assert (back >= 0).all()
    torch.testing.assert_close(back.sum(1, keepdim=True), length)


def test_a_machine_over_words_starts_from_their_shares(monkeypatch):
    monkeypatch.setattr(module, "train", lambda *arguments: None)
    v = data("counts")
    (rbm, above) = pretrained(Items(v, CPU), [7, 4, 2], "counts")
    np.testing.assert_allclose(
        softmax(rbm.visible_bias.squeeze().numpy()), v.sum(0) / v.sum(), rtol=1e-5
    )
    assert (above.visible_bias == 0).all()


def test_each_layer_learns_from_the_probabilities_of_the_one_below(monkeypatch):
    calls = []
    real = train

    def spy(rbm, items, recipe, *rest):
        calls.append((rbm, next(iter(items.blocks(1000))), recipe.learning_rate))
        real(rbm, items, recipe, *rest)

    monkeypatch.setattr(module, "train", spy)
    v = structured()
    rbms = pretrained(Items(v, CPU), [12, 8, 6, 2], input=0.05, code=0.002)
    expected = torch.from_numpy(v)
    for rbm, (trained, items, _) in zip(rbms, calls, strict=True):
        assert trained is rbm
        assert torch.equal(items, expected)
        expected = rbm.hidden_mean(expected)
    assert ((calls[1][1] > 0) & (calls[1][1] < 1)).all()
    assert [rate for *_, rate in calls] == [0.05, 0.1, 0.002]
    assert [(r.visible, r.hidden) for r in rbms] == [("binary", "binary")] * 2 + [
        ("binary", "gaussian")
    ]


def test_weights_start_at_a_tenth_of_a_standard_normal(monkeypatch):
    monkeypatch.setattr(module, "train", lambda *arguments: None)
    (rbm, _) = pretrained(Items(np.ones((20, 200), dtype=np.float32), CPU), [200, 200, 1])
    assert float(rbm.weights.std()) == pytest.approx(0.1, rel=0.02)
    assert float(rbm.weights.mean()) == pytest.approx(0, abs=0.002)
    assert (rbm.visible_bias == 0).all()
    assert (rbm.hidden_bias == 0).all()


@pytest.mark.parametrize(("visible", "output"), [("binary", "sigmoid"), ("counts", "softmax")])
def test_the_unrolled_network_is_the_stack_up_and_down(visible, output):
    rbms = [
        machine(visible, "binary", 7, 6, 1),
        machine("binary", "binary", 6, 5, 2),
        machine("binary", "gaussian", 5, 2, 3),
    ]
    network = Network.dense([7, 6, 5, 2], "sigmoid", "linear", output)
    unroll([network], rbms)
    network.double()  # so that the order of additions does not hide a difference
    for rbm in rbms:
        rbm.weights, rbm.visible_bias = rbm.weights.double(), rbm.visible_bias.double()
        rbm.hidden_bias = rbm.hidden_bias.double()
    h = v = torch.from_numpy(data(visible)).double()
    for rbm in rbms:
        h = rbm.hidden_mean(h)
    back, one = h, torch.ones(len(v), 1, dtype=torch.float64)
    for rbm in reversed(rbms):
        back = rbm.visible_mean(back, one)
    with torch.no_grad():
        torch.testing.assert_close(network.encoder(v), h[0], rtol=1e-13, atol=1e-15)
        torch.testing.assert_close(network.decode(h[0]), back[0], rtol=1e-13, atol=1e-15)


def test_decoder_and_encoder_are_untied_after_unrolling():
    rbm = machine("binary", "gaussian", 7, 2)
    network = Network.dense([7, 2], "sigmoid", "linear", "sigmoid")
    unroll([network], [rbm])
    kept = rbm.weights[0].clone()
    with torch.no_grad():
        network.encoder[0].weight.zero_()
    assert torch.equal(network.decoder[0].weight, kept)
    assert torch.equal(rbm.weights[0], kept)
    rbm.weights.zero_()
    assert torch.equal(network.decoder[0].weight, kept)


@pytest.mark.parametrize("visible", ["binary", "counts"])
def test_what_seeds_learn_together_each_learns_alone(visible):
    items = Items(structured(), CPU)
    together = pretrained(items, [12, 8, 6, 2], visible, seeds=[3, 7], input=0.01)
    for position, seed in enumerate([3, 7]):
        alone = pretrained(items, [12, 8, 6, 2], visible, seeds=[seed], input=0.01)
        for one, own in zip(alone, together, strict=True):
            torch.testing.assert_close(own.weights[position], one.weights[0], rtol=1e-3, atol=1e-5)
    assert not torch.allclose(together[0].weights[0], together[0].weights[1])


def test_layers_below_the_code_do_not_depend_on_its_size():
    items = Items(structured(), CPU)
    small, large = (pretrained(items, [12, 8, 6, size]) for size in (2, 4))
    for one, other in zip(small[:2], large[:2], strict=True):
        assert torch.equal(one.weights, other.weights)


def test_an_error_that_leaves_the_numbers_names_epoch_and_learning_rate(capfd):
    with pytest.raises(TrainingError, match=r"pretraining became nan in epoch \d of 4 .* 1e\+30"):
        train(
            machine("binary", "gaussian"),
            Items(data("binary"), CPU),
            Recipe(epochs=4, batch_size=10, learning_rate=1e30),
            torch.arange(20).view(1, 2, 10),
            [torch.Generator().manual_seed(0)],
            SILENT,
            lambda *row: None,
        )
    assert capfd.readouterr() == ("", "")
