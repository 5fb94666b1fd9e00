"""The symmetric encoder-decoder network, its initialisations and the unrolling of RBMs into it."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from aebench.training.losses import ACTIVATED
from aebench.training.rbm import Rbm

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
}
CODES: dict[str, type[nn.Module]] = {"linear": nn.Identity, "sigmoid": nn.Sigmoid}
INITIALISATIONS = ("kaiming", "normal")


def _stack(sizes: Sequence[int], activation: type[nn.Module]) -> list[nn.Module]:
    """Linear layers of these sizes with the activation between them, weights still unset."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.utils.skip_init(nn.Linear, n_in, n_out), activation()]
    return layers[:-1]


class Network(nn.Module):
    """Encoder and decoder; `forward` gives the output before its last nonlinearity.

    Parameters
    ----------
    sizes : sequence of int
        Features, hidden sizes, code size, as in 784-1000-500-250-30. The decoder mirrors it.
    activation : str
        Between the layers, a key of ACTIVATIONS.
    code : str
        Nonlinearity of the code layer, a key of CODES.
    output : str
        Nonlinearity of the reconstruction, a key of `training.losses.ACTIVATED`.
    """

    def __init__(self, sizes: Sequence[int], activation: str, code: str, output: str) -> None:
        super().__init__()
        kind = ACTIVATIONS[activation]
        self.encoder = nn.Sequential(*_stack(sizes, kind), CODES[code]())
        self.decoder = nn.Sequential(*_stack(sizes[::-1], kind))
        self.output = output

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map items [n, n_features] to outputs [n, n_features] before the last nonlinearity."""
        return self.decoder(self.encoder(x))

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Map codes [n, code_size] to reconstructions [n, n_features]."""
        return ACTIVATED[self.output](self.decoder(z))

    def linear_layers(self) -> list[nn.Linear]:
        """All linear layers from the input to the reconstruction."""
        return [layer for layer in self.modules() if isinstance(layer, nn.Linear)]


@torch.no_grad()
def initialise(
    network: Network,
    scheme: str,
    activation: str,
    target_mean: torch.Tensor,
    generator: torch.Generator,
) -> None:
    """Draw fresh weights; the generator lives on the CPU, so every device starts alike.

    Parameters
    ----------
    scheme : {"kaiming", "normal"}
        `kaiming`: variance 2/fan-in behind rectifier-like units (He et al. 2015), 1/fan-in
        (LeCun et al. 1998) elsewhere, and an output bias that already reconstructs the mean.
        `normal`: 0.1 times a standard normal and zero biases, as the 2006 code starts.
    target_mean : tensor, shape [n_features]
        Mean of the training targets.
    """
    layers = network.linear_layers()
    ends_a_half = {id(network.encoder[-2]), id(network.decoder[-1])}
    for layer in layers:
        draw = torch.randn(layer.weight.shape, generator=generator)
        if scheme == "normal":
            scale = 0.1
        else:
            rectifier = activation in ("relu", "silu", "elu") and id(layer) not in ends_a_half
            scale = ((2.0 if rectifier else 1.0) / layer.in_features) ** 0.5
        layer.weight.copy_(draw * scale)
        layer.bias.zero_()
    if scheme == "kaiming":
        mean = target_mean.to(layers[-1].bias.device)
        if network.output == "sigmoid":
            mean = torch.logit(mean.clamp(1e-3, 1 - 1e-3))
        elif network.output == "softmax":
            mean = torch.log(mean.clamp_min(1e-8))
        layers[-1].bias.copy_(mean)


@torch.no_grad()
def unroll(networks: Sequence[Network], rbms: Sequence[Rbm]) -> None:
    """Copy a stack of RBMs into each seed's encoder, and its transposes into the decoder."""
    for seed, network in enumerate(networks):
        layers = network.linear_layers()
        for layer, rbm in zip(layers[: len(rbms)], rbms, strict=True):
            layer.weight.copy_(rbm.weights[seed].T)
            layer.bias.copy_(rbm.hidden_bias[seed, 0])
        for layer, rbm in zip(layers[len(rbms) :], reversed(rbms), strict=True):
            layer.weight.copy_(rbm.weights[seed])
            layer.bias.copy_(rbm.visible_bias[seed, 0])
