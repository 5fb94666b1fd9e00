"""Where data comes from: sources, checksums, vocabulary, splits."""

from numbers import Integral

from aebench.datasets.store import Dataset, check_labels, read, read_facts, save
from aebench.errors import AebenchError

__all__ = [
    "KINDS",
    "Dataset",
    "check_labels",
    "kind",
    "n_features",
    "names",
    "prepare",
    "read",
    "read_facts",
    "save",
]

KINDS = {
    "mnist": "images",
    "fashion-mnist": "images",
    "curves": "images",
    "olivetti": "images",
    "20newsgroups": "documents",
    "reuters-r52": "documents",
    "rcv1": "documents",
}

PIXELS = {"mnist": 784, "fashion-mnist": 784, "curves": 784, "olivetti": 625}


def names() -> list[str]:
    """Return the names of all data sets."""
    return list(KINDS)


def kind(name: str) -> str:
    """Return "images" or "documents", without loading anything.

    Raises
    ------
    AebenchError
        For an unknown name; lists the allowed ones.
    """
    if name not in KINDS:
        raise AebenchError(f"unknown data set {name!r}; allowed are {', '.join(KINDS)}.")
    return KINDS[name]


def n_features(name: str, vocabulary_size: int = 2000) -> int:
    """Return the number of features, without loading anything.

    Documents have `vocabulary_size`: fewer only where the training documents have fewer terms,
    which nobody knows before they are read.

    Raises
    ------
    AebenchError
        For an unknown name; lists the allowed ones.
    """
    return PIXELS[name] if kind(name) == "images" else vocabulary_size


def prepare(
    name: str,
    train_items: int | None = None,
    test_items: int | None = None,
    vocabulary_size: int = 2000,
    seed: int = 0,
) -> Dataset:
    """Fetch, check and parse a data set.

    Parameters
    ----------
    name : str
        One of `names()`.
    train_items, test_items : int, optional
        Take a random part of that many items (classes keep their shares in expectation); all
        when None or when there are no more.
    vocabulary_size : int
        Documents: how many of the most frequent training terms become features.
    seed : int
        Of the random parts, of the random halves of `rcv1`, and of what is drawn in `curves`.

    Returns
    -------
    Dataset

    Raises
    ------
    AebenchError
        For an unknown name or limit, when no source gives the raw files, or when they are
        malformed.
    """
    kind(name)
    for limit, value in (("train_items", train_items), ("test_items", test_items)):
        if value is not None:
            _whole(limit, value, 1, "a whole number of at least 1, or null for all")
    _whole("vocabulary_size", vocabulary_size, 1, "a whole number of at least 1")
    _whole("seed", seed, 0, "a whole number of at least 0")
    if name in ("mnist", "fashion-mnist"):
        from aebench.datasets.images import FASHION_MNIST, MNIST, idx_images

        collection = MNIST if name == "mnist" else FASHION_MNIST
        return idx_images(collection, train_items, test_items, seed)
    if name == "curves":
        from aebench.datasets.curves import curves

        return curves(train_items, test_items, seed)
    if name == "olivetti":
        from aebench.datasets.olivetti import olivetti

        return olivetti(train_items, test_items, seed)
    if name == "rcv1":
        from aebench.datasets.rcv1 import rcv1

        return rcv1(train_items, test_items, vocabulary_size, seed)
    from aebench.datasets.documents import all_terms

    return all_terms(name, train_items, test_items, vocabulary_size, seed)


def _whole(parameter: str, value: object, least: int, allowed: str) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise AebenchError(f"{parameter} is {value!r}; allowed is {allowed}.")
