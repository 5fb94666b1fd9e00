"""How autoencoders are fitted: pretraining, then fine-tuning, all given seeds in one pass."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from sklearn.utils import check_random_state
from torch import nn

from aebench.console import Progress
from aebench.errors import TrainingError
from aebench.models import codes
from aebench.models.network import Network, initialise, unroll
from aebench.training import device as devices
from aebench.training import loop, losses, penalties, rbm
from aebench.training.items import Items
from aebench.training.perturbation import Level, Perturbation
from aebench.training.seeds import stream

if TYPE_CHECKING:
    from aebench.models.autoencoder import AutoEncoder

SPREAD_ITEMS = 1000  # enough for the scale of the steps of optimised codes


def fit_together(
    estimators: Sequence["AutoEncoder"],
    inputs: Items,
    targets: Items,
    on_epoch: Callable[["AutoEncoder", int], None] | None = None,
) -> None:
    """Fit estimators that differ in their `random_state` alone, as one stack of networks.

    Parameters
    ----------
    estimators : sequence of AutoEncoder
        Their parameters are checked, their features counted.
    inputs, targets : Items
        One and the same object where they are equal.
    on_epoch : callable, optional
        See `AutoEncoder.fit`.

    Raises
    ------
    TrainingError
        When the loss of a seed stops being finite; names epoch, learning rate and seed.
    """
    states = [estimator.random_state for estimator in estimators]
    seeds = [int(check_random_state(state).randint(2**31 - 1)) for state in states]
    first, start = estimators[0], time.perf_counter()
    named = f"seed{'s' if len(states) > 1 else ''} {', '.join(map(str, states))}"
    label = first.verbose if isinstance(first.verbose, str) else "AutoEncoder"
    progress = Progress(f"{label} {named}", every=5.0 if first.verbose else float("inf"))

    def record(position: int, metric: str, epoch: float, value: float) -> None:
        seconds = (time.perf_counter() - start) / len(estimators)
        estimators[position].record(epoch, metric, value, seconds)

    def end(position: int, epoch: int) -> None:
        if first.inference == "optimised":
            _measure_spread(estimators[position].network_, inputs)
        if on_epoch:
            on_epoch(estimators[position], epoch)

    for estimator in estimators:
        estimator.history_ = []
        estimator.device_ = devices.describe(inputs.device)
    try:
        with devices.denormals_flushed(), devices.products_in(first.precision):
            _pretrain(estimators, inputs, targets, seeds, progress, record)
            for position in range(len(estimators)):
                end(position, 0)
            _fine_tune(estimators, inputs, targets, seeds, progress, record, end)
    except TrainingError as error:
        raise TrainingError(f"{error} ({'one of the ' * (len(states) > 1)}{named})") from None


def _pretrain(
    estimators: Sequence["AutoEncoder"],
    inputs: Items,
    targets: Items,
    seeds: Sequence[int],
    progress: Progress,
    record: rbm.Record,
) -> None:
    """Set every `network_` to its starting point."""
    first, mean = estimators[0], targets.mean()
    for estimator, seed in zip(estimators, seeds, strict=True):
        network = Network.of(first)
        initialise(network, first.initialisation, first.activation, mean, stream(seed, "weights"))
        estimator.network_ = network.to(inputs.device)
        estimator.parameters_count_ = sum(p.numel() for p in network.parameters())
    if first.pretraining_epochs == 0:
        return
    if first.pretraining == "rbm":
        _pretrain_rbms(estimators, inputs, seeds, progress, record)
    elif first.pretraining != "none":
        _pretrain_layers(estimators, inputs, targets, seeds, progress, record)


def _pretrain_rbms(
    estimators: Sequence["AutoEncoder"],
    inputs: Items,
    seeds: Sequence[int],
    progress: Progress,
    record: rbm.Record,
) -> None:
    """Train a stack of RBMs and unroll it into every network."""
    first = estimators[0]
    rate = first.pretraining_learning_rate
    first_rate = first.pretraining_input_learning_rate
    rbms = rbm.pretrain(
        inputs,
        [first.n_features_in_, *first.hidden, first.code_size],
        rbm.Recipe(first.pretraining_epochs, first.pretraining_batch_size, rate),
        first.pretraining_code_learning_rate,
        "counts" if first.loss == "multinomial" else "binary",
        rate if first_rate is None else first_rate,
        seeds,
        progress,
        record,
    )
    unroll([estimator.network_ for estimator in estimators], rbms)


def _pretrain_layers(
    estimators: Sequence["AutoEncoder"],
    inputs: Items,
    targets: Items,
    seeds: Sequence[int],
    progress: Progress,
    record: rbm.Record,
) -> None:
    """Train each layer and its mirror image as an autoencoder of what the layers below gave.

    Greedy layer-wise pretraining (Bengio et al. 2007); as denoising autoencoders, Vincent et al.
    (2010), every layer's input is masked. The last has the code's noise and the penalties, too.
    """
    first, layers = estimators[0], len(estimators[0].hidden) + 1
    code: Any
    denoising = first.pretraining == "denoising"
    for layer in range(layers):
        parts = [_layer(estimator.network_, layer, first) for estimator in estimators]
        code = parts[0].code
        loss = first.loss if layer == 0 else INNER_LOSS[parts[0].output]
        name = f"pretraining_{layer + 1}_loss"
        loop.adam(
            [_objective(part, loss, first, penalised=layer == layers - 1) for part in parts],
            inputs,
            targets,
            seeds,
            epochs=first.pretraining_epochs,
            batch_size=first.pretraining_batch_size,
            learning_rate=first.learning_rate,
            schedule=first.schedule,
            weight_decay=first.weight_decay,
            phase=f"pretraining layer {layer + 1} of {layers}",
            perturbation=Perturbation(
                "masking" if denoising else "none",
                first.pretraining_corruption_level,
                code.noise_width,
            ),
            progress=progress,
            on_epoch=lambda seed, epoch: None,
            record=lambda seed, epoch, mean, name=name: record(seed, name, epoch, mean),  # type: ignore[misc]
        )
        if layer < layers - 1:
            inputs = targets = _encoded(inputs, parts)


INNER_LOSS = {"sigmoid": "cross_entropy", "linear": "squared_error"}
"""How a layer above the first reconstructs the activations below it."""


def _layer(network: Network, layer: int, estimator: "AutoEncoder") -> Network:
    """One encoder layer of a dense network and its mirror image: a network that shares them."""
    down: Any
    down, up = network.encoder[2 * layer], network.decoder[-1 - 2 * layer]
    last = layer == len(estimator.hidden)
    code = network.code if last else codes.Pointwise(down.out_features, estimator.activation)
    inner = "sigmoid" if estimator.activation == "sigmoid" else "linear"
    output = network.output if layer == 0 else inner
    return Network(nn.Sequential(down), code, nn.Sequential(up), output)


@torch.no_grad()
def _encoded(items: Items, parts: Sequence[Network]) -> Items:
    """What one layer of each seed makes of the items that are its own or everybody's."""
    blocks = []
    for block in items.blocks():
        own = block if block.ndim == 3 else block.expand(len(parts), *block.shape)
        blocks.append(torch.stack([p.encode(x) for p, x in zip(parts, own, strict=True)]))
    return Items.resident(torch.cat(blocks, dim=1))


