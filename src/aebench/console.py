"""What a user sees while waiting: progress lines, and errors without a traceback."""

import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aebench.errors import AebenchError
from aebench.files import write_text


def duration(seconds: float) -> str:
    """Say a time span in words: `8 s`, `3 min 20 s`, `2 h 05 min`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


class Progress:
    """Print one line every few seconds: where a long computation is and how long it still takes.

    Whole lines instead of a bar, because several jobs share the terminal and a log keeps them.

    Parameters
    ----------
    label : str
        What is being computed; opens every line.
    every : float
        Seconds between lines. Work that ends sooner prints nothing.
    """

    def __init__(self, label: str, every: float = 5.0) -> None:
        self.label = label
        self.every = every
        self.begin("", 1, 1)

    def begin(self, phase: str, epochs: float, steps_per_epoch: int, done: int = 0) -> None:
        """Start a phase of `epochs` epochs (may be fractional), each of `steps_per_epoch` steps.

        Of these, an earlier process has `done` some.
        """
        self._phase, self._epochs, self._steps = phase, epochs, steps_per_epoch
        self._before = done
        self._start = self._last = time.monotonic()

    def step(self, done: int, describe: Callable[[], str]) -> None:
        """Note that `done` steps of the phase are over; `describe` is called only to print."""
        now = time.monotonic()
        if now - self._last < self.every:
            return
        self._last = now
        total = max(done, round(self._epochs * self._steps))
        left = (now - self._start) / (done - self._before) * (total - done)
        epoch = done / self._steps
        print(
            f"{self.label}, {self._phase}: epoch {epoch:.1f} of {self._epochs:g}, "
            f"{describe()}, {duration(left)} left",
            file=sys.stderr,
            flush=True,
        )


class _Log:
    """A job's log file. One that does not fit on the disk is no reason to lose the job's result."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = open(path, "w", encoding="utf-8")  # noqa: SIM115

    def write(self, text: str) -> int:
        with suppress(OSError):
            self.file.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self.file.flush()

    def close(self) -> None:
        with suppress(OSError):
            self.file.close()


class _Tee:
    """A stream that also writes to a log file."""

    def __init__(self, stream, log) -> None:  # type: ignore[no-untyped-def]
        self.stream, self.log = stream, log

    def write(self, text: str) -> int:
        self.log.write(text)
        return self.stream.write(text)

    def flush(self) -> None:
        self.log.flush()
        self.stream.flush()

    def __getattr__(self, name: str) -> object:  # isatty, encoding and whatever else a stream has
        return getattr(self.stream, name)


def peak_memory_mb() -> float:
    """Return the most memory this process has had in RAM, what it shares with others included."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def cpu_seconds() -> float:
    """Return what this process has computed, with the children that have ended."""
    return sum(os.times()[:4])


@contextmanager
def job(log: str | Path, label: str) -> Iterator[None]:
    """Run one workflow job: copy stderr to its log, turn failures into one message and exit 1.

    An error the user can mend prints its message alone. Anything else is a defect of this suite
    or of a user's variant: the message names the exception, and the traceback goes to the log.
    What a job that ends well has used stands in the last line of its log, and for programs in a
    file of the same name with the suffix .json.
    """
    terminal = sys.stderr
    try:
        file = _Log(Path(log))
    except OSError as error:
        print(f"error: {label}: cannot write {log}: {error.strerror}.", file=terminal)
        sys.exit(1)
    sys.stderr = _Tee(terminal, file)
    start, cpu_start = time.perf_counter(), cpu_seconds()
    try:
        yield
        used = {
            "seconds": time.perf_counter() - start,
            "cpu_seconds": cpu_seconds() - cpu_start,
            "peak_memory_mb": peak_memory_mb(),
        }
        write_text(Path(log).with_suffix(".json"), json.dumps(used) + "\n")
        print(
            f"{label}: {used['seconds']:.1f} s, {used['cpu_seconds']:.1f} CPU-s, "
            f"peak memory {used['peak_memory_mb']:.0f} MB",
            file=file,
        )
    except AebenchError as error:
        print(f"error: {label}: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        traceback.print_exc(file=file)
        message = " ".join(str(error).split())
        print(
            f"error: {label}: {type(error).__name__}: {message} (traceback in {log})",
            file=sys.stderr,
        )
        sys.exit(1)
    finally:
        sys.stderr = terminal
        file.close()
