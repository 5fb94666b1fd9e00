"""Restricted Boltzmann machines and greedy layer-wise pretraining.

The recipe is the one of the code released with Hinton & Salakhutdinov, Science 313:504 (2006):
one step of contrastive divergence (CD-1) on batches of 100, visible units never sampled, hidden
states sampled to make the reconstruction, probabilities used for the statistics.

Every tensor has a leading dimension: the machines of all seeds are trained as one. What a single
machine computes works without it, too.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from aebench.console import Progress
from aebench.errors import TrainingError
from aebench.training.checkpoints import NO_CHECKPOINT, Checkpoint, positions, refill, reposition
from aebench.training.items import Items
from aebench.training.seeds import Step, draw_batches, stream

Record = Callable[[int, str, int, float], None]
"""Takes the position of a seed, a metric's name, the epoch and the value."""


@dataclass
class Rbm:
    """The weights of one machine a seed, and the kinds of its units.

    Attributes
    ----------
    weights : tensor, shape [n_seeds, n_visible, n_hidden]
    visible_bias, hidden_bias : tensors, shapes [n_seeds, 1, n_visible] and [n_seeds, 1, n_hidden]
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

    @property
    def tensors(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What is learned."""
        return self.weights, self.visible_bias, self.hidden_bias

    def hidden_mean(self, v: torch.Tensor) -> torch.Tensor:
        """Probability (binary) or mean (gaussian) of the hidden units, [n_seeds, n, n_hidden].

        `v` has shape [n_seeds, n, n_visible], or [n, n_visible] where all seeds see the same.
        """
        activation = torch.matmul(v, self.weights).add_(self.hidden_bias)
        return activation.sigmoid_() if self.hidden == "binary" else activation

    def sample_hidden(
        self, mean: torch.Tensor, generators: Sequence[torch.Generator]
    ) -> torch.Tensor:
        """Draw hidden states around their mean, each seed's from its own generator."""
        draws = torch.empty_like(mean)
        each = draws.view(len(generators), *mean.shape[-2:])
        for own, generator in zip(each, generators, strict=True):
            if self.hidden == "binary":
                own.uniform_(generator=generator)
            else:
                own.normal_(generator=generator)
        if self.hidden == "binary":
            return torch.lt(draws, mean, out=draws)
        return draws.add_(mean)

    def visible_mean(self, h: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """Mean of the visible units, [n_seeds, n, n_visible].

        `length` [n_seeds, n, 1] is words a document.
        """
        activation = torch.matmul(h, self.weights.mT).add_(self.visible_bias)
        if self.visible == "binary":
            return activation.sigmoid_()
        return torch.softmax(activation, dim=-1).mul_(length)


def contrastive_divergence(
    rbm: Rbm, v: torch.Tensor, generators: Sequence[torch.Generator]
) -> tuple[tuple[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]:
    """One step of contrastive divergence (CD-1) on a batch.

    Parameters
    ----------
    rbm : Rbm
    v : tensor, shape [n_seeds, n, n_visible]
        The data, in [0, 1] or word counts.
    generators : sequence of torch.Generator
        One a seed; draw the hidden states.

    Returns
    -------
    ascent : tensors of the shapes of weights, visible_bias and hidden_bias
        Mean over the batch of <v h>_data - <v h>_reconstruction, and so on.
    squared_error : tensor, shape [n_seeds]
        Summed over features and items, between data and reconstruction.
    """
    positive = rbm.hidden_mean(v)
    states = rbm.sample_hidden(positive, generators)
    reconstruction = rbm.visible_mean(states, v.sum(-1, keepdim=True))
    negative = rbm.hidden_mean(reconstruction)
    # Both means of v h in one product: two would write as many numbers as there are weights twice.
    h = torch.cat([positive, negative.neg()], -2).div_(v.shape[-2])
    weights = torch.matmul(torch.cat([v, reconstruction], -2).mT, h)
    difference = v - reconstruction
    ascent = weights, difference.mean(-2, keepdim=True), h.sum(-2, keepdim=True)
    return ascent, difference.square_().sum((-2, -1))


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
    batches: torch.Tensor,
    generators: Sequence[torch.Generator],
    progress: Progress,
    record: Callable[[int, int, float], None],
    phase: str = "pretraining",
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> None:
    """Train `rbm` in place by CD-1 with momentum on batches that are kept, as in 2006.

    Parameters
    ----------
    rbm : Rbm
    items : Items
    recipe : Recipe
    batches : tensor, shape [n_seeds, n_batches, batch_size]
        Indices of items.
    generators : sequence of torch.Generator, on the device
        One a seed; draw the hidden states.
    progress : Progress
    record : callable
        Takes the position of a seed, the epoch and the mean reconstruction error.
    phase : str
        Named in the progress.
    checkpoint : Checkpoint
        Is told every step; what an earlier process did there is not done again.

    Raises
    ------
    TrainingError
        When the reconstruction error stops being a number.
    """
    n_seeds, per_epoch, size = batches.shape
    batches = batches.to(items.device)
    v = torch.empty((n_seeds, size, items.shape[1]), device=items.device)
    error = torch.zeros(n_seeds, device=items.device)
    rate = recipe.learning_rate
    machine, batch = rbm, v
    if n_seeds == 1:  # plain matrices: their products know more precisions than batched ones
        rows = rbm.weights[0], rbm.visible_bias[0], rbm.hidden_bias[0]
        machine, batch = Rbm(*rows, rbm.visible, rbm.hidden), v[0]
    parameters = machine.weights, machine.visible_bias, machine.hidden_bias
    groups: list[dict[str, Any]] = [
        {"params": parameters[:1], "weight_decay": recipe.weight_cost},
        {"params": parameters[1:]},
    ]
    optimiser = torch.optim.SGD(
        groups,
        lr=rate,
        momentum=recipe.first_momentum,
        maximize=True,
        fused=True,
    )

    def ascend(momentum: float) -> None:
        ascent, batch_error = contrastive_divergence(machine, batch, generators)
        error.add_(batch_error)
        for group in optimiser.param_groups:
            group["momentum"] = momentum
        for parameter, rise in zip(parameters, ascent, strict=True):
            parameter.grad = rise
        optimiser.step()

    early, late = (
        Step(lambda momentum=momentum: ascend(momentum), items.device, generators)  # type: ignore[misc]
        for momentum in (recipe.first_momentum, recipe.final_momentum)
    )
    steps = max(1, round(recipe.epochs * per_epoch))
    done = seen = 0

    def state() -> dict[str, Any]:
        return {
            "done": done,
            "seen": seen,
            "error": error,
            "parameters": parameters,
            "momentum": [optimiser.state[p]["momentum_buffer"] for p in parameters],
            "generators": positions(generators),
        }

    earlier = checkpoint.join(phase, state)
    if earlier:
        done, seen = earlier["done"], earlier["seen"]
        refill([error, *parameters], [earlier["error"], *earlier["parameters"]])
        reposition(generators, earlier["generators"])
        for parameter, momentum in zip(parameters, earlier["momentum"], strict=True):
            optimiser.state[parameter]["momentum_buffer"] = momentum.to(items.device)
    progress.begin(phase, recipe.epochs, per_epoch, done)
    for step in range(done, steps):
        epoch, position = divmod(step, per_epoch)
        items.take(batches[:, position], out=v)
        ascend_once = early if epoch < recipe.first_momentum_epochs else late
        ascend_once()
        done, seen = step + 1, seen + size
        progress.step(done, lambda n=seen: f"squared error {float(error.mean()) / n:.4g}")  # type: ignore[misc]
        if position == per_epoch - 1 or step == steps - 1:
            # Saturated units hide weights that are no numbers from the error.
            error.add_(rbm.weights.sum((1, 2)).mul_(0))
            for seed, total in enumerate(error.tolist()):
                if not math.isfinite(total):
                    raise TrainingError(
                        f"the reconstruction error of RBM pretraining became {total} in epoch "
                        f"{epoch + 1} of {recipe.epochs:g} at learning rate {rate:g}; a smaller "
                        "learning rate may help."
                    )
                record(seed, epoch + 1, total / seen)
            error.zero_()
            seen = 0
        checkpoint.step()
    checkpoint.leave(phase)


def _start_from_word_shares(rbm: Rbm, items: Items) -> None:
    """Let a machine over words start from their frequencies, with small weights.

    Hinton, A practical guide to training RBMs (2010), section 8. From zero biases, CD-1 would spend
    its first epochs learning which words are common.
    """
    mean = items.mean()
    rbm.visible_bias.copy_(torch.log((mean / mean.sum()).clamp_min(1e-8)))
    rbm.weights.mul_(0.1)


def pretrain(
    items: Items,
    sizes: list[int],
    recipe: Recipe,
    code_learning_rate: float,
    visible: str,
    visible_learning_rate: float,
    seeds: Sequence[int],
    progress: Progress,
    record: Record,
    checkpoint: Checkpoint = NO_CHECKPOINT,
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
    seeds : sequence of int
        What a layer draws depends on its seed and its place alone, so that networks of one seed
        that differ in their code size share all layers below the code.
    progress, record, checkpoint
        As in `train`; the checkpoint is written after each layer, too.

    Returns
    -------
    rbms : list of Rbm
    """
    rbms: list[Rbm] = []
    earlier = checkpoint.join("machines", lambda: {"layers": [rbm.tensors for rbm in rbms]})
    ready = earlier["layers"] if earlier else []
    layers = len(sizes) - 1
    for layer in range(layers):
        last = layer == layers - 1
        units = visible if layer == 0 else "binary", "gaussian" if last else "binary"
        rbm = _fresh(sizes[layer : layer + 2], units, recipe, seeds, layer, items.device)
        if rbm.visible == "counts":
            _start_from_word_shares(rbm, items)
        rate = recipe.learning_rate if layer else visible_learning_rate
        orders = [stream(seed, f"pretraining {layer + 1} batches") for seed in seeds]
        batches = draw_batches(len(items), recipe.batch_size, orders)
        name = f"pretraining_{layer + 1}_squared_error"
        if layer < len(ready):
            refill(rbm.tensors, ready[layer])
        else:
            train(
                rbm,
                items,
                replace(recipe, learning_rate=code_learning_rate if last else rate),
                batches,
                [stream(seed, f"pretraining {layer + 1} states", items.device) for seed in seeds],
                progress,
                lambda seed, epoch, error, name=name: record(seed, name, epoch, error),  # type: ignore[misc]
                f"pretraining layer {layer + 1} of {layers}",
                checkpoint,
            )
        rbms.append(rbm)
        if layer >= len(ready):
            checkpoint.write()
        if not last:
            hidden = [rbm.hidden_mean(block) for block in items.blocks()]
            items = Items.resident(torch.cat(hidden, dim=1))
    checkpoint.leave("machines")
    return rbms


def _fresh(
    sizes: Sequence[int],
    units: tuple[str, str],
    recipe: Recipe,
    seeds: Sequence[int],
    layer: int,
    device: torch.device,
) -> Rbm:
    """A machine before training; drawn on the CPU, so that every device starts alike."""
    n_visible, n_hidden = sizes
    draws = (stream(seed, f"pretraining {layer + 1} weights") for seed in seeds)
    weights = torch.stack([torch.randn((n_visible, n_hidden), generator=g) for g in draws])
    return Rbm(
        weights.mul_(recipe.weight_scale).to(device),
        torch.zeros((len(seeds), 1, n_visible), device=device),
        torch.zeros((len(seeds), 1, n_hidden), device=device),
        *units,
    )
