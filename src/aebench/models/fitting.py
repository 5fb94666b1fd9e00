"""How autoencoders are fitted: pretraining, then fine-tuning, all given seeds in one pass."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sklearn.utils import check_random_state

from aebench.console import Progress
from aebench.errors import TrainingError
from aebench.models.network import Network, initialise, unroll
from aebench.training import device as devices
from aebench.training import loop, losses, rbm
from aebench.training.items import Items
from aebench.training.seeds import stream

if TYPE_CHECKING:
    from aebench.models.autoencoder import AutoEncoder


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
    sizes = [first.n_features_in_, *first.hidden, first.code_size]
    for estimator, seed in zip(estimators, seeds, strict=True):
        network = Network(sizes, first.activation, first.code, first.output_of_loss())
        initialise(network, first.initialisation, first.activation, mean, stream(seed, "weights"))
        estimator.network_ = network.to(inputs.device)
        estimator.parameters_count_ = sum(p.numel() for p in network.parameters())
    if first.pretraining == "none" or first.pretraining_epochs == 0:
        return
    rate = first.pretraining_learning_rate
    first_rate = first.pretraining_input_learning_rate
    rbms = rbm.pretrain(
        inputs,
        sizes,
        rbm.Recipe(first.pretraining_epochs, first.pretraining_batch_size, rate),
        first.pretraining_code_learning_rate,
        "counts" if first.loss == "multinomial" else "binary",
        rate if first_rate is None else first_rate,
        seeds,
        progress,
        record,
    )
    unroll([estimator.network_ for estimator in estimators], rbms)


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
    loss = losses.make(first.loss, first.output_of_loss())
    objectives = [loop.Objective(estimator.network_, loss) for estimator in estimators]
    shared: dict[str, Any] = {
        "epochs": first.epochs,
        "batch_size": first.batch_size,
        "progress": progress,
        "on_epoch": end,
        "record": lambda position, epoch, mean: record(position, "loss", epoch, mean),
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
