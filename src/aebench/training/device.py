"""Where training runs, and the settings that make it repeatable there."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from aebench.errors import ParameterError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("highest", "high", "medium")
"""Of matrix products in training, in PyTorch's words: float32; TF32 where the hardware has it, as
GPUs have; bfloat16 where it has that, as GPUs and CPUs with AMX."""

FLOAT32_ERROR = 1e-6
"""Relative, of a product of some hundred terms; in bfloat16 it is a thousand times larger."""


def resolve(device: str) -> "torch.device":
    """Turn `auto`, `cpu` or `cuda` into a device; `auto` takes a GPU when there is one.

    Raises
    ------
    ParameterError
        For another word, or for `cuda` where PyTorch finds no GPU.
    """
    import torch

    if device not in DEVICES:
        raise ParameterError(f"device is {device!r}; allowed are {', '.join(DEVICES)}.")
    if device == "cuda" and not torch.cuda.is_available():
        raise ParameterError(
            "device is 'cuda', but PyTorch finds no usable GPU here; use 'auto' or 'cpu'."
        )
    found = torch.cuda.is_available() if device == "auto" else device == "cuda"
    return torch.device("cuda" if found else "cpu")


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Take numbers below 1e-38 as 0 for a while.

    Saturated sigmoids drive products there, where ordinary arithmetic is many times slower. The
    setting is the process's: left on, it would change the arithmetic of whoever called.
    """
    import torch

    before = sys.float_info.min / 2 == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


@lru_cache(maxsize=1)
def medium_is_float32() -> bool:
    """Whether products that may be rounded to bfloat16 are not.

    So it is on a CPU with bfloat16 instructions but without matrix units for it. There PyTorch
    hands `medium` to oneDNN, which multiplies in float32, on an AMD EPYC twice as fast as the MKL
    that all else goes to.
    """
    import torch

    if torch.cuda.is_available():
        return False
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(256, 256, generator=generator) for _ in range(2))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    product = a @ b
    torch.set_float32_matmul_precision(before)
    exact = a.double() @ b.double()
    return bool((product - exact).norm() < FLOAT32_ERROR * exact.norm())


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Multiply matrices in one of PRECISIONS for a while; the setting is the process's.

    Where `medium` is as exact as float32 it is used for all of them.
    """
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium" if medium_is_float32() else precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def use_threads(count: int) -> None:
    """Let PyTorch compute with `count` CPU threads; the same count gives the same bits."""
    import torch

    torch.set_num_threads(count)
    if torch.get_num_interop_threads() != 1:
        torch.set_num_interop_threads(1)


def describe(device: "torch.device") -> str:
    """Name a device for a report: `cpu, 2 threads` or the GPU's product name."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"cpu, {threads} thread{'s' if threads > 1 else ''}"
