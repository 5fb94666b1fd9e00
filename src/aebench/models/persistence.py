"""Fitted estimators on disk: arrays in model.safetensors, the rest in model.json. Never a pickle.

skops keeps scikit-learn's estimators without a pickle too, but in archives that carry the time
they were written, and apart from networks; here one form serves both, and equal models give equal
bytes.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from aebench.errors import ParameterError, shown
from aebench.files import atomic, sha256, write_text
from aebench.models import decoders
from aebench.models.autoencoder import AutoEncoder

FILES = ("model.json", "model.safetensors")


def save(
    model: Any, folder: str | Path, estimator: str, code_size: int, parameters: Mapping[str, Any]
) -> int:
    """Write a fitted estimator into a folder.

    Parameters
    ----------
    model : fitted estimator
        What `aebench.models.build` made of the following three, fitted.
    folder : path
    estimator, code_size, parameters
        As `build` takes them.

    Returns
    -------
    int
        Number of parameters: of entries of its fitted arrays of floats.
    """
    if isinstance(model, AutoEncoder):
        model.save(folder)
        return model.parameters_count_
    from safetensors.numpy import save as serialise

    facts = {"estimator": estimator, "code_size": code_size, "parameters": dict(parameters)}
    if hasattr(model, "best_estimator_"):
        facts["chosen"] = model.best_params_
        model = model.best_estimator_
    fitted = dict(_fitted(model))
    arrays = {name: value for name, value in fitted.items() if isinstance(value, np.ndarray)}
    facts |= decoders.described(decoders.linear(model))
    facts["fitted"] = {name: fitted[name] for name in fitted.keys() - arrays.keys()}
    with atomic(Path(folder) / "model.safetensors") as temporary:
        temporary.write_bytes(serialise(arrays))  # an OSError when the disk is full
    facts["weights_sha256"] = sha256(Path(folder) / "model.safetensors")
    write_text(
        Path(folder) / "model.json",
        json.dumps(facts, indent=1, sort_keys=True, default=list) + "\n",
    )
    return sum(array.size for array in arrays.values() if array.dtype.kind == "f")


def load(
    folder: str | Path, build: Callable[[str, int, dict[str, Any]], Any], device: str = "cpu"
) -> Any:
    """Read back what `save` wrote: an estimator that transforms as the one that was saved.

    Parameters
    ----------
    folder : path
    build : callable
        `aebench.models.build`.
    device : str
        Where a network computes.

    Raises
    ------
    ParameterError
        When the folder holds no saved estimator, or one that cannot be read.
    """
    folder = Path(folder)
    for name in FILES:
        if not (folder / name).is_file():
            raise ParameterError(f"{folder} holds no saved estimator: no {name} in it.")
    try:
        facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        if facts["weights_sha256"] != sha256(folder / "model.safetensors"):
            raise ValueError("model.safetensors is not the file that model.json was written with")
        if facts["estimator"] == "AutoEncoder":
            return AutoEncoder.load(folder, device)
        return _restored(folder, facts, build)
    except Exception as error:  # a flipped byte can raise anything inside json, safetensors, torch
        raise ParameterError(
            f"{folder} holds a saved estimator that cannot be read ({type(error).__name__}: "
            f"{shown(error)}); train it again."
        ) from error


def _restored(folder: Path, facts: dict[str, Any], build: Callable[..., Any]) -> Any:
    from safetensors.numpy import load_file

    model = build(facts["estimator"], facts["code_size"], facts["parameters"])
    if "chosen" in facts:
        model = clone(model.estimator).set_params(**facts["chosen"])
    for name, value in (facts["fitted"] | load_file(folder / "model.safetensors")).items():
        if "__" in name:
            raise ValueError(f"{name} is nothing that fitting leaves")
        *path, attribute = name.split(".")
        setattr(reduce(_part, path, model), attribute, value)
    return model


def _fitted(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what fitting left in an estimator and in those inside it: arrays, numbers, words."""
    given = model.get_params(deep=False)
    inner = dict(getattr(model, "named_steps", {}))
    for name, value in sorted(vars(model).items()):
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            yield prefix + name, np.ascontiguousarray(value)
        elif isinstance(value, np.generic):
            yield prefix + name, value.item()
        elif isinstance(value, bool | int | float | str) and name not in given:
            yield prefix + name, value
        elif isinstance(value, BaseEstimator) and name not in given:
            inner[name] = value
    for name, value in inner.items():
        yield from _fitted(value, f"{prefix}{name}.")


def _part(owner: Any, name: str) -> Any:
    """Return a fitted estimator inside another: a step, or a copy of the parameter it is from."""
    if name in getattr(owner, "named_steps", {}):
        return owner.named_steps[name]
    if name not in vars(owner):
        setattr(owner, name, clone(getattr(owner, name.removesuffix("_"))))
    return getattr(owner, name)
