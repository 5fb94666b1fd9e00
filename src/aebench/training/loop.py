"""Fine-tuning: an Adam loop and the conjugate gradients of 2006, over one network and its items."""

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from aebench.console import Progress
from aebench.errors import TrainingError
from aebench.training.conjugate_gradients import minimise
from aebench.training.items import Items

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
EpochEnd = Callable[[int], None]
"""Takes the number of epochs done, rounded up."""
Record = Callable[[float, float], None]
"""Takes a point of the training curve: epochs done and mean loss."""

RECORDS = 10  # points on the curve of a training of fewer epochs; longer ones have one an epoch
WARM_UP = 0.1  # share of all steps over which the learning rate rises


def learning_rate_factor(step: int, steps: int, schedule: str) -> float:
    """Share of the full learning rate at `step` of `steps`: linear warm-up, then cosine decay."""
    if schedule == "constant":
        return 1.0
    warm_up = max(1, round(WARM_UP * steps))
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * step / steps))


class Curve:
    """The loss while training: averaged between the points of the curve, checked and recorded.

    Parameters
    ----------
    epochs : float
        A training of fewer than RECORDS epochs has several points an epoch.
    per_epoch : int
        Batches in an epoch.
    record : callable
        Takes the epochs done, which may be a fraction, and the mean loss since the last point.
    setting : str
        Named when the loss stops being finite.
    """

    def __init__(self, epochs: float, per_epoch: int, record: Record, setting: str) -> None:
        parts = math.ceil(RECORDS / epochs) if 0 < epochs < RECORDS else 1
        self._every = max(1, per_epoch // parts)
        self._epochs, self._per_epoch = epochs, per_epoch
        self._record, self._setting = record, setting
        self._total: float | torch.Tensor = 0.0
        self._seen, self._at_point = 0, False

    def step(self, done: int, loss: float | torch.Tensor, last: bool) -> None:
        """Note the loss of the `done`-th batch; a tensor is waited for only at a point.

        Raises
        ------
        TrainingError
            When the loss is not finite; names the epoch and the setting.
        """
        if self._at_point:
            self._total, self._seen, self._at_point = 0.0, 0, False
        self._total = self._total + loss
        self._seen += 1
        position = done % self._per_epoch
        # The rest of an epoch that is no whole part joins the part before it.
        inside = position % self._every == 0 and self._per_epoch - position >= self._every
        if not (last or position == 0 or inside):
            return
        mean = self.mean()
        if not math.isfinite(mean):
            raise TrainingError(
                f"the loss became {mean} in epoch {math.ceil(done / self._per_epoch)} of "
                f"{self._epochs:g} at {self._setting}; a smaller learning rate or another "
                "initialisation may help."
            )
        self._record(done / self._per_epoch, mean)
        self._at_point = True  # `mean` keeps its value until the next step

    def mean(self) -> float:
        """Mean loss since the last point."""
        return float(self._total) / self._seen


def adam(
    network: nn.Module,
    loss: Loss,
    inputs: Items,
    targets: Items,
    *,
    epochs: float,
    batch_size: int,
    learning_rate: float,
    schedule: str,
    weight_decay: float,
    generator: torch.Generator,
    progress: Progress,
    on_epoch: EpochEnd,
    record: Record,
) -> None:
    """Minimise the mean loss by AdamW on batches in a fresh random order each epoch.

    Parameters
    ----------
    network : nn.Module
        Maps inputs [n, n_features] to outputs before their last nonlinearity, changed in place.
    loss : callable
        Output and target to one value per item.
    inputs, targets : Items
        The same object for an ordinary autoencoder.
    epochs : float
        A fraction visits that share of the batches.
    generator : torch.Generator, on the CPU
        Draws the order.
    on_epoch : callable
        Called after every epoch, and at the end.
    record : callable
        Takes the points of the training curve, see `Curve`.

    Raises
    ------
    TrainingError
        When the loss stops being finite; names the epoch and the learning rate.
    """
    batch_size = min(batch_size, len(inputs))
    per_epoch = len(inputs) // batch_size
    steps = max(1, round(epochs * per_epoch))
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True
    )
    progress.begin("fine-tuning", epochs, per_epoch)
    curve = Curve(epochs, per_epoch, record, f"learning rate {learning_rate:g}")
    for step in range(steps):
        position = step % per_epoch
        if position == 0:
            order = torch.randperm(len(inputs), generator=generator)
        index = order[position * batch_size : (position + 1) * batch_size]
        rate = learning_rate * learning_rate_factor(step, steps, schedule)
        optimiser.param_groups[0]["lr"] = rate
        batch = inputs.take(index)
        target = batch if targets is inputs else targets.take(index)
        optimiser.zero_grad(set_to_none=True)
        mean = loss(network(batch), target).mean()
        mean.backward()
        optimiser.step()
        curve.step(step + 1, mean.detach(), last=step == steps - 1)
        progress.step(step + 1, lambda: f"loss {curve.mean():.4g}")
        if position == per_epoch - 1 or step == steps - 1:
            on_epoch(step // per_epoch + 1)


def conjugate_gradients(
    network: nn.Module,
    loss: Loss,
    inputs: Items,
    targets: Items,
    *,
    epochs: float,
    batch_size: int,
    line_searches: int,
    generator: torch.Generator,
    progress: Progress,
    on_epoch: EpochEnd,
    record: Record,
) -> None:
    """Minimise the mean loss by conjugate gradients, started afresh on every large batch.

    The 2006 recipe: batches of 1,000, drawn once, three line searches on each. The loss reported
    for an epoch is the mean over its batches before each was searched. Parameters as in `adam`.
    """
    batch_size = min(batch_size, len(inputs))
    batches = torch.randperm(len(inputs), generator=generator).split(batch_size)
    steps = max(1, round(epochs * len(batches)))
    progress.begin("fine-tuning", epochs, len(batches))
    parameters = list(network.parameters())
    x = parameters_to_vector(parameters).detach().clone()
    curve = Curve(epochs, len(batches), record, "conjugate gradients (no learning rate)")
    for step in range(steps):
        index = batches[step % len(batches)]
        batch = inputs.take(index)
        target = batch if targets is inputs else targets.take(index)

        def objective(
            x: torch.Tensor, batch: torch.Tensor = batch, target: torch.Tensor = target
        ) -> tuple[float, torch.Tensor]:
            vector_to_parameters(x, parameters)
            mean = loss(network(batch), target).mean()
            gradient = torch.autograd.grad(mean, parameters)
            return float(mean.detach()), parameters_to_vector(gradient)

        x, first = minimise(objective, x, line_searches)
        curve.step(step + 1, first, last=step == steps - 1)
        progress.step(step + 1, lambda: f"loss {curve.mean():.4g}")
        if step % len(batches) == len(batches) - 1 or step == steps - 1:
            vector_to_parameters(x, parameters)
            on_epoch(step // len(batches) + 1)
