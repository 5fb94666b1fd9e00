"""Encoders and decoders: fully connected, tied, convolutional, capsules."""

from collections.abc import Sequence
from itertools import pairwise
from math import isqrt

import torch
from torch import nn
from torch.nn import functional

from aebench.errors import ParameterError
from aebench.models.codes import POSE

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
}


def _between(layers: Sequence[nn.Module], activation: str) -> nn.Sequential:
    """Layers with the activation between them."""
    kind = ACTIVATIONS[activation]
    return nn.Sequential(*[part for layer in layers for part in (layer, kind())][:-1])


def _linear(n_in: int, n_out: int) -> nn.Linear:
    return nn.utils.skip_init(nn.Linear, n_in, n_out)


class Transposed(nn.Module):
    """A linear layer whose weights are another layer's, transposed; the biases are its own."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self._of = (layer,)  # in a tuple, so that its weights do not count twice
        self.bias = nn.Parameter(torch.zeros(layer.in_features))

    @property
    def of(self) -> nn.Linear:
        """The layer whose weights these are."""
        return self._of[0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [n, n_out] of the other layer to [n, n_in]."""
        return functional.linear(x, self.of.weight.T, self.bias)


def dense(
    n_features: int,
    hidden: Sequence[int],
    n_inputs: int,
    code_size: int,
    activation: str,
    tied: bool = False,
) -> tuple[nn.Sequential, nn.Sequential]:
    """Fully connected layers and their mirror image.

    Parameters
    ----------
    n_features : int
    hidden : sequence of int
        Sizes of the encoder's hidden layers.
    n_inputs : int
        Outputs of the encoder, the inputs of the code.
    code_size : int
        Inputs of the decoder.
    activation : str
        Between the layers, a key of ACTIVATIONS.
    tied : bool
        The decoder's weights are the encoder's, transposed.

    Returns
    -------
    encoder, decoder : nn.Sequential
        Weights are still unset, see `network.initialise`.
    """
    down = [_linear(*sizes) for sizes in pairwise([n_features, *hidden, n_inputs])]
    if tied:
        up: list[nn.Module] = [Transposed(layer) for layer in reversed(down)]
    else:
        up = [_linear(*sizes) for sizes in pairwise([code_size, *reversed(hidden), n_features])]
    return _between(down, activation), _between(up, activation)


def image_side(n_features: int) -> int:
    """Return the side of square images of that many pixels.

    Raises
    ------
    ParameterError
        When the images cannot be square.
    """
    side = isqrt(n_features)
    if side * side != n_features:
        raise ParameterError(
            f"there are {n_features} features; convolutional layers and capsules need the pixels "
            "of square images."
        )
    return side


def convolutional(
    n_features: int, hidden: Sequence[int], n_inputs: int, code_size: int, activation: str
) -> tuple[nn.Sequential, nn.Sequential]:
    """3 x 3 convolutions that halve the image, one linear layer, and their mirror image.

    Masci et al., Stacked convolutional auto-encoders (2011), with strides instead of pooling.
    `hidden` holds the channels; the rest is as in `dense`.
    """
    sides = [image_side(n_features)]
    for _ in hidden:
        sides.append((sides[-1] + 1) // 2)
    channels, flat = [1, *hidden], hidden[-1] * sides[-1] ** 2
    shape = {"kernel_size": 3, "stride": 2, "padding": 1}
    down: list[nn.Module] = [
        nn.utils.skip_init(nn.Conv2d, *own, **shape) for own in pairwise(channels)
    ]
    up: list[nn.Module] = [
        # An image of even side has one row more than the odd one that gives the same half.
        nn.utils.skip_init(nn.ConvTranspose2d, *own, **shape, output_padding=(side + 1) % 2)
        for own, side in zip(pairwise(channels[::-1]), sides[-2::-1], strict=True)
    ]
    kind = ACTIVATIONS[activation]
    encoder = nn.Sequential(
        nn.Unflatten(1, (1, sides[0], sides[0])),
        *_between(down, activation),
        kind(),
        nn.Flatten(),
        _linear(flat, n_inputs),
    )
    decoder = nn.Sequential(
        _linear(code_size, flat),
        kind(),
        nn.Unflatten(1, (hidden[-1], sides[-1], sides[-1])),
        *_between(up, activation),
        nn.Flatten(),
    )
    return encoder, decoder


class Generation(nn.Module):
    """What capsules draw at their positions, each as far as it is present.

    Parameters
    ----------
    capsules, units, n_features : int
        Number of capsules, generation units of each, and pixels.
    activation : str
    """

    def __init__(self, capsules: int, units: int, n_features: int, activation: str) -> None:
        super().__init__()
        self.units = nn.utils.skip_init(
            nn.Conv1d, capsules * (POSE - 1), capsules * units, 1, groups=capsules
        )
        self.activation = ACTIVATIONS[activation]()
        self.image = _linear(capsules * units, n_features)
        self.capsules = capsules

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        """Map codes [n, 3 * capsules] to outputs [n, n_features]."""
        capsules = code.unflatten(-1, (self.capsules, POSE))
        drawn = self.activation(self.units(capsules[..., 1:].flatten(-2)[..., None]))
        drawn = drawn.unflatten(-2, (self.capsules, -1))[..., 0] * capsules[..., :1]
        return self.image(drawn.flatten(-2))


def capsules(
    n_features: int, hidden: Sequence[int], n_inputs: int, code_size: int, activation: str
) -> tuple[nn.Sequential, nn.Sequential]:
    """Capsules of a transforming autoencoder (Hinton, Krizhevsky & Wang 2011).

    Each of `code_size / 3` capsules has `hidden[0]` recognition units that see the whole image and
    find its presence and position, and as many generation units that see its position alone.
    """
    count, units = code_size // POSE, hidden[0]
    encoder = nn.Sequential(
        _linear(n_features, count * units),
        ACTIVATIONS[activation](),
        nn.Unflatten(1, (count * units, 1)),
        nn.utils.skip_init(nn.Conv1d, count * units, n_inputs, 1, groups=count),
        nn.Flatten(),
    )
    return encoder, nn.Sequential(Generation(count, units, n_features, activation))


LAYERS = {"dense": dense, "convolutional": convolutional, "capsules": capsules}
"""What `layers` may be."""
