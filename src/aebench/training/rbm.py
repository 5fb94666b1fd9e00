"""Restricted Boltzmann machines and greedy layer-wise pretraining.

The recipe is the one of the code released with Hinton & Salakhutdinov, Science 313:504 (2006):
one step of contrastive divergence (CD-1) on batches of 100, visible units never sampled, hidden
states sampled to make the reconstruction, probabilities used for the statistics.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from aebench.console import Progress
from aebench.errors import TrainingError
from aebench.training.items import Items

Record = Callable[[str, int, float], None]
"""Takes a metric's name, the epoch and the value."""


@dataclass
class Rbm:
    """The weights of one machine and the kinds of its units.

    Attributes
    ----------
    weights : tensor, shape [n_visible, n_hidden]
    visible_bias, hidden_bias : tensors, shapes [n_visible] and [n_hidden]
    visible : str
        `binary`: logistic units, values in [0, 1]. `counts`: word counts, a softmax over the
        vocabulary drawn once per word of the document (the constrained Poisson model of
        Salakhutdinov & Hinton, Semantic hashing, 2009).
    hidden : str
        `binary`: logistic units. `gaussian`: linear units with unit noise, as the code layer has.
    """

    weights: torch.Tensor
    visible_bias: torch.Tensor
    hidden_bias: torch.Tensor
    visible: str = "binary"
    hidden: str = "binary"

    def hidden_mean(self, v: torch.Tensor) -> torch.Tensor:
        """Probability (binary) or mean (gaussian) of the hidden units, shape [n, n_hidden]."""
        activation = torch.addmm(self.hidden_bias, v, self.weights)
        return activation.sigmoid_() if self.hidden == "binary" else activation

    def sample_hidden(self, mean: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Draw hidden states around their mean."""
        if self.hidden == "binary":
            noise = torch.rand(mean.shape, generator=generator, device=mean.device)
            return (noise < mean).to(mean.dtype)
        return mean + torch.randn(mean.shape, generator=generator, device=mean.device)

    def visible_mean(self, h: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """Mean of the visible units, shape [n, n_visible]; `length` [n, 1] is words a document."""
        activation = torch.addmm(self.visible_bias, h, self.weights.T)
        if self.visible == "binary":
            return activation.sigmoid_()
        return torch.softmax(activation, dim=1) * length


def contrastive_divergence(
    rbm: Rbm, v: torch.Tensor, generator: torch.Generator
) -> tuple[tuple[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]:
    """One step of contrastive divergence (CD-1) on a batch.

    Parameters
    ----------
    rbm : Rbm
    v : tensor, shape [n, n_visible]
        The data, in [0, 1] or word counts.
    generator : torch.Generator
        Draws the hidden states.

    Returns
    -------
    ascent : tensors of the shapes of weights, visible_bias and hidden_bias
        Mean over the batch of <v h>_data - <v h>_reconstruction, and so on.
    squared_error : tensor, scalar
        Summed over features and items, between data and reconstruction.
    """
    positive = rbm.hidden_mean(v)
    states = rbm.sample_hidden(positive, generator)
    reconstruction = rbm.visible_mean(states, v.sum(1, keepdim=True))
    negative = rbm.hidden_mean(reconstruction)
    n = len(v)
    weights = torch.mm(v.T, positive).addmm_(reconstruction.T, negative, alpha=-1).div_(n)
    difference = v - reconstruction
    ascent = (weights, difference.mean(0), (positive - negative).mean(0))
    return ascent, difference.square_().sum()


@dataclass(frozen=True)
class Recipe:
    """How one machine is trained; the defaults are the released code's.

    A fraction of an epoch visits that share of the batches.
    """

    epochs: float
    batch_size: int = 100
    learning_rate: float = 0.1
    weight_cost: float = 2e-4
    weight_scale: float = 0.1
    first_momentum: float = 0.5
    final_momentum: float = 0.9
    first_momentum_epochs: int = 5


def train(
    rbm: Rbm,
    items: Items,
    recipe: Recipe,
    generator: torch.Generator,
    progress: Progress,
    record: Callable[[int, float], None],
) -> None:
    """Train `rbm` in place by CD-1 with momentum; batches are drawn once and kept, as in 2006.

    Raises
    ------
    TrainingError
        When the reconstruction error stops being a number.
    """
    order = torch.randperm(len(items), generator=_host(generator))
    batches = order.split(recipe.batch_size)
    parameters = (rbm.weights, rbm.visible_bias, rbm.hidden_bias)
    increments = [torch.zeros_like(parameter) for parameter in parameters]
    rate = recipe.learning_rate
    error, seen = torch.zeros((), device=items.device), 0
    steps = max(1, round(recipe.epochs * len(batches)))
    for step in range(steps):
        epoch, position = divmod(step, len(batches))
        early = epoch < recipe.first_momentum_epochs
        momentum = recipe.first_momentum if early else recipe.final_momentum
        batch = items.take(batches[position])
        ascent, batch_error = contrastive_divergence(rbm, batch, generator)
        increments[0].mul_(momentum).add_(ascent[0], alpha=rate)
        increments[0].add_(rbm.weights, alpha=-rate * recipe.weight_cost)
        for increment, rise in zip(increments[1:], ascent[1:], strict=True):
            increment.mul_(momentum).add_(rise, alpha=rate)
        for parameter, increment in zip(parameters, increments, strict=True):
            parameter.add_(increment)
        error += batch_error
        seen += len(batch)
        progress.step(step + 1, lambda e=error, n=seen: f"squared error {float(e) / n:.4g}")  # type: ignore[misc]
        if position == len(batches) - 1 or step == steps - 1:
            mean = float(error) / seen
            if not math.isfinite(mean):
                raise TrainingError(
                    f"the reconstruction error of RBM pretraining became {mean} in epoch "
                    f"{epoch + 1} of {recipe.epochs:g} at learning rate {rate:g}; a smaller "
                    "learning rate may help."
                )
            record(epoch + 1, mean)
            error.zero_()
            seen = 0


def _start_from_word_shares(rbm: Rbm, items: Items) -> None:
    """Let a machine over words start from their frequencies, with small weights.

    Hinton, A practical guide to training RBMs (2010), section 8. From zero biases, CD-1 would spend
    its first epochs learning which words are common.
    """
    total = torch.stack([block.sum(0) for block in items.blocks(10_000)]).sum(0)
    rbm.visible_bias.copy_(torch.log((total / total.sum()).clamp_min(1e-8)))
    rbm.weights.mul_(0.1)


def _host(generator: torch.Generator) -> torch.Generator:
    """A generator on the CPU, whose permutations are the same on every device."""
    if generator.device.type == "cpu":
        return generator
    return torch.Generator().manual_seed(generator.initial_seed())


def pretrain(
    items: Items,
    sizes: list[int],
    recipe: Recipe,
    code_learning_rate: float,
    visible: str,
    visible_learning_rate: float,
    generator: torch.Generator,
    progress: Progress,
    record: Record,
) -> list[Rbm]:
    """Train a stack of machines greedily, each on the hidden probabilities of the one below.

    Parameters
    ----------
    items : Items, shape [n_items, sizes[0]]
    sizes : list of int
        Features, hidden sizes, code size. The last machine has gaussian hidden units.
    recipe : Recipe
    code_learning_rate : float
        Linear units need a smaller one (0.001 in 2006).
    visible : {"binary", "counts"}
        The units of the first machine.
    visible_learning_rate : float
        Of the first machine; statistics of counts are larger by the documents' lengths.
    generator, progress, record
        As in `train`.

    Returns
    -------
    rbms : list of Rbm
    """
    rbms: list[Rbm] = []
    layers = len(sizes) - 1
    for layer in range(layers):
        n_visible, n_hidden = sizes[layer], sizes[layer + 1]
        weights = torch.randn((n_visible, n_hidden), generator=generator, device=items.device)
        rbm = Rbm(
            weights.mul_(recipe.weight_scale),
            torch.zeros(n_visible, device=items.device),
            torch.zeros(n_hidden, device=items.device),
            visible if layer == 0 else "binary",
            "gaussian" if layer == layers - 1 else "binary",
        )
        if rbm.visible == "counts":
            _start_from_word_shares(rbm, items)
        rate = recipe.learning_rate if layer else visible_learning_rate
        rate = code_learning_rate if layer == layers - 1 else rate
        layer_recipe = Recipe(**{**vars(recipe), "learning_rate": rate})
        progress.begin(
            f"pretraining layer {layer + 1} of {layers}",
            recipe.epochs,
            -(-len(items) // recipe.batch_size),
        )
        name = f"pretraining_{layer + 1}_squared_error"
        train(
            rbm,
            items,
            layer_recipe,
            generator,
            progress,
            lambda epoch, error, name=name: record(name, epoch, error),  # type: ignore[misc]
        )
        rbms.append(rbm)
        if layer < layers - 1:
            hidden = torch.cat([rbm.hidden_mean(block) for block in items.blocks(10_000)])
            items = Items.resident(hidden)
    return rbms
