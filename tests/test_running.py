"""One run at a time, and nothing left of a killed one."""

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from aebench import running
from aebench.errors import AebenchError

HOLDER = """
import sys
import time

from aebench import running

held = running.begin(sys.argv[1], [])
print("holds", flush=True)
time.sleep(60)
"""
SLEEPER = "import time; print('sleeps', flush=True); time.sleep(60)"

Start = Callable[..., subprocess.Popen]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts Python code in a process and waits for its first line."""
    started: list[subprocess.Popen] = []

    def start(code: str, *arguments: object, **environment: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(running.MARK, "")  # begin sets it: put back what was
    monkeypatch.delenv(running.MARK)


def test_another_run_is_refused_and_told_who_is_at_work(start, tmp_path):
    lock = tmp_path / "quick.run"
    holder = start(HOLDER, lock)
    half = tmp_path / ".codes.7.partial.npz"
    half.write_text("being written")
    with pytest.raises(AebenchError, match="another run is at work in this folder") as refused:
        running.begin(lock, [tmp_path])
    day, clock = r"20\d\d-\d\d-\d\d", r"\d\d:\d\d:\d\d"
    who = rf"\(process {holder.pid} on \S+ since {day} {clock}\)"
    assert re.search(who, str(refused.value))
    assert holder.poll() is None
    assert half.exists()
    assert running.MARK not in os.environ


def test_runs_of_other_folders_do_not_matter(start, tmp_path):
    holder = start(HOLDER, tmp_path / "quick.run")
    running.begin(tmp_path / "full.run", [tmp_path]).close()
    assert holder.poll() is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_ends_with_the_process_that_holds_it(start, tmp_path, number):
    lock = tmp_path / "quick.run"
    holder = start(HOLDER, lock)
    holder.send_signal(number)
    holder.wait()
    with running.begin(lock, []):
        assert f"process {os.getpid()} on " in lock.read_text()
        assert lock.read_text().count("\n") == 1
    running.begin(lock, []).close()


def test_a_killed_runs_processes_are_ended_and_no_others(start, tmp_path):
    lock = tmp_path / "quick.run"
    lock.touch()
    orphan = start(SLEEPER, **{running.MARK: running.mark(lock)})
    (tmp_path / "full.run").touch()
    others = [start(SLEEPER), start(SLEEPER, **{running.MARK: running.mark(tmp_path / "full.run")})]
    running.begin(lock, []).close()
    assert orphan.wait(timeout=5) == -signal.SIGKILL
    assert [other.poll() for other in others] == [None, None]


def test_processes_of_a_run_carry_its_mark_and_not_its_lock(start, tmp_path):
    lock = tmp_path / "quick.run"
    running.begin(lock, []).close()
    job = start(SLEEPER)
    running.begin(lock, []).close()
    assert job.wait(timeout=5) == -signal.SIGKILL


def test_a_process_that_does_not_end_is_named(start, tmp_path, monkeypatch):
    import psutil

    lock = tmp_path / "quick.run"
    lock.touch()
    orphan = start(SLEEPER, **{running.MARK: running.mark(lock)})
    monkeypatch.setattr(psutil.Process, "kill", lambda self: None)
    monkeypatch.setattr(running, "PATIENCE", 0.1)
    with pytest.raises(AebenchError, match=rf"end processes {orphan.pid} first"):
        running.begin(lock, [])
    monkeypatch.undo()
    running.begin(lock, []).close()  # nobody holds the lock


def test_half_written_files_are_removed(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / ".codes.7.partial.npz").write_text("half")
    running.begin(tmp_path / "quick.run", [tmp_path / "results", tmp_path / "missing"]).close()
    assert list((tmp_path / "results").iterdir()) == []


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, capsys):
    def flock(file, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    running.begin(tmp_path / "quick.run", []).close()
    assert "(No locks available): start no second run here" in capsys.readouterr().out


def test_a_folder_one_may_not_write_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AebenchError, match=r"cannot write .*file/quick.run: "):
        running.begin(tmp_path / "file" / "quick.run", [])
