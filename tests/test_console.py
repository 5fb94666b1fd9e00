"""What a user sees while waiting, and when something fails."""

import json
import re
import sys
import time

import numpy as np
import pytest

from aebench import console
from aebench.console import Progress, duration, job
from aebench.errors import AebenchError, ParameterError


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(console.time, "monotonic", clock)
    return clock


def test_a_line_says_label_phase_epoch_value_and_time_left(clock, capsys):
    progress = Progress("mnist deep d30 seed 0")
    progress.begin("fine-tuning", 20, 60)
    clock.now += 30
    progress.step(300, lambda: "loss 3.21")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "mnist deep d30 seed 0, fine-tuning: epoch 5.0 of 20, loss 3.21, 1 min 30 s left\n"
    )


def test_fractional_epochs(clock, capsys):
    progress = Progress("x")
    progress.begin("fine-tuning", 0.5, 8)
    clock.now += 10
    progress.step(2, lambda: "loss 1")
    assert capsys.readouterr().err == "x, fine-tuning: epoch 0.2 of 0.5, loss 1, 10 s left\n"


def test_what_an_earlier_process_did_took_this_one_no_time(clock, capsys):
    progress = Progress("x")
    progress.begin("fine-tuning", 10, 10, done=50)
    clock.now += 10
    progress.step(75, lambda: "loss 1")
    assert capsys.readouterr().err == "x, fine-tuning: epoch 7.5 of 10, loss 1, 10 s left\n"


def test_lines_come_every_few_seconds_and_the_value_is_worked_out_only_for_them(clock, capsys):
    described = []
    progress = Progress("x", every=5)
    progress.begin("phase", 1, 100)
    for step in range(1, 101):
        clock.now += 1
        progress.step(step, lambda step=step: described.append(step) or f"value {step}")
    assert described == list(range(5, 101, 5))
    assert len(capsys.readouterr().err.splitlines()) == 20


def test_short_work_and_a_new_phase_print_nothing_at_once(clock, capsys):
    progress = Progress("x", every=5)
    for phase in ("one", "two", "three"):
        progress.begin(phase, 1, 1)
        clock.now += 4
        progress.step(1, lambda: "value")
    assert capsys.readouterr() == ("", "")


def test_steps_beyond_what_was_announced_have_no_time_left(clock, capsys):
    progress = Progress("x")
    progress.begin("phase", 1, 4)
    clock.now += 10
    progress.step(5, lambda: "value")
    assert capsys.readouterr().err.endswith(", 0 s left\n")


def run(tmp_path, error=None, label="train mnist"):
    """Run a job that says hello and then fails with `error`; return its exit code and log."""
    log = tmp_path / "new" / "folder" / "job.log"
    code = 0
    try:
        with job(log, label):
            print("hello", file=sys.stderr)
            if error:
                raise error
    except SystemExit as exit_:
        code = exit_.code
    return code, log.read_text()


USED = r"train mnist: \d+\.\d s, \d+\.\d CPU-s, peak memory \d+ MB"


def test_a_good_job_prints_to_the_terminal_and_to_its_log(tmp_path, capsys):
    terminal = sys.stderr
    code, log = run(tmp_path)
    assert code == 0
    assert re.fullmatch(rf"hello\n{USED}\n", log)
    assert capsys.readouterr().err == "hello\n"
    assert sys.stderr is terminal


def test_what_a_good_job_has_used_stands_beside_its_log(tmp_path):
    with job(tmp_path / "job.log", "x"):
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        time.sleep(0.05)
        np.ones(2**23)  # 64 MiB
    used = json.loads((tmp_path / "job.json").read_text())
    assert list(used) == ["seconds", "cpu_seconds", "peak_memory_mb"]
    assert 0.05 <= used["cpu_seconds"] <= used["seconds"] - 0.04
    assert used["seconds"] >= 0.1
    assert used["peak_memory_mb"] > 64


def test_a_failed_job_says_its_error_last_and_has_no_record(tmp_path):
    _, log = run(tmp_path, ZeroDivisionError("by zero"))
    assert log.splitlines()[-1].startswith("error: ")
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("kind", [AebenchError, ParameterError])
def test_an_error_the_user_can_mend_is_one_line_without_a_traceback(kind, tmp_path, capsys):
    terminal = sys.stderr
    code, log = run(tmp_path, kind("seeds is empty; at least one is needed."))
    expected = "hello\nerror: train mnist: seeds is empty; at least one is needed.\n"
    assert code == 1
    assert capsys.readouterr() == ("", expected)
    assert log == expected
    assert sys.stderr is terminal


def test_any_other_error_is_one_line_and_its_traceback_goes_to_the_log(tmp_path, capsys):
    code, log = run(tmp_path, ZeroDivisionError("division by zero"))
    assert code == 1
    out, err = capsys.readouterr()
    assert out == ""
    hello, line = err.splitlines()
    assert hello == "hello"
    assert line.startswith("error: train mnist: ZeroDivisionError: division by zero (traceback in ")
    assert line.endswith("job.log)")
    assert "Traceback" not in err
    assert "Traceback (most recent call last)" in log
    assert "raise error" in log
    assert line in log


def test_any_other_error_is_one_line_even_when_its_words_are_many(tmp_path, capsys):
    run(tmp_path, RuntimeError("sizes differ:\n  [2, 3]\n  [4, 5]"))
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_the_jobs_stderr_is_asked_what_a_stream_is_asked(tmp_path):
    """Progress bars ask whether they write to a terminal."""
    with job(tmp_path / "job.log", "x"):
        assert sys.stderr.isatty() is False
        assert sys.stderr.encoding


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interruption_passes(kind, tmp_path):
    terminal = sys.stderr
    with pytest.raises(kind), job(tmp_path / "job.log", "x"):
        raise kind
    assert sys.stderr is terminal


def test_a_later_run_starts_its_log_afresh(tmp_path):
    run(tmp_path, ZeroDivisionError("first"))
    assert run(tmp_path)[1].startswith("hello\ntrain mnist: ")
