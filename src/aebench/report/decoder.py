"""Decoders of dense layers, run by numpy alone, and made small enough to run in the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aebench.errors import AebenchError
from aebench.files import read_json


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _softmax(x: np.ndarray) -> np.ndarray:
    raised = np.exp(x - x.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda x: x,
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "silu": lambda x: x * _sigmoid(x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "softmax": _softmax,
}


class Layer(NamedTuple):
    """A dense layer of a decoder: `activation(x @ weight + bias)`.

    Attributes
    ----------
    weight : ndarray, float32, shape [n_in, n_out]
    bias : ndarray, float32, shape [n_out]
    activation : str
        A key of ACTIVATIONS, or `clip` to `range`.
    """

    weight: np.ndarray
    bias: np.ndarray
    activation: str
    range: tuple[float, float] = (0.0, 1.0)


def read(folder: Path) -> list[Layer] | None:
    """Return the decoder of the model in a run's folder; None where it has none of dense layers.

    Raises
    ------
    AebenchError
        When the files cannot be read, or say a decoder that they do not hold.
    """
    said = read_json(folder / "model.json", missing={}).get("decoder")
    if said is None:
        return None
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / "model.safetensors", framework="numpy") as arrays:
            return [_layer(arrays.get_tensor, **entry) for entry in said["layers"]]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise AebenchError(f"cannot read the decoder in {folder}: {error!r}.") from error


def _layer(
    array: Callable[[str], np.ndarray],
    weight: str,
    bias: str | None,
    transposed: bool,
    activation: str,
    range: Sequence[float] = (0.0, 1.0),
) -> Layer:
    if activation not in (*ACTIVATIONS, "clip"):
        raise ValueError(f"activation {activation!r} is not known")
    matrix = array(weight) if transposed else array(weight).T
    offset = array(bias) if bias else np.zeros(matrix.shape[1])
    low, high = range
    return Layer(
        matrix.astype(np.float32), offset.astype(np.float32), activation, (float(low), float(high))
    )


def decode(layers: Sequence[Layer], Z: np.ndarray) -> np.ndarray:
    """Return reconstructions [n, n_features] of codes Z [n, code_size], float32."""
    x = Z.astype(np.float32)
    for layer in layers:
        x = _activated(layer, x @ layer.weight + layer.bias)
    return x


def _activated(layer: Layer, x: np.ndarray) -> np.ndarray:
    if layer.activation == "clip":
        return np.clip(x, *layer.range)
    return ACTIVATIONS[layer.activation](x)
