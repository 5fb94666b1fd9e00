"""Random numbers by name.

Every draw of the suite comes from a stream of its own, named after what is drawn: the subset of the
data, initial weights, batches, corruption, queries. A stream depends on its name and a seed alone.
So another variant, another seed or one more draw changes no other result.
"""

import zlib

import numpy as np


def entropy(seed: int, name: str) -> np.random.SeedSequence:
    """Return what one stream is made from."""
    return np.random.SeedSequence([seed, zlib.crc32(name.encode())])


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random numbers of one seed for one purpose, such as `queries`.

    Parameters
    ----------
    seed : int
        At least 0.
    name : str
        Two purposes that must not share numbers have two names. Draws that are meant to be equal,
        such as the validation part of two classifiers, share one.
    """
    return np.random.default_rng(entropy(seed, name))


def whole_number(seed: int, name: str) -> int:
    """Return a seed below 2^31 from a stream, for libraries that take nothing else."""
    return int(stream(seed, name).integers(2**31))
