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
EpochEnd = Callable[[int, float], None]
"""Takes the number of epochs done and the mean loss seen during the last one."""

RECORDS = 10  # points on the curve of a training of fewer epochs; longer ones have one an epoch
WARM_UP = 0.1  # share of all steps over which the learning rate rises


def learning_rate_factor(step: int, steps: int, schedule: str) -> float:
    """Share of the full learning rate at `step` of `steps`: linear warm-up, then cosine decay."""
    if schedule == "constant":
        return 1.0
    warm_up = max(1, round(WARM_UP * steps))
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * step / steps))


class Curve:
    """Averages the loss between the points of a training curve and hands them to `record`."""

    def __init__(self, epochs: float, per_epoch: int, record: Callable[[float, float], None]):
        parts = math.ceil(RECORDS / epochs) if 0 < epochs < RECORDS else 1
        self._every = max(1, per_epoch // parts)
        self._per_epoch, self._record = per_epoch, record
        self._total: float | torch.Tensor = 0.0
        self._seen = 0

    def step(self, done: int, loss: float | torch.Tensor, last: bool) -> None:
        """Note the loss of one batch, the `done`-th; a tensor is not waited for until recorded."""
        self._total = self._total + loss
        self._seen += 1
        position = done % self._per_epoch
        # The rest of an epoch that is no whole part joins the part before it.
        inside = position % self._every == 0 and self._per_epoch - position >= self._every
        if last or position == 0 or inside:
            self._record(done / self._per_epoch, float(self._total) / self._seen)
            self._total, self._seen = 0.0, 0


def _check(loss: float, epoch: float, epochs: float, learning_rate: str) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss became {loss} in epoch {math.ceil(epoch)} of {epochs:g} at "
            f"{learning_rate}; a smaller learning rate or another initialisation may help."
        )


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
    record: Callable[[float, float], None] = lambda epoch, loss: None,
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
        Takes points of the training curve: epochs done, which may be a fraction, and mean loss.

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
    curve = Curve(epochs, per_epoch, record)
    total = torch.zeros((), device=inputs.device)
    seen = 0
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
        total += mean.detach()
        seen += 1
        curve.step(step + 1, mean.detach(), last=step == steps - 1)
        progress.step(step + 1, lambda t=total, n=seen: f"loss {float(t) / n:.4g}")  # type: ignore[misc]
        if position == per_epoch - 1 or step == steps - 1:
            average = float(total) / seen
            _check(average, (step + 1) / per_epoch, epochs, f"learning rate {learning_rate:g}")
            on_epoch(step // per_epoch + 1, average)
            total.zero_()
            seen = 0


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
    record: Callable[[float, float], None] = lambda epoch, loss: None,
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
    curve = Curve(epochs, len(batches), record)
    total, seen = 0.0, 0
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
        total, seen = total + first, seen + 1
        curve.step(step + 1, first, last=step == steps - 1)
        average = total / seen
        progress.step(step + 1, lambda average=average: f"loss {average:.4g}")  # type: ignore[misc]
        if step % len(batches) == len(batches) - 1 or step == steps - 1:
            done = (step + 1) / len(batches)
            _check(average, done, epochs, "conjugate gradients (no learning rate)")
            vector_to_parameters(x, parameters)
            on_epoch(step // len(batches) + 1, average)
            total, seen = 0.0, 0
