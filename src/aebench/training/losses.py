"""Losses on the network's output before its last nonlinearity, summed over features.

Each takes `output` and `target` of shape [n_items, n_features] and returns one value per item, in
the units the literature reports: squared error, or nats.
"""

from collections.abc import Callable

import torch
from torch.nn import functional

ACTIVATED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "linear": lambda output: output,
    "sigmoid": torch.sigmoid,
    "softmax": lambda output: torch.softmax(output, dim=1),
}
"""The nonlinearity of the last layer, which turns the network's output into a reconstruction."""


def squared_error(
    output: torch.Tensor, target: torch.Tensor, nonlinearity: str = "linear"
) -> torch.Tensor:
    """Squared distance between the reconstruction and the target."""
    return (ACTIVATED[nonlinearity](output) - target).square().sum(1)


def cross_entropy(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy in nats, targets in [0, 1], sigmoid reconstruction."""
    return functional.binary_cross_entropy_with_logits(output, target, reduction="none").sum(1)


def multinomial(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy in nats per word between the shares of words and a softmax over words."""
    return -(target * functional.log_softmax(output, dim=1)).sum(1)


OUTPUTS = {
    "squared_error": ("linear", "sigmoid"),
    "cross_entropy": ("sigmoid",),
    "multinomial": ("softmax",),
}
"""For each loss the nonlinearities its last layer may have, the default first."""


def make(loss: str, nonlinearity: str) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the loss of that name as a function of output and target."""
    if loss == "squared_error":
        return lambda output, target: squared_error(output, target, nonlinearity)
    return {"cross_entropy": cross_entropy, "multinomial": multinomial}[loss]
