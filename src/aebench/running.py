"""One run at a time in a folder, and nothing left over from a run that was killed.

Snakemake's lock of a folder is a file that a killed run leaves behind for the user to remove. The
lock here is the kernel's and ends with the process that holds it, however that ends. So the
profiles switch Snakemake's off (`nolock`), and a run calls `begin` before its first job.
"""

import fcntl
import os
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from aebench.errors import AebenchError
from aebench.files import remove_partial

MARK = "AEBENCH_RUN"
"""Environment variable by which a run's processes are known, also when the run is dead."""

PATIENCE = 10.0
"""Seconds until a killed process has to be gone."""


def begin(lock: str | Path, folders: Iterable[str | Path]) -> IO[str]:
    """Become the only process that writes into a run's folders.

    Jobs that outlived an earlier run are ended, and their half-written files removed.

    Parameters
    ----------
    lock : path
        The file by which runs of the same folders exclude each other.
    folders : iterable of paths
        Where the run writes.

    Returns
    -------
    held : file
        Holds the lock until it is closed, at the latest by the end of this process. Processes
        started by this one do not hold it.

    Raises
    ------
    AebenchError
        When another run holds the lock; then nothing was touched. Also when the file cannot be
        written, or an earlier run's job cannot be ended.
    """
    lock = Path(lock).absolute()
    held = _hold(lock)
    try:
        _end_orphans(mark(lock))
    except AebenchError:
        held.close()
        raise
    os.environ[MARK] = mark(lock)  # for the processes that this one starts
    for folder in folders:
        remove_partial(folder)
    return held


def mark(lock: Path) -> str:
    """Return the value of MARK: the file itself, for a machine's name may change under a run."""
    found = os.stat(lock)
    return f"{found.st_dev}:{found.st_ino}:{lock}"


def _hold(lock: Path) -> IO[str]:
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = open(lock, "a+", encoding="utf-8")  # noqa: SIM115  the caller keeps it open
    except OSError as error:
        raise AebenchError(f"cannot write {lock}: {error.strerror}.") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            file.seek(0)
            raise AebenchError(
                f"another run is at work in this folder ({file.read().strip() or 'just begun'}). "
                "Wait for its end or stop it, then start again; nothing was touched."
            ) from None
    except OSError as error:  # some network file systems have none
        print(f"note: {lock} cannot be locked ({error.strerror}): start no second run here.")
    file.truncate(0)
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    file.write(f"process {os.getpid()} on {socket.gethostname()} since {since}\n")
    file.flush()
    return file


def _end_orphans(theirs: str) -> None:
    """Kill what a killed run has left running on this machine: all of it carries its mark."""
    import psutil

    end = time.monotonic() + PATIENCE
    while orphans := [
        process
        for process in psutil.process_iter(["environ"])  # None where it is not ours to read
        if (process.info["environ"] or {}).get(MARK) == theirs and process.pid != os.getpid()
    ]:
        if time.monotonic() > end:
            numbers = ", ".join(str(process.pid) for process in orphans)
            raise AebenchError(f"an earlier run's jobs do not end: end processes {numbers} first.")
        for process in orphans:
            with suppress(psutil.Error):
                process.kill()
        time.sleep(0.05)
