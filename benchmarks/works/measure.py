"""What every work shares: how large it is, how contestants are timed, what comes out."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

OURS = "aebench"
Contestant = Callable[[], float]
"""Does the work once and returns its seconds, by its own clock: set-up is not the work."""


@dataclass(frozen=True)
class Scale:
    """How large the works are.

    Attributes
    ----------
    rounds : int
        Of every race, at most.
    seconds : float
        No race starts another round after these.
    train, test : int or None
        Items of MNIST and of 20 Newsgroups; None for all.
    hidden : tuple of int
    batches : int
        Of an epoch's 240, at 250 items each; the seconds are scaled to a whole epoch.
    rbm_items : int
        Of 60,000; scaled likewise.
    queries : int
        Of retrieval, each against all other test items.
    search_test : int
        Test items that look for neighbours.
    training_seconds : float
        Training to an error stops after these.
    growth : float
        Share of the sizes over which growth is measured.
    """

    rounds: int
    seconds: float
    train: int | None
    test: int | None
    hidden: tuple[int, ...]
    batches: int
    rbm_items: int
    queries: int
    search_test: int
    training_seconds: float
    growth: float


FULL = Scale(5, 45, None, None, (1000, 500, 250), 96, 6000, 1000, 5000, 300, 1.0)
SMOKE = Scale(2, 5, 1000, 300, (30, 20), 2, 500, 50, 100, 1, 0.05)
"""For the tests: every part of the benchmark, none of it worth reading."""


@dataclass(frozen=True)
class Row:
    """One line of bench.csv; without a peer its seconds and the ratio stay empty."""

    work: str
    size: str
    ours: str
    peer: str
    peer_seconds: float | None
    our_seconds: float | None

    @property
    def ratio(self) -> float | None:
        """Our seconds divided by the peer's: below 1 this suite is faster."""
        if self.our_seconds is None or not self.peer_seconds:
            return None
        return self.our_seconds / self.peer_seconds


@dataclass(frozen=True)
class Point:
    """One line of bench-growth.csv: the seconds of a work at one value of what grows."""

    work: str
    against: str
    value: int
    seconds: float


def race(contestants: Mapping[str, Contestant], scale: Scale) -> dict[str, float]:
    """Let all take turns, some rounds, and keep the least seconds of each.

    Turns, because a machine's speed drifts: rounds hit all alike. The least, because whatever else
    runs on the machine can only add. One that fails is named on stderr and left out.
    """
    best: dict[str, float] = {}
    failed: set[str] = set()
    start = time.monotonic()
    for done in range(scale.rounds):
        if done and time.monotonic() - start > scale.seconds:
            break
        for name, contestant in contestants.items():
            if name in failed:
                continue
            try:
                seconds = contestant()
            except Exception as error:  # a peer may fail in any way; the others go on
                failed.add(name)
                best.pop(name, None)
                say(f"{name} failed and is left out: {type(error).__name__}: {error}")
                continue
            best[name] = min(seconds, best.get(name, seconds))
    return best


def rows(work: str, size: str, ours: str, best: Mapping[str, float]) -> Iterator[Row]:
    """One row for each peer that ended, in the order of the race."""
    if OURS not in best:
        return
    for peer, seconds in best.items():
        if peer != OURS:
            yield Row(work, size, ours, peer, seconds, best[OURS])


def timed(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def exponent(values: Sequence[float], seconds: Sequence[float]) -> float:
    """Slope of log seconds against log value: 1 is linear, 2 quadratic."""
    return float(np.polyfit(np.log(values), np.log(seconds), 1)[0])


def say(text: str) -> None:
    """Print progress on stderr."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def emit(result: Row | Point) -> None:
    """Hand a result to the parent process, one JSON line each."""
    print(json.dumps({"kind": type(result).__name__, **asdict(result)}), flush=True)


def parse(line: str) -> Row | Point | None:
    """Read back what `emit` printed; other lines, from whatever prints, are no results."""
    try:
        facts = json.loads(line)
        kind = {"Row": Row, "Point": Point}[facts.pop("kind")]
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    return kind(**facts)
