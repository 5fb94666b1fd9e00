"""Floating-point operations of encoding and decoding an item."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sklearn.decomposition import PCA, FastICA, TruncatedSVD

from aebench.models.autoencoder import AutoEncoder
from aebench.models.controls import Mean, RandomProjection
from aebench.models.hashing import Hashing
from aebench.models.kernels import KernelPCA
from aebench.models.linear import Clipped
from aebench.models.words import WordCounts

if TYPE_CHECKING:
    from aebench.models.network import Network

Flops = dict[str, int]


def flops(model: Any) -> Flops | None:
    """Count the operations of the matrix products and convolutions of a fitted estimator.

    A product of [m, n] by [n, k] has 2 m n k, as PyTorch counts; what is done once a unit or a
    feature (means, activations, weighting of words) is left out, and word counts are taken as
    dense.

    Returns
    -------
    dict or None
        `encode` and `decode`, of one item. None where coding an item is a search whose length is
        not fixed beforehand (NMF, topic models, optimised codes), and for estimators not known
        here.
    """
    if isinstance(model, Clipped | WordCounts):
        return flops(model.estimator_)
    if isinstance(model, AutoEncoder):
        return None if model.inference == "optimised" else _of_network(model.network_, model)
    if isinstance(model, Mean):
        return {"encode": 0, "decode": 0}
    if isinstance(model, KernelPCA):
        return {
            "encode": _products(model.n_features_in_, *model.encoder_.shape),
            "decode": _products(model.code_size, *model.decoder_.shape),
        }
    if isinstance(model, RandomProjection):
        return _linear(*model.decoder_.shape)
    if isinstance(model, Hashing):  # LSA, then the turn
        code_size, n_features = model.decoder_.shape
        return {
            "encode": _products(n_features, code_size, code_size),
            "decode": _products(code_size, n_features),
        }
    if isinstance(model, PCA | TruncatedSVD | FastICA):
        return _linear(*model.components_.shape)
    return None


def _products(*sizes: int) -> int:
    """Of a row of numbers that goes through matrices of these sizes, one after the other."""
    return sum(2 * n * m for n, m in pairwise(sizes))


def _linear(code_size: int, n_features: int) -> Flops:
    one = _products(n_features, code_size)
    return {"encode": one, "decode": one}


def _of_network(network: "Network", model: AutoEncoder) -> Flops:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    device = next(network.parameters()).device
    counted = {}
    for name, function, width in (
        ("encode", network.encode, model.n_features_in_),
        ("decode", network.decode, model.code_size),
    ):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            function(torch.zeros((1, width), device=device))
        counted[name] = counter.get_total_flops()
    return counted
