"""What is random in a training step beside the order of items: corruption, noise, shifts.

Draws are made for whole batches, each seed's from its own generator, before the networks are
computed: what the networks compute is then a function, which can be stacked and recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import torch

from aebench.training.seeds import stream

CORRUPTIONS = ("none", "gaussian", "masking", "dropout", "salt-and-pepper")
Level = float | tuple[float, float]
"""Of a corruption; of a pair each item draws its own between the two."""


def corrupt(
    batch: torch.Tensor, kind: str, level: Level, generators: Sequence[torch.Generator]
) -> torch.Tensor:
    """Corrupt a batch in place (Vincent et al., JMLR 11:3371, 2010, section 3.3).

    Parameters
    ----------
    batch : tensor, shape [n_seeds, n, n_features]
    kind : {"gaussian", "masking", "dropout", "salt-and-pepper"}
        Gaussian noise of standard deviation `level`; a share `level` of the features set to 0; the
        same with the rest scaled up so that the mean stays (Srivastava et al., JMLR 15:1929, 2014);
        or a share set to 0 and to 1 with equal probability.
    level : float or pair of float
    generators : sequence of torch.Generator, on the device of the batch
        One a seed.
    """
    low, high = level if isinstance(level, tuple) else (level, level)
    draws, levels = torch.empty_like(batch), batch.new_full((*batch.shape[:2], 1), low)
    for own, own_levels, generator in zip(draws, levels, generators, strict=True):
        if kind == "gaussian":
            own.normal_(generator=generator)
        else:
            own.uniform_(generator=generator)
        if high > low:
            own_levels.uniform_(low, high, generator=generator)
    if kind == "gaussian":
        return batch.addcmul_(draws, levels)
    batch.mul_(draws >= levels)
    if kind == "dropout":
        batch.div_(1 - (low + high) / 2)
    return batch.add_(draws < levels / 2) if kind == "salt-and-pepper" else batch


def shifted(images: torch.Tensor, shift: torch.Tensor, furthest: int) -> torch.Tensor:
    """Move images by whole pixels; what comes in is 0.

    Parameters
    ----------
    images : tensor, shape [n_seeds, n, side * side]
    shift : tensor of int64, shape [n_seeds, n, 2]
        In x and y, from -furthest to furthest.
    furthest : int
    """
    n_seeds, n, pixels = images.shape
    side = isqrt(pixels)
    grid = images.reshape(n_seeds * n, side, side)
    padded = torch.nn.functional.pad(grid, (furthest,) * 4)
    x, y = (furthest - shift).view(n_seeds * n, 2).unbind(1)
    places = torch.arange(side, device=images.device)
    rows, columns = y[:, None] + places, x[:, None] + places
    items = torch.arange(n_seeds * n, device=images.device)
    moved = padded[items[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved.view_as(images)


@dataclass(frozen=True)
class Perturbation:
    """What a training step draws.

    Parameters
    ----------
    corruption : str
        Of the input, one of CORRUPTIONS; the target stays as it is.
    level : float or pair of float
        See `corrupt`.
    noise_width : int
        Standard normal numbers an item that the code asks for, or 2 with a shift.
    furthest_shift : int
        Above 0 the target is the input moved by up to that many pixels each way, and the noise is
        the shift: the pairs of Hinton, Krizhevsky & Wang (2011).
    """

    corruption: str = "none"
    level: Level = 0.0
    noise_width: int = 0
    furthest_shift: int = 0

    @property
    def changes_items(self) -> bool:
        """Whether input and target differ."""
        return self.corruption != "none" or self.furthest_shift > 0

    def generators(
        self, seeds: Sequence[int], device: torch.device, phase: str
    ) -> list[torch.Generator]:
        """Return what each seed draws from in a phase of training; none where nothing is drawn."""
        if not self.changes_items and not self.noise_width:
            return []
        return [stream(seed, f"{phase} perturbation", device) for seed in seeds]

    def noise(self, n_seeds: int, size: int, device: torch.device) -> torch.Tensor | None:
        """Return room for a batch's noise [n_seeds, size, noise_width]; None without any."""
        if not self.noise_width:
            return None
        return torch.zeros((n_seeds, size, self.noise_width), device=device)

    def __call__(
        self,
        batch: torch.Tensor,
        target: torch.Tensor,
        noise: torch.Tensor | None,
        generators: Sequence[torch.Generator],
    ) -> None:
        """Draw for a batch and its targets [n_seeds, n, n_features], all in place."""
        if noise is not None:
            for own, generator in zip(noise, generators, strict=True):
                if self.furthest_shift:
                    own.uniform_(-0.5, 0.5, generator=generator)
                else:
                    own.normal_(generator=generator)
            if self.furthest_shift:
                noise.mul_(2 * self.furthest_shift + 1).round_()
                noise.clamp_(-self.furthest_shift, self.furthest_shift)
                target.copy_(shifted(target, noise.long(), self.furthest_shift))
        if self.corruption != "none":
            corrupt(batch, self.corruption, self.level, generators)
