"""What model.json says of a decoder that is a chain of dense layers.

It names arrays of model.safetensors, so that numpy, or a page, decodes without torch and without
this package: `x = activation(x @ W.T + bias)` from layer to layer, with W in place of W.T where a
layer says `transposed`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple


class Layer(NamedTuple):
    """A dense layer: where its arrays lie, and what follows them.

    Attributes
    ----------
    weight : str
        Name of an array [n_out, n_in], or [n_in, n_out] where `transposed`.
    bias : str or None
        Name of an array [n_out].
    transposed : bool
    activation : str
        `linear`, `sigmoid`, `tanh`, `relu`, `silu`, `elu`, `softmax` over the outputs, or `clip`
        to `range`.
    range : (float, float) or None
    """

    weight: str
    bias: str | None
    transposed: bool
    activation: str = "linear"
    range: tuple[float, float] | None = None


def described(layers: Sequence[Layer] | None) -> dict[str, Any]:
    """Return the entry of model.json; empty where a decoder is not a chain of dense layers."""
    if layers is None:
        return {}
    entries = [
        {name: value for name, value in layer._asdict().items() if (name, value) != ("range", None)}
        for layer in layers
    ]
    return {"decoder": {"layers": entries}}


def linear(model: Any, prefix: str = "") -> list[Layer] | None:
    """Return the layers of an estimator whose reconstruction is linear in the code, or clipped.

    `prefix` is what precedes its arrays' names. Those of word counts are none: a weighting follows.
    """
    from sklearn.decomposition import NMF, PCA, TruncatedSVD

    from aebench.models.controls import RandomProjection
    from aebench.models.linear import Clipped

    if isinstance(model, Clipped):
        layers = linear(model.estimator_, f"{prefix}estimator_.")
        limits = (float(model.low), float(model.high))
        return layers and [*layers[:-1], layers[-1]._replace(activation="clip", range=limits)]
    if isinstance(model, PCA) and not model.whiten:
        return [Layer(f"{prefix}components_", f"{prefix}mean_", True)]
    if isinstance(model, NMF | TruncatedSVD):
        return [Layer(f"{prefix}components_", None, True)]
    if isinstance(model, RandomProjection):
        return [Layer(f"{prefix}decoder_", f"{prefix}mean_", True)]
    return None
