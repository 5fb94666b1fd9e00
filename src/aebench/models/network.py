"""The network: encoder, code, decoder; its initialisations and the unrolling of RBMs into it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from aebench.models import codes
from aebench.models.decoders import Layer
from aebench.models.layers import ACTIVATIONS, LAYERS, Transposed, dense
from aebench.training.losses import ACTIVATED
from aebench.training.rbm import Rbm

if TYPE_CHECKING:
    from aebench.models.autoencoder import AutoEncoder

INITIALISATIONS = ("kaiming", "normal")
ACTIVATION_NAMES = {kind: name for name, kind in ACTIVATIONS.items()}
WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)


class Network(nn.Module):
    """Encoder, code and decoder; `forward` gives the output before its last nonlinearity.

    Parameters
    ----------
    encoder : nn.Module
        Maps items [n, n_features] to the code's inputs [n, n_inputs].
    code : nn.Module
        See `aebench.models.codes`.
    decoder : nn.Module
        Maps codes [n, code_size] to outputs [n, n_features].
    output : str
        Nonlinearity of the reconstruction, a key of `training.losses.ACTIVATED`.

    Attributes
    ----------
    spread : tensor, shape [code_size]
        Standard deviations of the code on training items; only where codes are optimised.
    """

    spread: torch.Tensor

    def __init__(
        self, encoder: nn.Sequential, code: nn.Module, decoder: nn.Sequential, output: str
    ) -> None:
        super().__init__()
        self.encoder, self.code, self.decoder = encoder, code, decoder
        self.output = output

    @classmethod
    def of(cls, estimator: "AutoEncoder") -> "Network":
        """Return the network that a checked estimator's parameters describe, weights unset."""
        e = estimator
        code: Any = codes.make(e.code, e.code_size, e.code_noise, e.sparsity, e.codebook_size)
        tied = {"tied": True} if e.tied else {}
        encoder, decoder = LAYERS[e.layers](
            e.n_features_in_, list(e.hidden), code.n_inputs, e.code_size, e.activation, **tied
        )
        network = cls(encoder, code, decoder, e.output_of_loss())
        if e.inference == "optimised":
            network.register_buffer("spread", torch.ones(e.code_size))
        return network

    @classmethod
    def dense(cls, sizes: Sequence[int], activation: str, code: str, output: str) -> "Network":
        """Fully connected layers of these sizes, as in 784-1000-500-250-30, and their mirror."""
        *below, code_size = sizes
        encoder, decoder = dense(below[0], below[1:], code_size, code_size, activation)
        return cls(encoder, codes.Pointwise(code_size, code), decoder, output)

    def forward(self, x: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Map items [n, n_features] to outputs [n, n_features] before the last nonlinearity."""
        return self.decoder(self.code(self.encoder(x), noise))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Map items [n, n_features] to codes [n, code_size]."""
        return self.code(self.encoder(x))

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Map codes [n, code_size] to reconstructions [n, n_features]."""
        return ACTIVATED[self.output](self.decoder(z))

    def dense_decoder(self) -> list[Layer] | None:
        """Name the arrays of a decoder of dense layers; None for any other."""
        name_of = {id(parameter): name for name, parameter in self.named_parameters()}
        layers: list[Layer] = []
        for part in self.decoder:
            if isinstance(part, nn.Linear):
                layers.append(Layer(name_of[id(part.weight)], name_of[id(part.bias)], False))
            elif isinstance(part, Transposed):
                layers.append(Layer(name_of[id(part.of.weight)], name_of[id(part.bias)], True))
            elif type(part) in ACTIVATION_NAMES and layers:
                layers[-1] = layers[-1]._replace(activation=ACTIVATION_NAMES[type(part)])
            else:
                return None
        return [*layers[:-1], layers[-1]._replace(activation=self.output)]

    def weighted_layers(self) -> list[Any]:
        """All layers with weights of their own from the input to the reconstruction."""
        return [layer for layer in self.modules() if isinstance(layer, WEIGHTED)]


def _fan_in(layer: Any) -> float:
    """How many numbers a unit of the layer adds up."""
    if isinstance(layer, nn.ConvTranspose2d):  # each output sees one in `stride` squared
        return layer.weight[:, 0].numel() / layer.stride[0] ** 2
    return layer.weight[0].numel()


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
    layers = network.weighted_layers()
    of_encoder = [layer for layer in network.encoder.modules() if isinstance(layer, WEIGHTED)]
    ends_a_half = {id(of_encoder[-1]), id(layers[-1])}
    for layer in layers:
        draw = torch.randn(layer.weight.shape, generator=generator)
        if scheme == "normal":
            scale = 0.1
        else:
            rectifier = activation in ("relu", "silu", "elu") and id(layer) not in ends_a_half
            scale = ((2.0 if rectifier else 1.0) / _fan_in(layer)) ** 0.5
        layer.weight.copy_(draw * scale)
        layer.bias.zero_()
    if isinstance(network.code, codes.Quantised):
        network.code.codebook.copy_(torch.randn(network.code.codebook.shape, generator=generator))
    if scheme == "kaiming":
        kinds = (*WEIGHTED, Transposed)
        parts: list[Any] = [p for p in network.decoder.modules() if isinstance(p, kinds)]
        last = parts[-1]
        mean = target_mean.to(last.bias.device)
        if network.output == "sigmoid":
            mean = torch.logit(mean.clamp(1e-3, 1 - 1e-3))
        elif network.output == "softmax":
            mean = torch.log(mean.clamp_min(1e-8))
        last.bias.copy_(mean if last.bias.shape == mean.shape else mean.mean())


@torch.no_grad()
def unroll(networks: Sequence[Network], rbms: Sequence[Rbm]) -> None:
    """Copy a stack of RBMs into each seed's encoder, and its transposes into the decoder."""
    for seed, network in enumerate(networks):
        layers = network.weighted_layers()
        for layer, rbm in zip(layers[: len(rbms)], rbms, strict=True):
            layer.weight.copy_(rbm.weights[seed].T)
            layer.bias.copy_(rbm.hidden_bias[seed, 0])
        for layer, rbm in zip(layers[len(rbms) :], reversed(rbms), strict=True):
            layer.weight.copy_(rbm.weights[seed])
            layer.bias.copy_(rbm.visible_bias[seed, 0])
