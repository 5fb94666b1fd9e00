"""The tests of metrics fail when a metric is broken: each of these mutations must be noticed.

A mutation replaces one piece of a module's text in a copy of the package, and the tests named with
it must fail there, by an assertion; on the text as it is they pass. Where a rewrite moves a piece,
`test_each_piece_stands_in_its_module_once` says so: give the new text, and for a new metric its own
mutations. The tests themselves are never copied or changed.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from aebench import metrics

HERE = Path(__file__).parent
PACKAGE = Path(metrics.__file__).parents[1]


class Mutation(NamedTuple):
    """A fault: in a module of aebench.metrics a piece of its text, what to put there, its tests."""

    fault: str
    module: str
    text: str
    instead: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "off by one in k: retrieval",
        "ties.py",
        "cut = items.groups, items.groups.starts[:-1] + k\n",
        "cut = items.groups, items.groups.starts[:-1] + k + 1\n",
        (
            "test_retrieval.py::test_ties_against_every_order_of_the_tied_items",
            "test_retrieval.py::test_without_ties_against_trec_eval",
            "test_ties.py::test_a_list_with_ties_by_hand",
        ),
    ),
    Mutation(
        "off by one in k: neighbourhoods",
        "structure.py",
        "_expected(item, k), _expected(code, k)",
        "_expected(item, k), _expected(code, k + 1)",
        (
            "test_structure.py::test_without_ties_against_scikit_learn",
            "test_structure.py::test_a_neighbourhood_by_hand",
        ),
    ),
    Mutation(
        "off by one in k: nearest neighbours",
        "probes.py",
        "counts[items, nearest[:, position]] += 1",
        "counts[items, nearest[:, position - 1]] += 1",
        ("test_probes.py::test_votes_by_hand_with_ties_to_the_smallest_class",),
    ),
    Mutation(
        "the query is its own neighbour: retrieval",
        "retrieval.py",
        "stored, own = Items(codes, labels, permuted), chosen",
        "stored, own = Items(codes, labels, permuted), None",
        (
            "test_retrieval.py::test_a_query_never_finds_itself",
            "test_retrieval.py::test_codes_that_say_nothing_are_at_chance",
        ),
    ),
    Mutation(
        "the query is its own neighbour: neighbourhoods",
        "structure.py",
        "distances[i] = np.inf",
        "distances[i] = 0",
        ("test_structure.py::test_without_ties_against_scikit_learn",),
    ),
    Mutation(
        "train mean from test: explained variance",
        "run.py",
        "task.dataset, mean_item(task.dataset.train)",
        "task.dataset, mean_item(task.dataset.test)",
        ("test_run.py::test_variance_is_explained_beyond_the_mean_of_train",),
    ),
    Mutation(
        "train mean from test: standardised codes",
        "probes.py",
        "mean = train.mean(axis=0, dtype=np.float64)",
        "mean = test.mean(axis=0, dtype=np.float64)",
        ("test_probes.py::test_standardise_against_scikit_learn_and_by_train_alone",),
    ),
    Mutation(
        "unsorted ties: an order inside ties counts",
        "ties.py",
        "with_next = distance[1:] == distance[:-1]\n",
        "with_next = (distance[1:] == distance[:-1]) & False\n",
        (
            "test_retrieval.py::test_ties_against_every_order_of_the_tied_items",
            "test_retrieval.py::test_codes_that_say_nothing_are_at_chance",
            "test_retrieval.py::test_large_groups_of_ties_against_simulation",
        ),
    ),
    Mutation(
        "unsorted ties: lists in the order of items",
        "ranking.py",
        "xp.sort(ranked, axis=1, stable=False)",
        "ranked",
        ("test_ranking.py::test_keys_hold_distance_grade_and_control_and_are_sorted",),
    ),
    Mutation(
        "unsorted ties: neighbourhoods",
        "structure.py",
        'after = np.searchsorted(ranked, distances, "right")',
        "after = before + 1",
        (
            "test_structure.py::test_ties_against_every_order_of_the_tied_items",
            "test_structure.py::test_codes_that_are_all_equal_are_at_chance",
        ),
    ),
    Mutation(
        "summed instead of averaged: reconstruction",
        "reconstruction.py",
        '"squared_error": total / len(squared),',
        '"squared_error": total,',
        ("test_reconstruction.py::test_an_item_knows_what_the_mean_is_taken_of",),
    ),
    Mutation(
        "summed instead of averaged: retrieval",
        "measured.py",
        "math.fsum(defined) / len(defined) if",
        "math.fsum(defined) if",
        (
            "test_retrieval.py::test_values_keep_their_bounds",
            "test_retrieval.py::test_without_ties_against_trec_eval",
        ),
    ),
)


def run_tests(package: Path, tests: tuple[str, ...], folder: Path) -> subprocess.CompletedProcess:
    """Run tests of this folder against a copy of the package."""
    environment = os.environ | {
        "PYTHONPATH": str(package.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
        "COLUMNS": "300",  # for the summary to say of each test why it failed
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rf", "-p", "no:cacheprovider", *tests],
        cwd=HERE,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a copy of the package to break."""
    skip = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(PACKAGE, tmp_path / "src" / "aebench", ignore=skip))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.fault)
def test_each_piece_stands_in_its_module_once(mutation):
    assert (PACKAGE / "metrics" / mutation.module).read_text().count(mutation.text) == 1
    for test in mutation.tests:
        file, name = test.split("::")
        assert f"\ndef {name}(" in (HERE / file).read_text()


@pytest.mark.long
def test_unbroken_metrics_pass(package, tmp_path):
    tests = dict.fromkeys(test for mutation in MUTATIONS for test in mutation.tests)
    done = run_tests(package, tuple(tests), tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.long
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.fault)
def test_a_broken_metric_fails(mutation, package, tmp_path):
    module = package / "metrics" / mutation.module
    module.write_text(module.read_text().replace(mutation.text, mutation.instead))
    done = run_tests(package, mutation.tests, tmp_path)
    for test in mutation.tests:
        # By an assertion: an import that fails would say nothing about the test.
        failed = rf"^FAILED \S*{re.escape(test)}(\[.*\])? - (assert |AssertionError)"
        assert re.search(failed, done.stdout, re.MULTILINE), done.stdout
