"""Every draw has a stream of its own, and no other source of random numbers is in the sources."""

import ast
from pathlib import Path

import numpy as np
import pytest

from aebench.streams import stream, whole_number

SOURCES = Path(__file__).parents[1] / "src" / "aebench"
FREE = {"default_rng", "RandomState", "seed", "manual_seed", "rand", "randn", "randperm"}
"""Calls that make random numbers out of nothing but a number, or out of a state shared by all."""

KNOWN = {
    "streams.py": {"default_rng"},  # the one place where numpy's streams are made
    "datasets/curves.py": {"default_rng"},  # what the data set itself is made from
    "training/seeds.py": {"manual_seed", "randperm"},  # and PyTorch's; batches from their stream
    "training/rbm.py": {"randn"},  # from its stream
    "training/device.py": {"manual_seed", "randn"},  # trial products, no result
    "models/network.py": {"randn"},  # initial weights, from their stream
}


def test_a_stream_depends_on_its_seed_and_its_name_alone():
    first = stream(3, "queries").random(5)
    np.testing.assert_array_equal(first, stream(3, "queries").random(5))
    others = [stream(3, "permuted labels"), stream(4, "queries"), stream(0, "queries")]
    assert all(not set(first) & set(other.random(5)) for other in others)


def test_pytorch_draws_from_streams_of_the_same_names():
    torch_stream = pytest.importorskip("aebench.training.seeds").stream
    assert torch_stream(0, "weights").initial_seed() != torch_stream(0, "batches").initial_seed()
    assert torch_stream(1, "weights").initial_seed() != torch_stream(0, "weights").initial_seed()


def test_whole_numbers_fit_libraries():
    drawn = {whole_number(seed, "tuning") for seed in range(100)}
    assert len(drawn) == 100
    assert min(drawn) >= 0
    assert max(drawn) < 2**31


@pytest.mark.promise("Reproducibility", "Every random draw comes from a stream named after it")
def test_nothing_else_in_the_sources_makes_random_numbers(measured):
    files = [file for file in SOURCES.rglob("*.py") if file.name != "lecture_texts.py"]
    assert len(files) > 100
    found = {}
    for file in files:
        calls = {
            node.func.attr
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        if calls & FREE:
            found[file.relative_to(SOURCES).as_posix()] = calls & FREE
    assert found == KNOWN
    measured("source files read", len(files))
