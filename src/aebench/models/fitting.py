"""How autoencoders are fitted: pretraining, then fine-tuning, all given seeds in one pass."""

import gc
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from sklearn.utils import check_random_state
from torch import nn

from aebench.console import Progress
from aebench.errors import TrainingError
from aebench.models import codes
from aebench.models.autoencoder import AutoEncoder, Measurement
from aebench.models.network import Network, initialise, unroll
from aebench.training import device as devices
from aebench.training import loop, losses, penalties, rbm
from aebench.training.checkpoints import NO_CHECKPOINT, Checkpoint
from aebench.training.items import Items
from aebench.training.perturbation import Level, Perturbation
from aebench.training.seeds import Stack, stream

SPREAD_ITEMS = 1000  # enough for the scale of the steps of optimised codes
WITHOUT_WEIGHT = ("device", "random_state", "verbose")
"""Parameters that a checkpoint may differ in; seeds and devices are compared by themselves."""

EpochEnd = Callable[[AutoEncoder, int], None]


def fit_all(
    estimators: Sequence[AutoEncoder],
    inputs: Items,
    targets: Items,
    on_epoch: EpochEnd | None,
    checkpoint: Checkpoint,
    data: str,
) -> None:
    """Fit estimators that differ in their `random_state` alone, as many at once as is good.

    Parameters
    ----------
    estimators, inputs, targets, on_epoch
        As `fit_together` takes them.
    checkpoint : Checkpoint
        Seeds that an earlier process has finished are not fitted again.
    data : str
        Says which items these are.

    Raises
    ------
    TrainingError
        As `fit_together`; the checkpoint is removed.
    torch.OutOfMemoryError
        When a GPU has no room for one seed.
    """
    finished, device = 0, inputs.device
    together = at_once(len(estimators), device)
    checkpoint.open(_identity(estimators, device, data))
    earlier = checkpoint.join(
        "seeds",
        lambda: {"together": together, "finished": [_result(e) for e in estimators[:finished]]},
    )
    if earlier:
        together, finished = earlier["together"], len(earlier["finished"])
        for estimator, result in zip(estimators, earlier["finished"], strict=False):
            _take_up(estimator, result, device)
    while finished < len(estimators):
        group = estimators[finished : finished + together]
        if not _fit_if_room(group, inputs, targets, on_epoch, checkpoint):
            together = len(group) // 2
            continue
        finished += len(group)
        if finished < len(estimators):
            checkpoint.write()


def at_once(n_seeds: int, device: torch.device) -> int:
    """How many seeds to stack; on a CPU, busy with one, they would only compete for its caches."""
    return n_seeds if device.type == "cuda" else 1


def _identity(estimators: Sequence[AutoEncoder], device: torch.device, data: str) -> dict[str, Any]:
    """Say what the fitted estimators depend on."""
    parameters = estimators[0].get_params()
    return {
        "parameters": {k: repr(v) for k, v in parameters.items() if k not in WITHOUT_WEIGHT},
        "seeds": [str(estimator.random_state) for estimator in estimators],
        "data": data,
        "device": devices.describe(device),
    }


def _result(estimator: AutoEncoder) -> dict[str, Any]:
    """Tell what fitting has found."""
    return {"weights": estimator.network_.state_dict(), "history": estimator.history_}


def _take_up(estimator: AutoEncoder, result: Mapping[str, Any], device: torch.device) -> None:
    """Be fitted as an earlier process has told."""
    network = Network.of(estimator)
    network.load_state_dict(result["weights"])
    _start(estimator, network.to(device), result["history"])


def _start(estimator: AutoEncoder, network: Network, history: Sequence[Sequence[Any]]) -> None:
    device = next(network.parameters()).device
    estimator.network_, estimator.device_ = network, devices.describe(device)
    estimator.parameters_count_ = sum(p.numel() for p in network.parameters())
    estimator.history_ = [Measurement(*row) for row in history]


def _fit_if_room(group: Sequence[AutoEncoder], *arguments: Any) -> bool:
    """Fit a group of estimators; return whether the GPU had room for as many as one stack.

    Seeds do not mix: fewer at once take longer and end in the same, but for rounding.
    """
    try:
        fit_together(group, *arguments)
        return True
    except torch.OutOfMemoryError:
        if len(group) == 1:
            raise
    print(f"no room on the GPU for {len(group)} seeds at once; fewer now", file=sys.stderr)
    gc.collect()  # what the failed training held, in cycles
    torch.cuda.empty_cache()
    return False


