"""What is added to the loss: formulas and gradients, against PyTorch's own differentiation."""

from types import SimpleNamespace

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from aebench.models import codes
from aebench.models.network import Network
from aebench.training import losses, penalties
from aebench.training.loop import Objective
from aebench.training.penalties import FLAT, MEMORY, Trace
from aebench.training.seeds import Stack


def draw(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def network(sizes, kind, tied=False, activation="tanh", dtype=torch.float64):
    """Fully connected layers with weights by chance; the last of `sizes` is the code's."""
    from aebench.models.layers import dense

    features, *hidden, size = sizes
    encoder, decoder = dense(features, hidden, size, size, activation, tied)
    made = Network(encoder, codes.Pointwise(size, kind), decoder, "linear").to(dtype)
    with torch.no_grad():
        for place, parameter in enumerate(made.parameters()):
            parameter.copy_(draw(*parameter.shape, seed=place, dtype=dtype) / 2)
    return made


def trace_of(made, batch):
    inputs = made.encoder(batch)
    return Trace(made, batch, inputs, made.code(inputs))


def trace_of_code(code):
    return Trace(None, code, code, code)


# ------------------------------------------------------------------ sparsity


def test_l1_is_the_mean_of_the_sums_of_absolute_values():
    code = torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    assert float(penalties.L1()(trace_of_code(code))) == pytest.approx(3.0)


@pytest.mark.parametrize("past", [0.05, 0.3], ids=["where it starts", "a running mean elsewhere"])
def test_the_gradient_of_kl_is_the_formula(past):
    """-rho / rho_hat + (1 - rho) / (1 - rho_hat), shared by the items of the batch."""
    n, rho, weight = 8, 0.05, 3.0
    activations = draw(n, 5).sigmoid().requires_grad_()
    kl = penalties.make("kl", 5, rho)
    kl.activation.fill_(past)
    value = kl(trace_of_code(activations))
    (found,) = torch.autograd.grad(weight * value, activations)
    rho_hat = MEMORY * past + (1 - MEMORY) * activations.detach().mean(0)
    formula = weight * (-rho / rho_hat + (1 - rho) / (1 - rho_hat)) / n
    torch.testing.assert_close(found, formula.expand(n, 5))
    torch.testing.assert_close(kl.activation, rho_hat)
    ones = torch.stack([rho_hat, 1 - rho_hat], -1)
    asked = torch.distributions.Categorical(torch.tensor([rho, 1 - rho]))
    divergence = kl_divergence(asked, torch.distributions.Categorical(ones)).sum()
    torch.testing.assert_close(value.detach(), divergence)


def test_the_running_mean_of_kl_converges_to_the_mean_activation():
    kl, mean = penalties.make("kl", 4, 0.1), torch.tensor([0.0, 0.2, 0.5, 1.0])
    for _ in range(200):
        kl(trace_of_code(mean.expand(6, 4)))
    torch.testing.assert_close(kl.activation, mean, atol=1e-6, rtol=0)


def test_units_that_are_never_active_are_called_back():
    kl, rho = penalties.make("kl", 1, 0.1), 0.1
    kl.activation.zero_()
    silent = torch.zeros(2, 1, requires_grad=True)
    (found,) = torch.autograd.grad(kl(trace_of_code(silent)), silent)
    assert float(found[0, 0]) == pytest.approx(-rho / 1e-4 / 2, rel=1e-2)


def test_running_means_in_a_stack_move_as_alone():
    def objectives():
        made = []
        for seed in range(3):
            net = network((6, 4), "sigmoid", dtype=torch.float32)
            with torch.no_grad():
                net.encoder[0].weight.copy_(draw(4, 6, seed=seed + 50))
            kl = {"kl": penalties.make("kl", 4, 0.05)}
            made.append(Objective(net, losses.make("squared_error", "linear"), kl, {"kl": 2.0}))
        return made

    stacked, single = objectives(), objectives()
    stack, alone = Stack(stacked), [Stack([objective]) for objective in single]
    for step in range(3):
        batch = draw(3, 7, 6, seed=step)
        found = stack.backward(batch, batch)
        for seed, own in enumerate(alone):
            rows = batch[seed : seed + 1]
            torch.testing.assert_close(own.backward(rows, rows)[0], found[seed])
            for gradient, expected in zip(stack.gradients, own.gradients, strict=True):
                torch.testing.assert_close(gradient[seed], expected[0])
    means = [objective.penalties["kl"].activation for objective in stacked]
    for mean, objective in zip(means, single, strict=True):
        torch.testing.assert_close(mean, objective.penalties["kl"].activation)
    assert not torch.equal(means[0], means[1])
    assert not torch.equal(means[0], torch.full((4,), 0.05))


# --------------------------------------------------------------- contraction


def jacobian_norm(made, x):
    """Mean squared Frobenius norm, item by item."""
    each = [torch.autograd.functional.jacobian(lambda v: made.encode(v[None])[0], v) for v in x]
    return torch.stack(each).square().sum((1, 2)).mean()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", ["sigmoid", "tanh", "silu", "shrink", "linear"])
def test_the_closed_form_of_one_layer_is_the_norm_of_the_jacobian(kind, tied):
    made, x = network((5, 3), kind, tied), draw(6, 5, dtype=torch.float64)
    found = penalties.Contractive()(trace_of(made, x))
    torch.testing.assert_close(found, jacobian_norm(made, x))
    assert found > 0


@pytest.mark.parametrize("sizes", [(5, 4, 3), (5, 6, 4, 2)])
def test_deeper_encoders_have_the_norm_of_finite_differences(sizes):
    made, x = network(sizes, "sigmoid"), draw(6, 5, dtype=torch.float64)
    step = 1e-5
    with torch.no_grad():
        columns = [
            (made.encode(x + step * axis) - made.encode(x - step * axis)) / (2 * step)
            for axis in torch.eye(5, dtype=torch.float64)
        ]
    expected = torch.stack(columns).square().sum((0, 2)).mean()
    found = penalties.Contractive()(trace_of(made, x))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("sizes", [(4, 3), (4, 3, 2)], ids=["closed form", "exact Jacobian"])
def test_gradients_flow_through_the_contractive_penalty(sizes):
    made, x = network(sizes, "sigmoid"), draw(5, 4, dtype=torch.float64)
    made_penalty = {"c": penalties.Contractive()}
    objective = Objective(made, lambda output, target: 0 * output, made_penalty, {"c": 1.0})
    values = dict(objective.named_parameters())

    def penalty(*encoder):
        given = {**values, **dict(zip(names, encoder, strict=True))}
        return torch.func.functional_call(objective, given, (x, x))

    names = [name for name in values if "encoder" in name]
    own = [values[name].detach().clone().requires_grad_() for name in names]
    assert len(own) == 2 * (len(sizes) - 1)
    assert torch.autograd.gradcheck(penalty, own)


def test_a_wide_code_contracts_where_its_units_saturate():
    made, x = network((5, 3), "sigmoid"), draw(6, 5, dtype=torch.float64)
    before = penalties.Contractive()(trace_of(made, x))
    with torch.no_grad():
        made.encoder[0].bias.add_(20)
    assert penalties.Contractive()(trace_of(made, x)) < 1e-6 * before


# ---------------------------------------------------------------- saturation


@pytest.mark.parametrize("kind", FLAT)
def test_saturation_is_zero_exactly_where_the_unit_is_flat(kind):
    x = torch.linspace(-3, 3, 602, dtype=torch.float64).requires_grad_()  # misses the corners
    (slope,) = torch.autograd.grad(codes.POINTWISE[kind](x).sum(), x)
    distance = FLAT[kind](x.detach())
    assert torch.equal(distance == 0, slope == 0)
    assert 0 < int((slope == 0).sum()) < len(x)
    flat = x.detach()[slope == 0]
    nearest = (x.detach()[:, None] - flat).abs().min(1).values
    torch.testing.assert_close(distance, nearest, rtol=0, atol=0.011)


def test_saturation_is_summed_over_units_and_averaged_over_items():
    inputs = torch.tensor([[0.5, -2.0], [0.25, 0.0]])
    net = SimpleNamespace(code=codes.Pointwise(2, "saturated-linear"))
    trace = Trace(net, inputs, inputs, None)
    assert float(penalties.Saturation()(trace)) == pytest.approx((0.5 + 0.75 + 1.0) / 2)


# ----------------------------------------------------- priors, codebooks, weights


def test_the_prior_penalty_is_the_divergence_from_the_standard_normal():
    inputs = draw(7, 6)
    mean, log_variance = inputs.chunk(2, dim=-1)
    own = Normal(mean, (0.5 * log_variance).exp())
    expected = kl_divergence(own, Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(penalties.Prior()(Trace(None, None, inputs, None)), expected)


def test_quantisation_moves_entries_to_inputs_and_inputs_to_entries():
    code = codes.Quantised(2, 2)
    with torch.no_grad():
        code.codebook.copy_(torch.tensor([[[0.0, 0.0], [10.0, 10.0]]]))
    inputs = torch.tensor([[1.0, 2.0], [0.0, -1.0]], requires_grad=True)
    value = penalties.Quantisation()(Trace(SimpleNamespace(code=code), None, inputs, None))
    assert value.item() == pytest.approx((1 + penalties.COMMITMENT) * (5 + 1) / 2)
    of_entries, of_inputs = torch.autograd.grad(value, [code.codebook, inputs])
    expected = torch.tensor([[[-1.0, -1.0], [0.0, 0.0]]])  # 2 (entry - input), mean over 2 items
    torch.testing.assert_close(of_entries, expected)
    torch.testing.assert_close(of_inputs, penalties.COMMITMENT * inputs.detach())


@pytest.mark.parametrize(("tied", "times"), [(False, 2), (True, 1)])
def test_l2_is_the_sum_of_squared_weights_without_biases(tied, times):
    made = network((4, 2), "linear", tied)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.fill_(3.0)
    made.code = codes.Quantised(2, 4)  # codebooks are no weights
    assert penalties.L2()(Trace(made, None, None, None)).item() == times * 8 * 9


def test_penalties_add_up_by_their_weights():
    made, x = network((5, 3), "sigmoid"), draw(6, 5, dtype=torch.float64)
    loss = losses.make("squared_error", "linear")
    names = {"l1": 0.3, "contractive": 0.7, "l2": 0.01}
    each = {name: penalties.make(name, 3, 0.1) for name in names}
    expected = Objective(made, loss)(x, x)
    for name, weight in names.items():
        expected = expected + weight * each[name](trace_of(made, x))
    torch.testing.assert_close(Objective(made, loss, each, names)(x, x), expected)
