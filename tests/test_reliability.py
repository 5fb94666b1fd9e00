"""docs/reliability.md says what its tests measured, and of every test behind a promise."""

import re
import subprocess
import sys
from pathlib import Path

import promises

ROOT = Path(__file__).parents[1]

CASES = """
import pytest

@pytest.mark.promise("Faults", "Nothing is lost")
@pytest.mark.parametrize("n", [1, 2])
def test_counts(n, measured):
    measured("faults injected", n)
    measured("bytes lost", 0)

@pytest.mark.promise("Faults", "Never true")
def test_fails(measured):
    measured("faults injected", 1)
    assert False
"""


def test_the_page_is_what_was_recorded():
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert page == promises.rendered(promises.read())


def test_every_promise_was_measured_and_no_other():
    call = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-m",
        "promise",
        "-p",
        "no:cacheprovider",
    ]
    found = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=120)
    ids = re.findall(r"^(tests/\S+::\S+)", found.stdout, flags=re.MULTILINE)
    assert {promises.function(name) for name in ids} == set(promises.read())


def test_cases_add_up_and_a_failed_test_says_nothing(tmp_path, monkeypatch):
    (tmp_path / "tests").mkdir()
    (tmp_path / "docs").mkdir()
    plugin = Path(promises.__file__).read_text(encoding="utf-8")
    (tmp_path / "tests" / "promises.py").write_text(plugin)
    (tmp_path / "tests" / "conftest.py").write_text('pytest_plugins = ("promises",)\n')
    (tmp_path / "tests" / "test_cases.py").write_text(CASES)
    markers = "[pytest]\nmarkers = promise(group, text): x\n"
    (tmp_path / "pytest.ini").write_text(markers)
    call = [sys.executable, "-m", "pytest", "-q", "--reliability", "-p", "no:cacheprovider"]
    subprocess.run([*call, "--rootdir", str(tmp_path), "tests"], cwd=tmp_path, timeout=120)
    monkeypatch.setattr(promises, "DOCS", tmp_path / "docs")
    assert promises.read() == {
        "tests/test_cases.py::test_counts": {
            "group": "Faults",
            "promise": "Nothing is lost",
            "figures": {"faults injected": 3, "bytes lost": 0},
        }
    }
    page = (tmp_path / "docs" / "reliability.md").read_text()
    assert "| Nothing is lost | [test_counts](../tests/test_cases.py) |" in page
    assert "bytes lost: 0<br>faults injected: 3" in page
