"""A seeded random part of a data set."""

import numpy as np

from aebench.streams import stream


def choose(available: int, limit: int | None, seed: int, what: str, notes: list[str]) -> np.ndarray:
    """Choose `limit` of `available` items at random, kept in their order; all without a limit.

    Every item is equally likely, so that classes keep their shares in expectation.

    Parameters
    ----------
    available : int
    limit : int or None
        A limit above `available` takes all.
    seed : int
    what : str
        Names the items in the sentence appended to `notes`, and the stream they are drawn from.
    notes : list of str

    Returns
    -------
    ndarray, shape [n_chosen], int64, ascending
    """
    if limit is None or limit >= available:
        return np.arange(available)
    notes.append(f"A random {limit:,} of the {available:,} {what}, seed {seed}.")
    return np.sort(stream(seed, what).choice(available, limit, replace=False))
