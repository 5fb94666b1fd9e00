"""Fine-tuning: Adam and the conjugate gradients of 2006, for all seeds of one network at once."""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from aebench.console import Progress
from aebench.errors import TrainingError
from aebench.training.checkpoints import NO_CHECKPOINT, Checkpoint, positions, refill, reposition
from aebench.training.conjugate_gradients import minimise
from aebench.training.items import Items
from aebench.training.penalties import Trace
from aebench.training.perturbation import Perturbation
from aebench.training.seeds import Stack, Step, draw_batches, stream

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
EpochEnd = Callable[[int, int], None]
"""Takes the position of a seed and the number of its epochs done, rounded up."""
Record = Callable[[int, float, float], None]
"""Takes a point of a training curve: the seed's position, epochs done and mean loss."""

RECORDS = 10  # points on the curve of a training of fewer epochs; longer ones have one an epoch
UNPERTURBED = Perturbation()
FINE_TUNING = "fine-tuning"
WARM_UP = 0.1  # share of all steps over which the learning rate rises


class Objective(nn.Module):
    """What is minimised: the mean loss of a network's output on a batch, plus penalties.

    Parameters
    ----------
    network : nn.Module
        With penalties, a network of an `encoder`, a `code` and a `decoder`.
    loss : callable
        Maps outputs and targets [n, n_features] to losses [n].
    penalties : mapping of name to nn.Module
        See `aebench.training.penalties`.
    weights : mapping of name to float
        Of the penalties in the sum.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        penalties: Mapping[str, nn.Module] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.loss = network, loss
        self.penalties, self.weights = nn.ModuleDict(penalties), dict(weights or {})

    def forward(
        self, batch: torch.Tensor, target: torch.Tensor, noise: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Map a batch and its targets [n, n_features], and the code's noise, to a scalar."""
        if not self.penalties:
            output = self.network(batch) if noise is None else self.network(batch, noise)
            return self.loss(output, target).mean()
        network: Any = self.network
        inputs = network.encoder(batch)
        code = network.code(inputs, noise)
        value = self.loss(network.decoder(code), target).mean()
        trace = Trace(network, batch, inputs, code)
        for name, penalty in self.penalties.items():
            value = value + self.weights[name] * penalty(trace)
        return value


def learning_rate_factor(step: int, steps: int, schedule: str) -> float:
    """Share of the full learning rate at `step` of `steps`: linear warm-up, then cosine decay."""
    if schedule == "constant":
        return 1.0
    warm_up = max(1, round(WARM_UP * steps))
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * step / steps))


class Curve:
    """When a training's loss is looked at, averaged, checked and recorded.

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

    def __init__(
        self, epochs: float, per_epoch: int, record: Callable[[float, float], None], setting: str
    ) -> None:
        parts = math.ceil(RECORDS / epochs) if 0 < epochs < RECORDS else 1
        self._every = max(1, per_epoch // parts)
        self._epochs, self._per_epoch = epochs, per_epoch
        self._record, self._setting = record, setting

    def has_point(self, done: int, last: bool) -> bool:
        """Whether the curve has a point after the `done`-th batch."""
        position = done % self._per_epoch
        # The rest of an epoch that is no whole part joins the part before it.
        inside = position % self._every == 0 and self._per_epoch - position >= self._every
        return last or position == 0 or inside

    def add(self, done: int, mean: float) -> None:
        """Record the mean loss of the batches since the last point.

        Raises
        ------
        TrainingError
            When it is not finite; names the epoch and the setting.
        """
        if not math.isfinite(mean):
            raise TrainingError(
                f"the loss became {mean} in epoch {math.ceil(done / self._per_epoch)} of "
                f"{self._epochs:g} at {self._setting}; a smaller learning rate or another "
                "initialisation may help."
            )
        self._record(done / self._per_epoch, mean)


def _curves(
    seeds: Sequence[int], epochs: float, per_epoch: int, record: Record, setting: str
) -> list[Curve]:
    """One curve a seed."""
    return [
        Curve(
            epochs,
            per_epoch,
            lambda done, mean, position=position: record(position, done, mean),  # type: ignore[misc]
            setting,
        )
        for position in range(len(seeds))
    ]


def _room(
    order: torch.Tensor, inputs: Items, targets: Items, perturbation: Perturbation
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Room for a batch, its targets and its noise; one tensor for both where they are equal."""
    n_seeds, _, size = order.shape
    batch = torch.empty((n_seeds, size, inputs.shape[1]), device=inputs.device)
    equal = targets is inputs and not perturbation.changes_items
    target = batch if equal else torch.empty_like(batch)
    return batch, target, perturbation.noise(n_seeds, size, inputs.device)


