"""Figures as files, drawn in several processes."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from aebench.errors import AebenchError
from aebench.report import FORMATS, figures
from aebench.report.figures.files import save_all
from aebench.report.figures.shared import nothing
from aebench.report.results import read

from .conftest import ROLES


def test_the_number_of_processes_changes_no_byte(rendered, tmp_path):
    found = read(rendered[0], ROLES)
    for processes in (1, 2):
        drawings = {
            tmp_path / str(processes) / name: partial(figures.draw, name, found, "mnist")
            for name in ("retrieval", "training")
        }
        save_all(drawings, processes)
    alone, together = (sorted((tmp_path / name).iterdir()) for name in ("1", "2"))
    assert len(alone) == 2 * len(FORMATS)
    assert [file.name for file in alone] == [file.name for file in together]
    for left, right in zip(alone, together, strict=True):
        assert left.read_bytes() == right.read_bytes()


def fail():
    raise AebenchError("the ink is dry.")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_is_the_one_of_the_drawing(tmp_path, processes):
    later = {tmp_path / str(place): partial(nothing, "no ink") for place in range(20)}
    with pytest.raises(AebenchError, match="the ink is dry"):
        save_all({tmp_path / "first": fail, **later}, processes)
    assert len(list(tmp_path.glob("*.webp"))) < 20  # what had not begun is not drawn
    assert not list(tmp_path.glob("*.partial*"))


@pytest.mark.skipif(sys.platform != "linux", reason="drawn in one process elsewhere")
def test_a_killed_process_is_one_message(tmp_path):
    with pytest.raises(AebenchError, match="was killed; is there enough memory"):
        save_all({tmp_path / "a": die, tmp_path / "b": partial(nothing, "no ink")}, 2)


SLOW = """
import os, sys, time
from pathlib import Path
from aebench.report.figures.files import save_all
from aebench.report.figures.shared import nothing

def draw():
    os.write(1, b"begun\\n")  # at once, as two processes do it
    time.sleep(0.5)
    return nothing("it is a test")

save_all({Path(sys.argv[1]) / str(place): draw for place in range(100)}, 2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="drawn in one process elsewhere")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_the_processes_end_with_their_parent(tmp_path, end):
    """Ctrl-C goes to all of them, a kill to the parent alone."""
    call = [sys.executable, "-c", SLOW, str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # A shell's job in the background ignores Ctrl-C, and so would what it starts.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(call, start_new_session=True, text=True, preexec_fn=heed, **pipes)
    assert [process.stdout.readline() for _ in range(2)] == ["begun\n"] * 2  # both are forked
    if end == signal.SIGINT:
        os.killpg(process.pid, end)
    else:
        process.kill()
    errors = process.communicate(timeout=30)[1]
    assert process.returncode == -end
    assert errors.count("Traceback") == (end == signal.SIGINT)
    begin = time.monotonic()
    while is_left(process.pid) and time.monotonic() - begin < 10:
        time.sleep(0.05)
    assert not is_left(process.pid)


def is_left(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
