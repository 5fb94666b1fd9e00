"""The data stage: fetch, check and prepare one data set."""

from pathlib import Path

from aebench import datasets


def run(
    name: str,
    data: str | Path,
    facts: str | Path,
    *,
    vocabulary_size: int,
    train_items: int | None,
    test_items: int | None,
) -> None:
    """Prepare the data set `name` and write `data` (npz) and `facts` (json)."""
    dataset = datasets.prepare(name, train_items, test_items, vocabulary_size)
    datasets.save(dataset, data, facts)
