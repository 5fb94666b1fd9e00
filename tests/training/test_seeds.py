"""Seeds stacked, streams of random numbers, batches."""

import copy

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from aebench.models.network import Network
from aebench.training import losses
from aebench.training.loop import Objective
from aebench.training.seeds import ALIGNMENT, Stack, Step, draw_batches, stream

CPU = torch.device("cpu")


def objectives(n, sizes=(7, 5, 3)):
    """Networks of one architecture with weights of their own."""
    made = []
    for seed in range(n):
        network = Network.dense(sizes, "silu", "linear", "sigmoid")
        for parameter in network.parameters():
            with torch.no_grad():
                parameter.normal_(generator=torch.Generator().manual_seed(seed))
        made.append(Objective(network, losses.make("cross_entropy", "sigmoid")))
    return made


def batch(n_seeds):
    return torch.rand((n_seeds, 6, 7), generator=torch.Generator().manual_seed(9))


def plain(objective, x):
    """Loss and gradients of one objective by PyTorch's ordinary way."""
    alone = copy.deepcopy(objective)
    loss = alone(x, x)
    loss.backward()
    return loss.detach(), [parameter.grad for parameter in alone.parameters()]


@pytest.mark.parametrize("n_seeds", [1, 3])
@pytest.mark.parametrize("end_to_end", [False, True])
def test_a_stack_computes_what_each_objective_would(n_seeds, end_to_end):
    made, x = objectives(n_seeds), batch(n_seeds)
    expected = [plain(objective, own) for objective, own in zip(made, x, strict=True)]
    stack = Stack(made)
    if end_to_end:
        stack.laid_end_to_end()
    found = stack.backward(x, x)
    for seed, (loss, gradients) in enumerate(expected):
        torch.testing.assert_close(found[seed], loss)
        for gradient, own in zip(stack.gradients, gradients, strict=True):
            torch.testing.assert_close(gradient[seed], own)


def test_a_stack_of_one_is_the_objective_bit_for_bit():
    made, x = objectives(1), batch(1)
    loss, gradients = plain(made[0], x[0])
    stack = Stack(made)
    assert torch.equal(stack.backward(x, x)[0], loss)
    for gradient, own in zip(stack.gradients, gradients, strict=True):
        assert torch.equal(gradient[0], own)


@pytest.mark.parametrize("end_to_end", [False, True])
def test_the_networks_follow_the_stack(end_to_end):
    made = objectives(2)
    before = [copy.deepcopy(objective.state_dict()) for objective in made]
    stack = Stack(made)
    rows = stack.laid_end_to_end() if end_to_end else None
    for objective, state in zip(made, before, strict=True):
        for name, value in objective.state_dict().items():
            assert torch.equal(value, state[name])
    with torch.no_grad():
        if end_to_end:
            rows[1].fill_(2.0)
        else:
            for parameter in stack.parameters:
                parameter[1].fill_(2.0)
    assert all((value == 2).all() for value in made[1].state_dict().values())
    assert not any((value == 2).any() for value in made[0].state_dict().values())


def test_rows_are_aligned_and_padded_by_zeros():
    stack = Stack(objectives(2))
    rows = stack.laid_end_to_end()
    assert rows.shape[1] == ALIGNMENT * len(stack.parameters)
    for parameter in stack.parameters:
        offset = parameter.data_ptr() - rows.data_ptr()
        assert offset % (4 * ALIGNMENT) == 0
    assert (rows != 0).sum() == sum(parameter.numel() for parameter in stack.parameters)


def test_gradients_are_laid_out_as_fused_optimisers_need_them():
    stack = Stack(objectives(3))
    stack.backward(batch(3), batch(3))
    assert all(gradient.is_contiguous() for gradient in stack.gradients)


class Counter(TorchDispatchMode):
    """Counts PyTorch's operations, views apart, and the numbers that copies write."""

    VIEWS = ("t", "view", "squeeze", "unsqueeze", "expand", "select", "detach", "alias")

    def __init__(self):
        super().__init__()
        self.calls, self.copied = 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        name = function.name().removeprefix("aten::").split(".")[0]
        self.calls += name not in self.VIEWS
        if name in ("copy_", "clone", "_to_copy", "cat"):
            self.copied += result.numel()
        return result


