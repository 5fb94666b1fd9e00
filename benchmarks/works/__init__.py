"""The works that `make bench` measures, by the name that `--only` takes, in the order of a run.

Training to an error comes last: it takes what is left of the ten minutes.
"""

from collections.abc import Callable, Iterator
from importlib import import_module

from works.measure import Point, Row, Scale

WORKS = {
    "pca": "linear.pca",
    "lsa": "linear.lsa",
    "startup": "startup.start_up",
    "rbm": "training.rbm",
    "epoch": "training.epoch",
    "knn": "search.knn",
    "retrieval": "search.retrieve",
    "growth": "growth.growth",
    "error": "training.error",
}


def load(name: str) -> Callable[..., Iterator[Row | Point]]:
    """Import a work only when it runs: each has a process of its own, and torch takes seconds."""
    module, function = WORKS[name].split(".")
    return getattr(import_module(f"works.{module}"), function)


__all__ = ["WORKS", "Point", "Row", "Scale", "load"]
