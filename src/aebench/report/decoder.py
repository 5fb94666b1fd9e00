"""Decoders of dense layers run by numpy alone, and with weights of 8 bits as the page runs them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aebench.errors import AebenchError
from aebench.files import read_json

LARGEST = 127  # of a quantised weight


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
    """A dense layer of a decoder: `activation(x @ weight.T + bias)`.

    Attributes
    ----------
    weight : ndarray, float32, shape [n_out, n_in]
    bias : ndarray, float32, shape [n_out]
    activation : str
        A key of ACTIVATIONS, or `clip` to `range`.
    """

    weight: np.ndarray
    bias: np.ndarray
    activation: str
    range: tuple[float, float] = (0.0, 1.0)

    def activated(self, x: np.ndarray) -> np.ndarray:
        """Return what the units make of their sums x [n, n_out]."""
        if self.activation == "clip":
            return np.clip(x, *self.range)
        return ACTIVATIONS[self.activation](x)


class Int8Layer(NamedTuple):
    """A layer whose weights are `weight * scale[:, None]`.

    Attributes
    ----------
    weight : ndarray, int8, shape [n_out, n_in]
    scale : ndarray, float32, shape [n_out]
    layer : Layer
        The layer it is made from; its biases and its activation are kept as they are.
    """

    weight: np.ndarray
    scale: np.ndarray
    layer: Layer


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
            layers = [_layer(arrays.get_tensor, **entry) for entry in said["layers"]]
        _check(layers)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise AebenchError(f"cannot read the decoder in {folder}: {error!r}.") from error
    return layers


def _check(layers: Sequence[Layer]) -> None:
    """Refuse layers that do not fit on each other."""
    if not layers:
        raise ValueError("it has no layers")
    for layer in layers:
        if layer.weight.ndim != 2 or layer.bias.shape != layer.weight.shape[:1]:
            raise ValueError(f"weights {layer.weight.shape} and biases {layer.bias.shape} differ")
    for below, above in pairwise(layers):
        if above.weight.shape[1] != len(below.bias):
            raise ValueError(f"{len(below.bias)} units meet weights {above.weight.shape}")


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
    matrix = array(weight).T if transposed else array(weight)
    offset = array(bias) if bias else np.zeros(len(matrix))
    low, high = range
    return Layer(
        matrix.astype(np.float32), offset.astype(np.float32), activation, (float(low), float(high))
    )


def decode(layers: Sequence[Layer], Z: np.ndarray) -> np.ndarray:
    """Return reconstructions [n, n_features] of codes Z [n, code_size], float32."""
    x = Z.astype(np.float32)
    for layer in layers:
        x = layer.activated(x @ layer.weight.T + layer.bias)
    return x


def quantise(layers: Sequence[Layer]) -> list[Int8Layer]:
    """Round weights to 8 bits; the largest weight of a unit is 127 times the unit's scale."""
    found = []
    for layer in layers:
        largest = np.abs(layer.weight).max(axis=1)
        scale = np.where(largest > 0, largest / LARGEST, 1).astype(np.float32)
        weight = np.rint(layer.weight / scale[:, None]).clip(-LARGEST, LARGEST).astype(np.int8)
        found.append(Int8Layer(weight, scale, layer))
    return found


def decode_int8(layers: Sequence[Int8Layer], Z: np.ndarray) -> np.ndarray:
    """Return what the page decodes from codes Z [n, code_size]: [n, n_features], float64.

    Products and sums are in double precision, as all numbers of JavaScript.
    """
    x = Z.astype(np.float64)
    for weight, scale, layer in layers:
        x = layer.activated(x @ weight.T.astype(np.float64) * scale + layer.bias)
    return x


def packed(layers: Sequence[Int8Layer]) -> list[dict[str, Any]]:
    """Return layers as JSON holds them: arrays in base64, weights unit by unit."""
    return [
        {
            "inputs": weight.shape[1],
            "outputs": weight.shape[0],
            "weight": in_base64(weight),
            "scale": in_base64(scale),
            "bias": in_base64(layer.bias),
            "activation": layer.activation,
            "range": list(layer.range),
        }
        for weight, scale, layer in layers
    ]


def in_base64(array: np.ndarray) -> str:
    """Return an array's bytes, a number's lowest first, as typed arrays have them."""
    ordered = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return base64.b64encode(ordered.tobytes()).decode("ascii")
