"""The code layer: what turns the encoder's output, the code's input, into the code.

Every kind is a module with `n_inputs`, the numbers it wants from the encoder, and `noise_width`,
the random numbers that a training step draws for an item. `forward(inputs, noise)` gives the code
in training; without noise it gives the code that is kept.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

Function = Callable[[torch.Tensor], torch.Tensor]
POSE = 3  # numbers of a capsule: probability of presence, x, y


def shrink(x: torch.Tensor) -> torch.Tensor:
    """Soft threshold: 0 between -1 and 1."""
    return functional.softshrink(x, 1.0)


def saturated_linear(x: torch.Tensor) -> torch.Tensor:
    """Linear between -1 and 1, constant outside."""
    return x.clamp(-1.0, 1.0)


POINTWISE: dict[str, Function] = {
    "linear": lambda x: x,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "silu": functional.silu,
    "elu": functional.elu,
    "shrink": shrink,
    "saturated-linear": saturated_linear,
}
KINDS = (*POINTWISE, "binary", "k-sparse", "gaussian", "quantised", "pose")


class Pointwise(nn.Module):
    """A function of each unit, with Gaussian noise on its input where noise is given.

    Parameters
    ----------
    code_size : int
    kind : str
        A key of POINTWISE.
    noise_level : float
        Standard deviation of the noise.
    """

    def __init__(self, code_size: int, kind: str, noise_level: float = 0.0) -> None:
        super().__init__()
        self.n_inputs, self.noise_width = code_size, code_size if noise_level else 0
        self.kind, self.noise_level = kind, noise_level

    def function(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map the units' inputs to their values."""
        return POINTWISE[self.kind](inputs)

    def forward(self, inputs: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Map inputs [n, code_size] to codes of the same shape."""
        return self.function(inputs if noise is None else inputs + self.noise_level * noise)


class Binary(Pointwise):
    """Logistic units under noise in training, bits when kept.

    Through noise much wider than a logistic unit's slope only its sign can be told, so training
    drives it to 0 or 1 (Salakhutdinov & Hinton, Semantic hashing, 2009).
    """

    def __init__(self, code_size: int, noise_level: float) -> None:
        super().__init__(code_size, "sigmoid", noise_level)
        self.noise_width = code_size

    def forward(self, inputs: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Map inputs [n, code_size] to numbers in (0, 1), or to bits where there is no noise."""
        return (inputs > 0).to(inputs.dtype) if noise is None else super().forward(inputs, noise)


class KSparse(nn.Module):
    """Keep the k largest units of an item, set the others to 0 (Makhzani & Frey 2013)."""

    def __init__(self, code_size: int, active: int) -> None:
        super().__init__()
        self.n_inputs, self.noise_width, self.active = code_size, 0, active

    def forward(self, inputs: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Map inputs [n, code_size] to codes where `active` units are kept, ties or not."""
        largest, units = inputs.topk(self.active, dim=-1)
        return torch.zeros_like(inputs).scatter(-1, units, largest)


class Gaussian(nn.Module):
    """Means and log-variances of a Gaussian: training draws from it, the means are kept.

    The reparametrised draw of Kingma & Welling, Auto-encoding variational Bayes (2013).
    """

    def __init__(self, code_size: int) -> None:
        super().__init__()
        self.n_inputs, self.noise_width = 2 * code_size, code_size

    def forward(self, inputs: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Map inputs [n, 2 * code_size] to codes [n, code_size]."""
        mean, log_variance = inputs.chunk(2, dim=-1)
        return mean if noise is None else mean + noise * (0.5 * log_variance).exp()


class Quantised(nn.Module):
    """Groups of units, each replaced by the nearest entry of the group's codebook.

    Van den Oord, Vinyals & Kavukcuoglu, Neural discrete representation learning (2017): gradients
    pass straight through to the encoder. A code of 30 numbers in groups of 2 with 256 entries is
    15 bytes.

    Parameters
    ----------
    code_size : int
    entries : int
        Of each codebook.
    """

    GROUP = 2  # units quantised together, 1 where the code size is odd

    def __init__(self, code_size: int, entries: int) -> None:
        super().__init__()
        self.n_inputs, self.noise_width = code_size, 0
        width = self.GROUP if code_size % self.GROUP == 0 else 1
        self.codebook = nn.Parameter(torch.empty(code_size // width, entries, width))

    def nearest(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the nearest entries of inputs [n, code_size], of the same shape."""
        groups, _, width = self.codebook.shape
        x = inputs.detach().unflatten(-1, (groups, width)).transpose(0, 1)  # [groups, n, width]
        squares = self.codebook.square().sum(-1)[:, None]
        distance = squares - 2 * torch.matmul(x, self.codebook.mT)  # without x's own square
        chosen = distance.argmin(-1, keepdim=True).expand(-1, -1, width)
        return torch.gather(self.codebook, 1, chosen).transpose(0, 1).flatten(-2)

    def forward(self, inputs: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Map inputs [n, code_size] to entries of the codebooks, [n, code_size]."""
        # The difference is 0: entries come out to the bit, and gradients as if there were none.
        return self.nearest(inputs).detach() + (inputs - inputs.detach())


class Pose(nn.Module):
    """Capsules: a probability of presence and a position, to which a known shift is added.

    Hinton, Krizhevsky & Wang, Transforming auto-encoders (2011).
    """

    def __init__(self, code_size: int) -> None:
        super().__init__()
        self.n_inputs, self.noise_width = code_size, 2

    def forward(self, inputs: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Map inputs [n, code_size] to codes; the `noise` is the shift [n, 2] in x and y."""
        capsules = inputs.unflatten(-1, (-1, POSE))
        present, position = capsules[..., :1].sigmoid(), capsules[..., 1:]
        if noise is not None:
            position = position + noise[..., None, :]
        return torch.cat([present, position], dim=-1).flatten(-2)


def make(
    kind: str, code_size: int, noise_level: float, sparsity: float, codebook_size: int
) -> nn.Module:
    """Return the code layer of a kind, one of KINDS; parameters as of AutoEncoder."""
    if kind == "binary":
        return Binary(code_size, noise_level)
    if kind == "k-sparse":
        return KSparse(code_size, max(1, round(sparsity * code_size)))
    if kind == "gaussian":
        return Gaussian(code_size)
    if kind == "quantised":
        return Quantised(code_size, codebook_size)
    if kind == "pose":
        return Pose(code_size)
    return Pointwise(code_size, kind, noise_level)
