"""The table of docs/reliability.md: promises, the tests that try them, what those measured.

A test that stands behind a promise is marked `promise(group, text)` and counts what it did with the
fixture `measured`. `pytest --reliability` writes what the passing ones counted to reliability.json
and the table anew; tests of one promise, or cases of one test, add up.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
GROUPS = (
    "Resume",
    "Faults",
    "Untrusted input",
    "Reproducibility",
    "Clusters",
    "Supply chain",
)
INTRODUCTION = """\
# Reliability

What the suite promises, the test that tries it and what that test measured when it last ran. The
table is written by the tests themselves: `make reliability` runs those below and writes it anew,
`make test` holds that none is missing. Long ones run under `make test-long`.
"""
PROMISE, FIGURE = "promise", "figure"
"""Names under which a test's report carries both."""

Figures = dict[str, dict[str, float]]
"""Of each test's function, by its id: the name of what it counted and the sum over its cases."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--reliability", action="store_true", help="write what promises' tests count to docs/"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--reliability") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(), "promises-recorder")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("promise"):
            group, text = mark.args
            if group not in GROUPS:
                raise pytest.UsageError(f"{item.nodeid}: {group!r} is none of {', '.join(GROUPS)}")
            item.user_properties.append((PROMISE, [group, text.rstrip(".")]))


@pytest.fixture
def measured(record_property: Callable[[str, Any], None]) -> Callable[[str, float], None]:
    """Return a function that counts something a promise's test did, such as `kills survived`."""

    def count(name: str, value: float) -> None:
        record_property(FIGURE, [name, value])

    return count


class Recorder:
    """Collects the reports of promises' tests, from all of pytest-xdist's workers."""

    def __init__(self) -> None:
        self.promises: dict[str, Any] = {}
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = function(report.nodeid)
        promises = [value for kind, value in report.user_properties if kind == PROMISE]
        if promises and not report.passed:
            self.failed.add(name)  # skipped is not measured, either
        if report.when != "call":
            return
        for group, text in promises:
            entry = self.promises.setdefault(name, {"group": group, "promise": text, "figures": {}})
            for kind, value in report.user_properties:
                if kind == FIGURE:
                    entry["figures"][value[0]] = entry["figures"].get(value[0], 0) + value[1]

    def pytest_sessionfinish(self) -> None:
        """Replace what is known of the tests that ran and passed; drop those that are gone."""
        known = {name: entry for name, entry in read().items() if exists(name)}
        new = {name: entry for name, entry in self.promises.items() if name not in self.failed}
        write({**known, **new})


def function(nodeid: str) -> str:
    """The id of a test without the case."""
    return nodeid.partition("[")[0].partition("@")[0]


def exists(name: str) -> bool:
    """Whether a test of that id still stands in its file."""
    file, *_, test = name.split("::")
    path = DOCS.parent / file
    return path.exists() and f"def {test}(" in path.read_text(encoding="utf-8")


def read() -> dict[str, Any]:
    file = DOCS / "reliability.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def write(promises: Mapping[str, Any]) -> None:
    text = json.dumps(promises, indent=1, sort_keys=True)
    (DOCS / "reliability.json").write_text(text + "\n", encoding="utf-8")
    (DOCS / "reliability.md").write_text(rendered(promises), encoding="utf-8")


def rendered(promises: Mapping[str, Any]) -> str:
    """The page of all promises; those of one group and text share a row."""
    lines = [INTRODUCTION]
    for group in GROUPS:
        own = {name: entry for name, entry in promises.items() if entry["group"] == group}
        if own:
            lines += [f"## {group}", "", "| promise | test | measured |", "|---|---|---|"]
            lines += [_row(text, own) for text in sorted({e["promise"] for e in own.values()})]
            lines.append("")
    return "\n".join(lines)


def _row(text: str, entries: Mapping[str, Any]) -> str:
    tests = sorted(name for name, entry in entries.items() if entry["promise"] == text)
    figures: dict[str, float] = {}
    for test in tests:
        for name, value in entries[test]["figures"].items():
            figures[name] = figures.get(name, 0) + value
    links = "<br>".join(f"[{t.split('::')[-1]}](../{t.split('::')[0]})" for t in tests)
    counts = "<br>".join(f"{name}: {value:,.6g}" for name, value in sorted(figures.items()))
    return f"| {text} | {links} | {counts} |"
