"""The data stage: fetch, check and prepare one data set."""

from pathlib import Path

from aebench import datasets
from aebench.datasets import excerpts


def run(
    name: str,
    data: str | Path,
    facts: str | Path,
    first_words: str | Path,
    *,
    vocabulary_size: int,
    train_items: int | None,
    test_items: int | None,
) -> None:
    """Prepare the data set `name` and write `data` (npz), `facts` and `first_words` (json).

    `first_words` is empty for images, which have none.
    """
    dataset = datasets.prepare(name, train_items, test_items, vocabulary_size)
    datasets.save(dataset, data, facts)
    excerpts.save(dataset.excerpts or {}, first_words)