def test_a_step_has_few_operations_and_copies_no_weights():
    """Counted, not timed: six layers' products forward and back, little besides."""
    made = objectives(1, (7, 6, 5, 4))
    stack, x = Stack(made), batch(1)
    with Counter() as counted:
        stack.backward(x, x)
    layers = 6
    products = layers + 2 * layers - 1
    biases, activations, loss = layers, 2 * (layers - 2), 10
    assert counted.calls <= products + biases + activations + loss
    assert counted.copied == 0


def test_streams_are_repeatable_and_apart():
    def first(*key):
        return float(torch.rand(1, generator=stream(*key)))

    assert first(1, "batches") == first(1, "batches")
    assert len({first(seed, name) for seed in (0, 1) for name in ("batches", "weights")}) == 4


@pytest.mark.parametrize(("n", "size", "n_batches"), [(40, 10, 4), (41, 10, 5), (7, 10, 1)])
def test_every_item_is_dealt_and_all_batches_are_full(n, size, n_batches):
    dealt = draw_batches(n, size, [stream(seed, "batches") for seed in (0, 1)])
    assert dealt.shape == (2, n_batches, min(n, size))
    for own in dealt.flatten(1):
        assert set(own.tolist()) == set(range(n))
        assert len(set(own[:n].tolist())) == n
    assert not torch.equal(dealt[0], dealt[1])


def test_a_step_on_the_cpu_is_a_call():
    calls = []
    step = Step(lambda: calls.append(1), CPU)
    for _ in range(5):
        step()
    assert len(calls) == 5


def test_a_recorded_step_runs_every_call_once(monkeypatch):
    """On a GPU: three calls as they are, the fourth recorded, which runs nothing, then replays."""
    log = []

    class Graph:
        def register_generator_state(self, generator):
            log.append("generator")

        def replay(self):
            log.append("replay")

    class Recording:
        def __init__(self, graph):
            pass

        def __enter__(self):
            log.append("record")

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", Recording)
    monkeypatch.setattr(Step, "_run_aside", lambda self: self._function())
    step = Step(lambda: log.append("call"), torch.device("cuda"), [torch.Generator()])
    for _ in range(6):
        step()
    recording = ["generator", "record", "call", "replay"]
    assert log == ["call"] * 3 + recording + ["replay"] * 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU here")
def test_a_recording_computes_what_calls_would():
    device, made = torch.device("cuda"), objectives(3)
    results = []
    for recorded in (True, False):
        stack = Stack([copy.deepcopy(objective).to(device) for objective in made])
        optimiser = torch.optim.AdamW(stack.parameters, fused=True, capturable=True)
        x = batch(3).to(device)

        def descend(stack=stack, optimiser=optimiser, x=x):
            stack.backward(x, x)
            optimiser.step()

        step = Step(descend, device)
        step._recorded = recorded
        for _ in range(10):
            step()
        results.append([parameter.detach().cpu() for parameter in stack.parameters])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


class Counting(nn.Module):
    """An objective that notes the mean of its outputs so far, in place."""

    def __init__(self, seed):
        super().__init__()
        self.layer = nn.Linear(7, 1)
        with torch.no_grad():
            self.layer.weight.fill_(seed)
            self.layer.bias.fill_(0.5)
        self.register_buffer("seen", torch.full((2,), float(seed)))

    def forward(self, batch, target, noise=None):
        output = self.layer(batch)
        with torch.no_grad():
            self.seen.add_(output.mean())
        return (output * self.seen.sum()).mean()


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_buffers_change_in_a_stack_as_alone_and_each_seed_has_its_own(n_seeds):
    made, x = [Counting(seed) for seed in range(1, n_seeds + 1)], batch(n_seeds)
    alone, stack = copy.deepcopy(made), Stack(made)
    for step in range(3):
        found = stack.backward(x, x)
        for seed, own in enumerate(alone):
            loss = own(x[seed], x[seed])
            torch.testing.assert_close(found[seed], loss.detach())
            torch.testing.assert_close(made[seed].seen, own.seen)
            (gradient,) = torch.autograd.grad(loss, [own.layer.weight])
            torch.testing.assert_close(stack.gradients[0][seed], gradient)
        assert len({float(objective.seen[0]) for objective in made}) == n_seeds
        assert float(made[0].seen[0]) > step
