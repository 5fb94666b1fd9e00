"""Arrays of any library: measurements run where their arrays lie.

What is costly is written against the array API standard. The same lines run in numpy and, on a
GPU, in torch, which is never imported here.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from array_api_compat import to_device

Array: TypeAlias = Any
"""A numpy array, or one of another library that follows the array API standard."""

Place: TypeAlias = Callable[[np.ndarray], Array]
"""Moves a numpy array to where the work is done."""


def here(array: np.ndarray) -> Array:
    """Leave an array in numpy."""
    return array


def to_numpy(array: Array) -> np.ndarray:
    """Bring an array back."""
    return np.asarray(to_device(array, "cpu"))