def fit_together(
    estimators: Sequence[AutoEncoder],
    inputs: Items,
    targets: Items,
    on_epoch: EpochEnd | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
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
    checkpoint : Checkpoint
        Opened; what an earlier process did there is not done again.

    Raises
    ------
    TrainingError
        When the loss of a seed stops being finite; names epoch, learning rate and seed. The
        checkpoint, which would lead there again, is removed.
    """
    states = [estimator.random_state for estimator in estimators]
    seeds = [int(check_random_state(state).randint(2**31 - 1)) for state in states]
    first, start = estimators[0], time.perf_counter()
    earlier = checkpoint.join(
        "network",
        lambda: {
            "seeds": seeds,
            "seconds": time.perf_counter() - start,
            "history": [estimator.history_ for estimator in estimators],
        },
    )
    if earlier:  # seeds, too: a random_state may be no number
        seeds, start = earlier["seeds"], start - earlier["seconds"]
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

    histories = earlier["history"] if earlier else [[]] * len(estimators)
    try:
        with devices.denormals_flushed(), devices.products_in(first.precision):
            mean = targets.mean()
            for estimator, seed, history in zip(estimators, seeds, histories, strict=True):
                _start(estimator, _fresh(first, mean, seed).to(inputs.device), history)
            if loop.FINE_TUNING not in checkpoint:
                _pretrain(estimators, inputs, targets, seeds, progress, record, checkpoint)
                for position in range(len(estimators)):
                    end(position, 0)
            _fine_tune(estimators, inputs, targets, seeds, progress, record, end, checkpoint)
    except TrainingError as error:
        checkpoint.remove()
        raise TrainingError(f"{error} ({'one of the ' * (len(states) > 1)}{named})") from None
    finally:
        checkpoint.leave("network")


def _fresh(estimator: AutoEncoder, mean: torch.Tensor, seed: int) -> Network:
    """Make a network that starts from chance and the targets' mean."""
    network = Network.of(estimator)
    kind, activation = estimator.initialisation, estimator.activation
    initialise(network, kind, activation, mean, stream(seed, "weights"))
    return network


def _pretrain(
    estimators: Sequence[AutoEncoder],
    inputs: Items,
    targets: Items,
    seeds: Sequence[int],
    progress: Progress,
    record: rbm.Record,
    checkpoint: Checkpoint,
) -> None:
    """Bring every `network_` to the start of fine-tuning."""
    first = estimators[0]
    if first.pretraining_epochs == 0:
        return
    if first.pretraining == "rbm":
        _pretrain_rbms(estimators, inputs, seeds, progress, record, checkpoint)
    elif first.pretraining != "none":
        _pretrain_layers(estimators, inputs, targets, seeds, progress, record, checkpoint)


def _pretrain_rbms(
    estimators: Sequence[AutoEncoder],
    inputs: Items,
    seeds: Sequence[int],
    progress: Progress,
    record: rbm.Record,
    checkpoint: Checkpoint,
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
        checkpoint,
    )
    unroll([estimator.network_ for estimator in estimators], rbms)


def _pretrain_layers(
    estimators: Sequence[AutoEncoder],
    inputs: Items,
    targets: Items,
    seeds: Sequence[int],
    progress: Progress,
    record: rbm.Record,
    checkpoint: Checkpoint,
) -> None:
    """Train each layer and its mirror image as an autoencoder of what the layers below gave.

    Greedy layer-wise pretraining (Bengio et al. 2007); as denoising autoencoders, Vincent et al.
    (2010), every layer's input is masked. The last has the code's noise and the penalties, too.
    """
    first, layers = estimators[0], len(estimators[0].hidden) + 1
    code: Any
    denoising = first.pretraining == "denoising"
    networks, ready = [estimator.network_ for estimator in estimators], 0
    earlier = checkpoint.join(
        "layers", lambda: {"ready": ready, "weights": [n.state_dict() for n in networks]}
    )
    if earlier:
        ready = earlier["ready"]
        for network, weights in zip(networks, earlier["weights"], strict=True):
            network.load_state_dict(weights)
    for layer in range(layers):
        parts = [_layer(estimator.network_, layer, first) for estimator in estimators]
        code = parts[0].code
        loss = first.loss if layer == 0 else INNER_LOSS[parts[0].output]
        name = f"pretraining_{layer + 1}_loss"
        objectives = [_objective(p, loss, first, penalised=layer == layers - 1) for p in parts]
        if layer < ready:
            Stack(
                objectives
            )  # lays the weights where training did, which may decide their rounding
        else:
            loop.adam(
                objectives,
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
                checkpoint=checkpoint,
            )
            ready = layer + 1
            checkpoint.write()
        if layer < layers - 1:
            inputs = targets = _encoded(inputs, parts)
    checkpoint.leave("layers")


INNER_LOSS = {"sigmoid": "cross_entropy", "linear": "squared_error"}
"""How a layer above the first reconstructs the activations below it."""


def _layer(network: Network, layer: int, estimator: AutoEncoder) -> Network:
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
    estimators: Sequence[AutoEncoder],
    inputs: Items,
    targets: Items,
    seeds: Sequence[int],
    progress: Progress,
    record: rbm.Record,
    end: loop.EpochEnd,
    checkpoint: Checkpoint,
) -> None:
    first = estimators[0]
    if not first.epochs:
        return
    objectives = [_objective(estimator.network_, first.loss, first) for estimator in estimators]
    shared: dict[str, Any] = {
        "epochs": first.epochs,
        "batch_size": first.batch_size,
        "progress": progress,
        "checkpoint": checkpoint,
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
    network: Network, loss: str, estimator: AutoEncoder, penalised: bool = True
) -> loop.Objective:
    """The loss of a network, with the penalties that the estimator asks for."""
    weights = dict(estimator.penalties or {}) if penalised else {}
    size, sparsity = estimator.code_size, estimator.sparsity
    made = {name: penalties.make(name, size, sparsity) for name in weights}
    objective = loop.Objective(network, losses.make(loss, network.output), made, weights)
    return objective.to(next(network.parameters()).device)