def _take(
    index: torch.Tensor, inputs: Items, targets: Items, batch: torch.Tensor, target: torch.Tensor
) -> None:
    """Write the items at `index` [n_seeds, n] and their targets."""
    inputs.take(index, out=batch)
    if targets is not inputs:
        targets.take(index, out=target)
    elif target.data_ptr() != batch.data_ptr():
        target.copy_(batch)


def adam(
    objectives: Sequence[nn.Module],
    inputs: Items,
    targets: Items,
    seeds: Sequence[int],
    *,
    epochs: float,
    batch_size: int,
    learning_rate: float,
    schedule: str,
    weight_decay: float,
    progress: Progress,
    on_epoch: EpochEnd,
    record: Record,
    perturbation: Perturbation = UNPERTURBED,
    phase: str = FINE_TUNING,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> None:
    """Minimise each objective by AdamW on batches in a fresh random order each epoch.

    Parameters
    ----------
    objectives : sequence of nn.Module
        Of one architecture, one a seed, changed in place; see `Stack`.
    inputs, targets : Items
        The same object for an ordinary autoencoder.
    seeds : sequence of int
        Decide the order of the batches.
    epochs : float
        A fraction visits that share of the batches.
    on_epoch : callable
        Called after every epoch, and at the end.
    record : callable
        Takes the points of the training curves, see `Curve`.
    perturbation : Perturbation
        What is drawn at every step.
    phase : str
        Named in the progress; each has random numbers of its own.
    checkpoint : Checkpoint
        Is told every step; what an earlier process did there is not done again.

    Raises
    ------
    TrainingError
        When a loss stops being finite; names the epoch and the learning rate.
    """
    stack, device = Stack(objectives), inputs.device
    orders = [stream(seed, f"{phase} batches") for seed in seeds]
    order = draw_batches(len(inputs), batch_size, orders).to(device)
    n_seeds, per_epoch, _ = order.shape
    batch, target, noise = _room(order, inputs, targets, perturbation)
    generators = perturbation.generators(seeds, device, phase)
    rate, total = torch.zeros((), device=device), torch.zeros(n_seeds, device=device)
    optimiser = torch.optim.AdamW(
        stack.parameters,
        lr=rate,
        weight_decay=weight_decay,
        fused=True,
        capturable=device.type == "cuda",
    )

    def descend() -> None:
        perturbation(batch, target, noise, generators)
        total.add_(stack.backward(batch, target, noise))
        optimiser.step()

    descend_once = Step(descend, device, generators)
    steps = max(1, round(epochs * per_epoch))
    curves = _curves(seeds, epochs, per_epoch, record, f"learning rate {learning_rate:g}")
    done = seen = 0

    def state() -> dict[str, Any]:
        return {
            "done": done,
            "seen": seen,
            "total": total,
            "order": order,
            "orders": positions(orders),
            "generators": positions(generators),
            "stack": stack.state(),
            "moments": [dict(optimiser.state[parameter]) for parameter in stack.parameters],
        }

    earlier = checkpoint.join(phase, state)
    if earlier:
        done, seen, order = earlier["done"], earlier["seen"], earlier["order"].to(device)
        refill([total], [earlier["total"]])
        reposition([*orders, *generators], [*earlier["orders"], *earlier["generators"]])
        stack.restore(earlier["stack"])
        for parameter, moments in zip(stack.parameters, earlier["moments"], strict=True):
            optimiser.state[parameter] = {name: m.to(device) for name, m in moments.items()}
    progress.begin(phase, epochs, per_epoch, done)
    for step in range(done, steps):
        position = step % per_epoch
        if step and position == 0:
            order = draw_batches(len(inputs), batch_size, orders).to(device)
        _take(order[:, position], inputs, targets, batch, target)
        rate.fill_(learning_rate * learning_rate_factor(step, steps, schedule))
        descend_once()
        done, seen = step + 1, seen + 1
        progress.step(done, lambda n=seen: f"loss {float(total.mean()) / n:.4g}")  # type: ignore[misc]
        last = step == steps - 1
        if curves[0].has_point(done, last):
            for curve, sum_ in zip(curves, total.tolist(), strict=True):
                curve.add(done, sum_ / seen)
            total.zero_()
            seen = 0
        if position == per_epoch - 1 or last:
            for seed in range(n_seeds):
                on_epoch(seed, step // per_epoch + 1)
        checkpoint.step()
    checkpoint.leave(phase)


def conjugate_gradients(
    objectives: Sequence[nn.Module],
    inputs: Items,
    targets: Items,
    seeds: Sequence[int],
    *,
    epochs: float,
    batch_size: int,
    line_searches: int,
    progress: Progress,
    on_epoch: EpochEnd,
    record: Record,
    perturbation: Perturbation = UNPERTURBED,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> None:
    """Minimise each objective by conjugate gradients, started afresh on every large batch.

    The 2006 recipe: batches of 1,000, drawn once, three line searches on each. The loss reported
    for an epoch is the mean over its batches before each was searched. Parameters as in `adam`.

    Every seed searches at its own pace, on a batch of its own; what is shared is the evaluation
    of all networks at the points they are at.
    """
    stack, device = Stack(objectives), inputs.device
    orders = [stream(seed, "fine-tuning batches") for seed in seeds]
    order = draw_batches(len(inputs), batch_size, orders).to(device)
    n_seeds, per_epoch, _ = order.shape
    batch, target, noise = _room(order, inputs, targets, perturbation)
    generators = perturbation.generators(seeds, device, "fine-tuning")
    points = stack.laid_end_to_end()
    directions, gradients = torch.zeros_like(points), torch.zeros_like(points)
    parts = stack.as_parts(gradients)
    found = torch.zeros((2, n_seeds), device=device)

    def evaluate() -> None:
        found[0].copy_(stack.backward(batch, target, noise))
        torch._foreach_copy_(parts, stack.gradients)
        # A product of vectors one by one: batched ones may be rounded as those of matrices are.
        for slope, gradient, direction in zip(found[1], gradients, directions, strict=True):
            slope.copy_(gradient @ direction)

    steps = max(1, round(epochs * per_epoch))
    setting = "conjugate gradients (no learning rate)"
    curves = _curves(seeds, epochs, per_epoch, record, setting)
    # What each seed was when it took its batch: where it goes on from.
    starts: list[dict[str, Any]] = [{"done": 0, "total": 0.0, "seen": 0} for _ in seeds]
    earlier = checkpoint.join(FINE_TUNING, lambda: {"starts": starts})
    if earlier:
        starts = earlier["starts"]
        for seed, start in enumerate(starts):
            stack.restore(start["stack"], seed)
            reposition(generators[seed : seed + 1], start["generators"])
    progress.begin(FINE_TUNING, epochs, per_epoch, starts[0]["done"])

    def note(seed: int, done: int, total: float, seen: int) -> None:
        starts[seed] = {
            "done": done,
            "total": total,
            "seen": seen,
            "generators": positions(generators[seed : seed + 1]),
            "stack": stack.state(seed),
        }

    def search(seed: int) -> Generator[None, tuple[float, float], None]:
        """All line searches of one seed; hands over wherever its network is to be evaluated."""
        own = slice(seed, seed + 1)
        rows = points[seed], directions[seed], gradients[seed]
        done, total, seen = (starts[seed][name] for name in ("done", "total", "seen"))
        for step in range(done, steps):
            note(seed, step, total, seen)
            _take(order[own, step % per_epoch], inputs, targets, batch[own], target[own])
            # Once for all line searches on the batch: they minimise one function.
            noise_of_own = None if noise is None else noise[own]
            perturbation(batch[own], target[own], noise_of_own, generators[own])
            total += yield from minimise(*rows, line_searches)
            seen += 1
            if seed == 0:
                progress.step(step + 1, lambda mean=total / seen: f"loss {mean:.4g}")  # type: ignore[misc]
            last = step == steps - 1
            if curves[seed].has_point(step + 1, last):
                curves[seed].add(step + 1, total / seen)
                total, seen = 0.0, 0
            if step % per_epoch == per_epoch - 1 or last:
                on_epoch(seed, step // per_epoch + 1)
        note(seed, steps, total, seen)

    evaluate_once = Step(evaluate, device)
    searches = {seed: search(seed) for seed in range(n_seeds) if starts[seed]["done"] < steps}
    for running in searches.values():
        next(running)
    while searches:
        evaluate_once()
        for seed, (value, slope) in enumerate(found.T.tolist()):
            try:
                if seed in searches:
                    searches[seed].send((value, slope))
            except StopIteration:
                del searches[seed]
        checkpoint.step()
    checkpoint.leave(FINE_TUNING)