@torch.no_grad()
def _measure_spread(network: Network, items: Items) -> None:
    """Note how far the first training items' codes lie apart."""
    network.spread.copy_(network.encode(next(items.blocks(SPREAD_ITEMS))).std(0, correction=0))


def _fine_tune(
    estimators: Sequence["AutoEncoder"],
    inputs: Items,
    targets: Items,
    seeds: Sequence[int],
    progress: Progress,
    record: rbm.Record,
    end: loop.EpochEnd,
) -> None:
    first = estimators[0]
    if not first.epochs:
        return
    objectives = [_objective(estimator.network_, first.loss, first) for estimator in estimators]
    shared: dict[str, Any] = {
        "epochs": first.epochs,
        "batch_size": first.batch_size,
        "progress": progress,
        "on_epoch": end,
        "record": lambda position, epoch, mean: record(position, "loss", epoch, mean),
        "perturbation": Perturbation(
            first.corruption,
            _level(first.corruption_level),
            first.network_.code.noise_width,
            first.furthest_shift if first.code == "pose" else 0,
        ),
    }
    if first.optimizer == "adam":
        loop.adam(
            objectives,
            inputs,
            targets,
            seeds,
            learning_rate=first.learning_rate,
            schedule=first.schedule,
            weight_decay=first.weight_decay,
            **shared,
        )
    else:
        loop.conjugate_gradients(
            objectives, inputs, targets, seeds, line_searches=first.line_searches, **shared
        )


def _level(level: float | Sequence[float]) -> Level:
    """Return a level of corruption, or a pair of them, as `perturbation` takes it."""
    return (level[0], level[1]) if isinstance(level, Sequence) else level


def _objective(
    network: Network, loss: str, estimator: "AutoEncoder", penalised: bool = True
) -> loop.Objective:
    """The loss of a network, with the penalties that the estimator asks for."""
    weights = dict(estimator.penalties or {}) if penalised else {}
    size, sparsity = estimator.code_size, estimator.sparsity
    made = {name: penalties.make(name, size, sparsity) for name in weights}
    objective = loop.Objective(network, losses.make(loss, network.output), made, weights)
    return objective.to(next(network.parameters()).device)
