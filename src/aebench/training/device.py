"""Where training runs, and the settings that make it repeatable there."""

from typing import TYPE_CHECKING

from aebench.errors import ParameterError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")


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
    # Saturated sigmoids drive products below 1e-38, where ordinary arithmetic is many times slower.
    torch.set_flush_denormal(True)
    found = torch.cuda.is_available() if device == "auto" else device == "cuda"
    return torch.device("cuda" if found else "cpu")


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
