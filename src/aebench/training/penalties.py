"""Penalties: what is added to the loss, each a mean over the items of a batch.

They compose: an objective has any number of them, each with a weight of its own. All take a
`Trace`, what the network computed on the batch.
"""

from typing import Any, NamedTuple

import torch
from torch import nn

COMMITMENT = 0.25  # van den Oord et al. 2017 use it throughout; results hardly depend on it
MEMORY = 0.9  # share of the past in the running mean of activations


class Trace(NamedTuple):
    """What a network computed on a batch.

    `batch` [n, n_features], the `inputs` of the code [n, n_inputs], the `code` [n, code_size].
    """

    network: Any
    batch: torch.Tensor
    inputs: torch.Tensor
    code: torch.Tensor


class L1(nn.Module):
    """Sum of the absolute values of the code."""

    def forward(self, trace: Trace) -> torch.Tensor:
        """Return the mean over items."""
        return trace.code.abs().sum(-1).mean()


class Kl(nn.Module):
    """Divergence of the units' mean activations from the asked one, summed over units.

    KL(rho || rho_hat) between Bernoulli variables, for code units in (0, 1). A batch alone tells
    rho_hat poorly, so its value is a running mean; its gradient is the batch's:
    -rho / rho_hat + (1 - rho) / (1 - rho_hat) for each unit's mean activation (Ng, Sparse
    autoencoder, CS294A lecture notes 2011, section 3).

    Parameters
    ----------
    code_size : int
    sparsity : float
        rho, the asked mean activation.
    """

    activation: torch.Tensor

    def __init__(self, code_size: int, sparsity: float) -> None:
        super().__init__()
        self.sparsity = sparsity
        self.register_buffer("activation", torch.full((code_size,), sparsity))

    def forward(self, trace: Trace) -> torch.Tensor:
        """Return the divergence; the running mean moves on."""
        mean = trace.code.mean(0)
        with torch.no_grad():
            self.activation.mul_(MEMORY).add_(mean, alpha=1 - MEMORY)
        # Bounded before the gradient passes: units that are never active must come back.
        bounded = self.activation.clamp(1e-4, 1 - 1e-4)
        estimate = mean + (bounded - mean).detach()
        rho = self.sparsity
        on, off = rho * torch.log(rho / estimate), (1 - rho) * torch.log((1 - rho) / (1 - estimate))
        return (on + off).sum()


class Contractive(nn.Module):
    """Squared Frobenius norm of the encoder's Jacobian (Rifai et al. 2011).

    In closed form, sum_j f'(a_j)^2 sum_i W_ji^2, for one layer of units f; for deeper encoders from
    the exact Jacobian, at the price of as many backward passes as the code has units.
    """

    def forward(self, trace: Trace) -> torch.Tensor:
        """Return the mean over items."""
        encoder, code = trace.network.encoder, trace.network.code
        if len(encoder) == 1 and isinstance(encoder[0], nn.Linear):
            slopes = _slopes(code.function, trace.inputs)
            return (slopes.square() @ encoder[0].weight.square().sum(1)).mean()
        jacobians = torch.func.vmap(torch.func.jacrev(lambda x: code(encoder(x[None]))[0]))
        return jacobians(trace.batch).square().sum((-2, -1)).mean()


def _slopes(function: Any, inputs: torch.Tensor) -> torch.Tensor:
    """Derivative of a function of single units at every input."""
    back: Any = torch.func.vjp(function, inputs)[1]
    return back(torch.ones_like(inputs))[0]


class Saturation(nn.Module):
    """Distance of the code's inputs from where its units are flat (Goroshin & LeCun 2013).

    Saturated-linear units are pushed to their ends, shrinking and rectified ones to 0.
    """

    def forward(self, trace: Trace) -> torch.Tensor:
        """Return the sum over units, mean over items."""
        return FLAT[trace.network.code.kind](trace.inputs).sum(-1).mean()


FLAT = {
    "saturated-linear": lambda x: (1 - x.abs()).clamp_min(0),
    "shrink": lambda x: (x.abs() - 1).clamp_min(0),
    "relu": torch.relu,
}
"""For each kind of unit the distance to the nearest point of zero slope."""


class Prior(nn.Module):
    """Divergence of each item's Gaussian from the standard normal, summed over units, in nats.

    With weight 1 and a cross-entropy loss the objective is the negative evidence lower bound
    (Kingma & Welling 2013, appendix B).
    """

    def forward(self, trace: Trace) -> torch.Tensor:
        """Return the mean over items."""
        mean, log_variance = trace.inputs.chunk(2, dim=-1)
        terms = mean.square() + log_variance.exp() - 1 - log_variance
        return 0.5 * terms.sum(-1).mean()


class Quantisation(nn.Module):
    """Distance between the code's inputs and the codebook's entries (van den Oord et al. 2017).

    It moves the entries to the inputs and, COMMITMENT times as strongly, the inputs to the entries.
    """

    def forward(self, trace: Trace) -> torch.Tensor:
        """Return the mean over items of the squared distance."""
        nearest = trace.network.code.nearest(trace.inputs)
        entries = (nearest - trace.inputs.detach()).square()
        inputs = (nearest.detach() - trace.inputs).square()
        return (entries + COMMITMENT * inputs).sum(-1).mean()


class Cycle(nn.Module):
    """How far the encoder is from inverting the decoder between the items of a batch.

    Codes of pairs of items are mixed and decoded, and what the first item's reconstruction lacks is
    added: unlimited new items, whose codes are known. The distance of the encoder's codes of them,
    in units of each unit's spread, is what the encoder is to make small; the decoder does not learn
    from it. It is against the encoder's part of overfitting: for new items the decoder holds codes
    that are far better than those the encoder finds.
    """

    def forward(self, trace: Trace) -> torch.Tensor:
        """Return the sum over units, mean over items."""
        network, codes = trace.network, trace.code.detach()
        # Items come in random order: fixed shares of fixed neighbours are random ones.
        share = torch.linspace(0, 0.5, len(codes), device=codes.device)[:, None]
        with torch.no_grad():
            mixed = codes + share * (codes.roll(1, 0) - codes)
            lacking = trace.batch - network.decode(codes)
            items = network.decode(mixed) + lacking
            # A decoder that does not listen to the code yet would only pull all codes together.
            explained = (
                1 - lacking.square().sum() / (trace.batch - trace.batch.mean(0)).square().sum()
            )
        spread = codes.std(0).clamp_min(1e-6)
        distance = ((network.encode(items) - mixed) / spread).square().sum(-1).mean()
        return explained.clamp_min(0) ** 4 * distance


class L2(nn.Module):
    """Sum of the squares of all weights, biases and codebooks left out.

    On a linear autoencoder it makes the decoder's left singular vectors the principal axes, and the
    encoder its transpose; the code may still be rotated (Kunin et al. 2019).
    """

    def forward(self, trace: Trace) -> torch.Tensor:
        """Return the sum, whatever the items."""
        layers = trace.network.weighted_layers()
        return torch.stack([layer.weight.square().sum() for layer in layers]).sum()


PENALTIES: dict[str, type[nn.Module]] = {
    "l1": L1,
    "kl": Kl,
    "contractive": Contractive,
    "saturation": Saturation,
    "prior": Prior,
    "quantisation": Quantisation,
    "cycle": Cycle,
    "l2": L2,
}
"""What a penalty may be called."""


def make(name: str, code_size: int, sparsity: float) -> nn.Module:
    """Return a fresh penalty of that name; `kl` keeps the units' running mean activation."""
    return Kl(code_size, sparsity) if name == "kl" else PENALTIES[name]()
