"""How cost grows with items, features, code size and seeds, each over a factor of ten or more.

Data are made by chance: only their sizes matter here. Everything but what grows stays as it is in
the `base` of a work.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aebench import models
from aebench.metrics import probes, retrieval
from aebench.models import AutoEncoder
from works.measure import Point, Scale, say, timed
from works.variants import parameters

CLASSES = 10
REPEATS = 2


@dataclass(frozen=True)
class Sizes:
    """Where one quantity grows, these stay."""

    items: int
    features: int
    code_size: int
    seeds: int
    hidden: tuple[int, ...] = (1000, 500, 250)


@dataclass(frozen=True)
class Work:
    """A function of Sizes that gives seconds; where it stands, and over what it is measured."""

    seconds: Callable[[Sizes], float]
    base: Sizes
    over: dict[str, Sequence[int]]


def _images(sizes: Sizes) -> np.ndarray:
    return np.random.default_rng(0).random((sizes.items, sizes.features), dtype=np.float32)


def _codes(sizes: Sizes) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, sizes.items)
    return random.standard_normal((sizes.items, sizes.code_size), dtype=np.float32), labels


def _training(sizes: Sizes) -> float:
    """One epoch of the deep network, from the start of fine-tuning."""
    moments: list[float] = []
    estimator = AutoEncoder(
        sizes.code_size, sizes.hidden, loss="cross_entropy", epochs=1, device="cpu"
    )
    estimator.fit_seeds(
        _images(sizes),
        range(sizes.seeds),
        on_epoch=lambda *_: moments.append(time.perf_counter()),
    )
    return moments[-1] - moments[0]


def _rbm(sizes: Sizes) -> float:
    """One epoch of the first layer, from the end of the first to the end of the second."""
    from works.training import our_rbm_epoch

    return our_rbm_epoch(_images(sizes), sizes.hidden[0])


def _pca(sizes: Sizes) -> float:
    X = _images(sizes)
    model = models.build("PCA", sizes.code_size, parameters("pca", "images"))
    return timed(lambda: model.fit(X))


def _knn(sizes: Sizes) -> float:
    """`items` are training items; 1,000 test items look for neighbours."""
    Z, labels = _codes(sizes)
    return timed(lambda: probes.knn_probe(Z, labels, Z[:1000], labels[:1000]))


def _retrieval(sizes: Sizes) -> float:
    """Every item queries all others."""
    Z, labels = _codes(sizes)
    return timed(lambda: retrieval.retrieval_scores(Z, labels))


WORKS: dict[str, Work] = {
    "training epoch": Work(
        _training,
        Sizes(2000, 784, 30, 1),
        {
            "items": (2000, 4500, 9000, 20000),
            "features": (300, 600, 1500, 3000),
            "code size": (3, 10, 30, 100, 300),
            "seeds": (1, 2, 5, 10),
        },
    ),
    "RBM epoch": Work(
        _rbm,
        Sizes(2000, 784, 1, 1),
        {"items": (1000, 2000, 4500, 10000), "features": (300, 600, 1500, 3000)},
    ),
    "PCA fit": Work(
        _pca,
        Sizes(10_000, 784, 30, 1),
        {
            "items": (6000, 12_000, 30_000, 60_000),
            "features": (150, 300, 700, 1500),
            "code size": (3, 10, 30, 100, 300),
        },
    ),
    "kNN accuracy": Work(
        _knn,
        Sizes(10_000, 30, 30, 1),
        {"items": (6000, 12_000, 30_000, 60_000), "code size": (3, 10, 30, 100, 300)},
    ),
    "retrieval": Work(
        _retrieval,
        Sizes(3000, 30, 30, 1),
        {"items": (600, 1200, 2500, 6000), "code size": (3, 10, 30, 100, 300)},
    ),
}
SMALLEST = 40  # of any quantity but seeds and code size, when the scale makes it smaller


def growth(scale: Scale) -> Iterator[Point]:
    """Seconds of every work at every value, in turns, the least of REPEATS."""
    for name, work in WORKS.items():
        for against, values in work.over.items():
            best: dict[int, float] = {}
            for _ in range(REPEATS):
                for value in _scaled(against, values, scale.growth):
                    sizes = _at(work.base, against, value, scale)
                    seconds = work.seconds(sizes)
                    best[value] = min(seconds, best.get(value, seconds))
            say(f"{name} against {against}: " + ", ".join(f"{s:.2g} s" for s in best.values()))
            for value, seconds in best.items():
                yield Point(name, against, value, seconds)


def _scaled(against: str, values: Sequence[int], share: float) -> list[int]:
    """The values to measure at; for a check at a small scale the two ends are enough."""
    if share == 1:
        return list(values)
    ends = [values[0], values[-1]]
    if against in ("seeds", "code size"):
        return [min(value, 30) for value in ends]
    return [max(SMALLEST, round(value * share)) for value in ends]


def _at(base: Sizes, against: str, value: int, scale: Scale) -> Sizes:
    """The base, made smaller as the scale asks, with one quantity at another value."""
    smaller = replace(
        base,
        items=max(SMALLEST, round(base.items * scale.growth)),
        features=max(SMALLEST, round(base.features * scale.growth)),
        hidden=scale.hidden,
    )
    return replace(smaller, **{against.replace(" ", "_"): value})
