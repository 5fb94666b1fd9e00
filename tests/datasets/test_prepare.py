"""The front door: names, kinds, limits."""

import subprocess
import sys

import numpy as np
import pytest

from aebench import datasets
from aebench.datasets.subset import choose
from aebench.errors import AebenchError

NAMES = "mnist, fashion-mnist, curves, olivetti, 20newsgroups, reuters-r52, rcv1"


def test_names_and_kinds():
    assert datasets.names() == NAMES.split(", ")
    documents = {name for name in datasets.names() if datasets.kind(name) == "documents"}
    assert documents == {"20newsgroups", "reuters-r52", "rcv1"}


def test_kind_loads_nothing():
    code = (
        "import sys; from aebench import datasets; datasets.kind('mnist');"
        "heavy = {'torch', 'sklearn', 'pandas', 'pooch', 'requests'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_number_of_features_is_known_before_anything_is_loaded():
    from aebench.datasets import curves, olivetti

    assert datasets.n_features("curves") == curves.SIDE**2
    assert datasets.n_features("olivetti") == olivetti.SIDE**2
    assert datasets.n_features("mnist") == datasets.n_features("fashion-mnist") == 28**2
    assert datasets.n_features("rcv1", 70) == 70


@pytest.mark.parametrize("function", [datasets.kind, datasets.n_features, datasets.prepare])
def test_an_unknown_name_lists_the_known(function):
    with pytest.raises(AebenchError) as caught:
        function("minst")
    assert str(caught.value) == f"unknown data set 'minst'; allowed are {NAMES}."


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("train_items", 0),
        ("train_items", "all"),
        ("test_items", -1),
        ("test_items", 1.5),
        ("vocabulary_size", 0),
        ("vocabulary_size", None),
        ("vocabulary_size", True),
        ("seed", -1),
    ],
)
def test_bad_limits_are_named(limit, value):
    with pytest.raises(AebenchError, match=f"{limit} is {value!r}; allowed is a whole number"):
        datasets.prepare("mnist", **{limit: value})


def test_a_part_is_without_repeats_in_order_and_fair():
    notes = []
    counts = np.zeros(50)
    for seed in range(400):
        chosen = choose(50, 10, seed, "items", notes)
        assert len(chosen) == 10
        assert (np.diff(chosen) > 0).all()
        counts[chosen] += 1
    assert counts.min() > 50  # 80 expected, standard deviation 8
    assert counts.max() < 110
    assert notes[7] == "A random 10 of the 50 items, seed 7."


@pytest.mark.parametrize("limit", [None, 50, 51])
def test_without_a_limit_all(limit):
    notes = []
    assert choose(50, limit, 0, "items", notes).tolist() == list(range(50))
    assert notes == []
