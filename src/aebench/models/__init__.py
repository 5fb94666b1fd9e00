"""What is compared: estimators with fit, transform and inverse_transform."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aebench.errors import ParameterError, shown
from aebench.models import persistence
from aebench.models.autoencoder import AutoEncoder
from aebench.models.controls import Identity, Mean, RandomProjection
from aebench.models.hashing import HyperplaneHashing, RotationHashing, SignHashing
from aebench.models.kernels import KernelPCA
from aebench.models.linear import Clipped
from aebench.models.parts import NMF
from aebench.models.persistence import save
from aebench.models.topics import TopicModel
from aebench.models.tuning import tuned
from aebench.models.words import WordCounts

__all__ = [
    "NMF",
    "AutoEncoder",
    "Clipped",
    "HyperplaneHashing",
    "Identity",
    "KernelPCA",
    "Mean",
    "RandomProjection",
    "RotationHashing",
    "SignHashing",
    "TopicModel",
    "WordCounts",
    "build",
    "fit_seeds",
    "load",
    "save",
    "tuned",
]


def _pca(code_size: int, **parameters: Any) -> Any:
    from sklearn.decomposition import PCA

    return PCA(n_components=code_size, random_state=0, **parameters)


def _truncated_svd(code_size: int, **parameters: Any) -> Any:
    from sklearn.decomposition import TruncatedSVD

    return TruncatedSVD(n_components=code_size, random_state=0, **parameters)


def _fast_ica(code_size: int, fun: str = "logcosh", max_iter: int = 200, tol: float = 1e-4) -> Any:
    from sklearn.decomposition import PCA, FastICA
    from sklearn.pipeline import Pipeline

    # FastICA's own whitening fails on pixels that never change.
    whitening = PCA(
        n_components=code_size, whiten=True, svd_solver="covariance_eigh", random_state=0
    )
    turning = FastICA(whiten=False, fun=fun, max_iter=max_iter, tol=tol, random_state=0)
    return Pipeline([("whitening", whitening), ("turning", turning)])


def _kernel_pca(code_size: int, **parameters: Any) -> Any:
    return KernelPCA(code_size, random_state=0, **parameters)


def _nmf(code_size: int, **parameters: Any) -> Any:
    return NMF(n_components=code_size, random_state=0, **parameters)


ESTIMATORS: dict[str, Callable[..., Any]] = {
    "AutoEncoder": AutoEncoder,
    "FastICA": _fast_ica,
    "HyperplaneHashing": HyperplaneHashing,
    "Identity": Identity,
    "KernelPCA": _kernel_pca,
    "Mean": Mean,
    "NMF": _nmf,
    "PCA": _pca,
    "RandomProjection": RandomProjection,
    "RotationHashing": RotationHashing,
    "SignHashing": SignHashing,
    "TopicModel": TopicModel,
    "TruncatedSVD": _truncated_svd,
}
"""What a variant may name as its `estimator`. FastICA, PCA and TruncatedSVD are
scikit-learn's own."""


def build(estimator: str, code_size: int, parameters: dict[str, Any]) -> Any:
    """Make the estimator a variant asks for.

    Parameters
    ----------
    estimator : str
        A key of ESTIMATORS.
    code_size : int
    parameters : dict
        Its own parameters. Any estimator but AutoEncoder takes three more: a `weighting` makes it
        work on word counts (see WordCounts), `clip`, such as [0, 1], says where reconstructions
        are known to lie (see Clipped), and `tune` has lists of values for parameters, of which
        held-out training items choose (see tuned).

    Raises
    ------
    ParameterError
        For an unknown estimator or parameter.
    """
    if estimator not in ESTIMATORS:
        raise ParameterError(f"estimator is {estimator!r}; allowed are {', '.join(ESTIMATORS)}.")
    parameters = dict(parameters)
    around = {}
    if estimator != "AutoEncoder":
        around = {name: parameters.pop(name, None) for name in ("weighting", "clip", "tune")}
    allowed = _parameters(estimator)
    for name in parameters:
        if name not in allowed:
            raise ParameterError(
                f"estimator {estimator} has no parameter {name!r}; allowed are "
                f"{', '.join(allowed)}."
            )
    return _wrapped(ESTIMATORS[estimator](code_size=code_size, **parameters), **around)


def _wrapped(estimator: Any, weighting: Any = None, clip: Any = None, tune: Any = None) -> Any:
    if weighting is not None:
        estimator = WordCounts(estimator, weighting)
    if clip is not None:
        estimator = Clipped(estimator, *clip)
    return estimator if tune is None else tuned(estimator, tune)


def _parameters(estimator: str) -> list[str]:
    """Names that a variant may give; the code size and fixed ones are not among them."""
    signature = inspect.signature(ESTIMATORS[estimator])
    names = [name for name, p in signature.parameters.items() if p.kind is not p.VAR_KEYWORD]
    if len(names) < len(signature.parameters):  # scikit-learn's own
        names += ESTIMATORS[estimator](code_size=1).get_params()
    return [name for name in names if name not in ("code_size", "n_components", "random_state")]


def fit_seeds(estimator: Any, X: Any, seeds: Sequence[int], checkpoint: Any = None) -> list[Any]:
    """Fit one copy for each seed; an estimator without an open `random_state` is fitted once.

    Parameters
    ----------
    estimator : estimator
        As `build` makes it.
    X : array or sparse matrix, shape [n_items, n_features]
    seeds : sequence of int
    checkpoint : path or aebench.training.checkpoints.Checkpoint, optional
        See `AutoEncoder.fit`; others train too shortly to need one.

    Returns
    -------
    fitted : list of estimators
        In the order of the seeds.

    Raises
    ------
    ParameterError
        Without a seed.
    """
    from sklearn.base import clone

    if not len(seeds):
        raise ParameterError("seeds is empty; at least one is needed.")
    if hasattr(estimator, "fit_seeds"):
        return estimator.fit_seeds(X, seeds, checkpoint=checkpoint)
    parameters = estimator.get_params(deep=True)
    open_states = [
        name
        for name, value in parameters.items()
        if name.split("__")[-1] == "random_state" and value is None
    ]
    if not open_states:
        return [clone(estimator).fit(X)] * len(seeds)
    return [
        clone(estimator).set_params(**dict.fromkeys(open_states, seed)).fit(X) for seed in seeds
    ]


def load(folder: str | Path, device: str = "cpu", items: Any = None) -> Any:
    """Read back a fitted estimator from the folder that `save` wrote it into.

    Parameters
    ----------
    folder : path
    device : str
        Where a network computes.
    items : ndarray or CSR matrix [n, n_features], optional
        A few of those that it is for: it is tried on them.

    Raises
    ------
    ParameterError
        When the folder holds no saved estimator, or one that cannot be read, or that makes no
        finite reconstructions of the items.
    """
    model = persistence.load(folder, build, device)
    if items is not None:
        try:
            decoded = model.inverse_transform(model.transform(items))
            right = decoded.shape == items.shape and np.isfinite(decoded).all()
        except Exception as error:  # whatever its files led it to
            raise ParameterError(
                f"{folder} holds a saved estimator that cannot be used ({type(error).__name__}: "
                f"{shown(error)}); train it again."
            ) from error
        if not right:
            raise ParameterError(
                f"{folder} holds a saved estimator of which {items.shape[1]} features do not come "
                "back as finite numbers; train it again."
            )
    return model
