"""All seeds at once: networks stacked along a leading dimension, and what is random in each."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from aebench.streams import entropy
from aebench.training.checkpoints import refill

ALIGNMENT = 64
"""Numbers; every parameter begins at a multiple, where matrix products read fastest."""


def stream(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return PyTorch's random numbers of one seed for one purpose; see `aebench.streams`."""
    state = entropy(seed, name).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(state[0] >> 1))


def draw_batches(n_items: int, size: int, generators: Sequence[torch.Generator]) -> torch.Tensor:
    """Deal the items out into batches, for each seed in an order of its own.

    Parameters
    ----------
    n_items, size : int
    generators : sequence of torch.Generator, on the CPU
        One a seed. Where the order is drawn, it is the same on every device.

    Returns
    -------
    tensor, int64, shape [n_seeds, n_batches, size]
        Every item at least once: the last batch is filled up from the first, because a step
        recorded for a GPU has one shape.
    """
    size = min(size, n_items)
    n_batches = -(-n_items // size)
    orders = []
    for generator in generators:
        order = torch.randperm(n_items, generator=generator)
        orders.append(torch.cat([order, order[: n_batches * size - n_items]]))
    return torch.stack(orders).view(len(orders), n_batches, size)


def _aligned(size: int) -> int:
    """The next multiple of ALIGNMENT."""
    return -(-size // ALIGNMENT) * ALIGNMENT


class Stack:
    """Objectives of one architecture, one a seed, computed as one.

    On a GPU five networks in one batched product take little longer than one. A stack of one
    computes what its only objective would, by the same operations.

    Parameters
    ----------
    objectives : sequence of nn.Module
        `forward(batch, target, noise)` gives the mean loss, a scalar. Their parameters and buffers
        become views of the stack's, and so follow them; buffers may change in `forward`, in place.

    Attributes
    ----------
    parameters : list of tensors, shapes [n_seeds, ...]
    buffers : dict of name to tensor, shapes [n_seeds, ...]
    """

    def __init__(self, objectives: Sequence[nn.Module]) -> None:
        self._objectives = objectives
        self._names = [name for name, _ in objectives[0].named_parameters()]
        self.buffers = _shared_buffers(objectives)
        self._own = [[*objective.parameters()] for objective in objectives]
        self._move([torch.stack(same) for same in zip(*self._own, strict=True)])

    def _move(self, parameters: list[torch.Tensor]) -> None:
        """Keep the parameters in these tensors from now on."""
        self.parameters = [parameter.detach().requires_grad_() for parameter in parameters]
        for parameter, same in zip(parameters, zip(*self._own, strict=True), strict=True):
            for row, own in zip(parameter.detach(), same, strict=True):
                own.data = row

    def __len__(self) -> int:
        return len(self._objectives)

    def laid_end_to_end(self) -> torch.Tensor:
        """Move all parameters of a seed into one row, where a line search moves them at once.

        Returns
        -------
        tensor, shape [n_seeds, n_numbers]
            Every parameter padded by zeros to a multiple of ALIGNMENT; `as_parts` finds them.
        """
        width = sum(_aligned(parameter[0].numel()) for parameter in self.parameters)
        rows = self.parameters[0].detach().new_zeros((len(self), width))
        parts = self.as_parts(rows)
        for part, parameter in zip(parts, self.parameters, strict=True):
            part.copy_(parameter.detach())
        self._move(parts)
        return rows

    def as_parts(self, rows: torch.Tensor) -> list[torch.Tensor]:
        """Views of rows laid end to end, one a parameter, of its shape."""
        parts, start = [], 0
        for parameter in self.parameters:
            shape, size = parameter.shape[1:], parameter[0].numel()
            parts.append(rows[:, start : start + size].unflatten(1, shape))
            start += _aligned(size)
        return parts

    @property
    def gradients(self) -> list[torch.Tensor]:
        """What `backward` found, in the order of `parameters`."""
        return [parameter.grad for parameter in self.parameters if parameter.grad is not None]

    def state(self, seed: int | None = None) -> dict[str, Any]:
        """Tell parameters and buffers for a checkpoint: all, or a copy of one seed's."""
        given = {"parameters": self.parameters, "buffers": [*self.buffers.values()]}
        if seed is None:
            return given
        return {kind: [t[seed].detach().clone() for t in own] for kind, own in given.items()}

    def restore(self, state: Mapping[str, Any], seed: int | None = None) -> None:
        """Take up what `state` has told, in place."""
        for kind, own in self.state().items():
            refill(own if seed is None else [tensor[seed] for tensor in own], state[kind])

    def backward(
        self, batch: torch.Tensor, target: torch.Tensor, noise: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Find the gradient of each seed's mean loss on its batch: the parameters' `grad`.

        Parameters
        ----------
        batch, target : tensors, shape [n_seeds, n, n_features]
        noise : tensor, shape [n_seeds, n, width], optional

        Returns
        -------
        losses : tensor, shape [n_seeds]
        """
        if len(self) == 1:  # spares PyTorch's machinery of functional calls at every step
            own = batch[0], target[0], None if noise is None else noise[0]
            losses = self._objectives[0](*own)[None]
            found = [gradient[None] for gradient in torch.autograd.grad(losses, self._own[0])]
        else:
            given = (batch, target) if noise is None else (batch, target, noise)
            losses = torch.vmap(self._loss)(self.parameters, self.buffers, *given)
            found = [*torch.autograd.grad(losses.sum(), self.parameters)]
        for parameter, gradient in zip(self.parameters, found, strict=True):
            parameter.grad = gradient.contiguous()  # as fused optimisers take for granted
        return losses.detach()

    def _loss(
        self,
        parameters: list[torch.Tensor],
        buffers: dict[str, torch.Tensor],
        *given: torch.Tensor,
    ) -> torch.Tensor:
        named = dict(zip(self._names, parameters, strict=True))
        return torch.func.functional_call(self._objectives[0], {**named, **buffers}, given)


def _shared_buffers(objectives: Sequence[nn.Module]) -> dict[str, torch.Tensor]:
    """Stack the buffers of all objectives, which become views of the stack's."""
    stacked = {}
    for name, first in objectives[0].named_buffers():
        same = [first, *(objective.get_buffer(name) for objective in objectives[1:])]
        stacked[name] = torch.stack(same)
        for row, own in zip(stacked[name], same, strict=True):
            own.data = row
    return stacked


class Step:
    """A piece of training that runs again and again on the same tensors.

    Launching the kernels of a small network one by one takes longer than a GPU needs to run them.
    There, they are recorded once as a CUDA graph and replayed; elsewhere, the function is called.

    Parameters
    ----------
    function : callable
        Takes nothing, reads and writes tensors that stay where they are, never waits for them.
    device : torch.device
    generators : sequence of torch.Generator
        What the function draws from.
    """

    WARM_UP = 3  # calls that make what is made lazily, as an optimiser's state, before recording

    def __init__(
        self,
        function: Callable[[], None],
        device: torch.device,
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        self._function, self._generators = function, generators
        self._recorded = device.type == "cuda"
        self._calls = 0

    def __call__(self) -> None:
        """Run the function once, or the recording of it."""
        if not self._recorded:
            self._function()
            return
        self._calls += 1
        if self._calls <= self.WARM_UP:
            self._run_aside()
            return
        if self._calls == self.WARM_UP + 1:
            self._graph = torch.cuda.CUDAGraph()
            for generator in self._generators:
                self._graph.register_generator_state(generator)
            with torch.cuda.graph(self._graph):
                self._function()
        self._graph.replay()

    def _run_aside(self) -> None:
        """Run on a stream of its own, as a recording will."""
        here, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(here)
        with torch.cuda.stream(aside), warnings.catch_warnings():
            # Optimisers made for recording warn of steps that are not recorded, as these.
            warnings.filterwarnings("ignore", message=".*capturable=True")
            self._function()
        here.wait_stream(aside)
