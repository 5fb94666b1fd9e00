"""Jobs that run longer than they may are ended: on this machine by us, as Slurm does on a cluster.

Snakemake hands `resources: runtime=...` of a rule to a cluster's scheduler and, on one machine,
to nobody: there a program that hangs would hang forever. It does keep the processes of `shell:`
rules; those of `script:` rules, of whatever language, are noted here in the same place.
"""

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

EVERY = 1.0
"""Seconds between two looks at the jobs."""

Say = Callable[[Any, float], str]
"""What to tell of a job that was ended after so many minutes."""


def watch(workflow: Any, default: float | None, say: Say) -> dict[int, str]:
    """Start to end jobs, with all processes they have started, when their time is over.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        One whose jobs run on this machine; others are left to whoever runs them.
    default : float or None
        Minutes that a job may take whose rule has no `runtime` among its resources; None for any.
    say : callable
        Gives the message for a job and its limit in minutes.

    Returns
    -------
    ended : dict of a job's number to the message
        Filled as jobs are ended. A job's processes are killed; what a server of jobs does for it
        gets seconds to remove what is half-written.
    """
    _note_scripts()
    ended: dict[int, str] = {}

    def look() -> None:
        begun: dict[int, float] = {}  # by process, on a clock that nobody sets
        while True:
            time.sleep(EVERY)
            now, jobs = time.monotonic(), dict(_at_work(workflow))
            begun = {process: begun.get(process, now) for process in jobs}
            for process, job in jobs.items():
                minutes = job.resources.get("runtime", default)
                if minutes is not None and now - begun[process] > 60 * minutes:
                    begun[process] = math.inf  # once is enough
                    ended[job.jobid] = say(job, minutes)
                    kill(process)
                    with suppress(OSError):  # a full disk
                        _tell(ended[job.jobid], job.log)

    threading.Thread(target=look, daemon=True).start()
    return ended


def kill(process: int) -> None:
    """Kill a process and all it has started, also what is being started meanwhile."""
    held: list[psutil.Process] = []
    try:
        more = [psutil.Process(process)]
    except psutil.NoSuchProcess:
        return
    while more:
        for each in more:
            _signal(each.suspend)  # what stands still starts nothing
        held += more
        more = [each for each in _descendants(held[0]) if each not in held]
    for each in reversed(held):
        _signal(each.kill)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal(send: Callable[[], None]) -> None:
    with suppress(psutil.Error):  # it has ended, or is not ours
        send()


def _at_work(workflow: Any) -> Iterator[tuple[int, Any]]:
    """Yield process and job of what runs on this machine."""
    from snakemake.shell import shell

    running = list(workflow.scheduler.running) if workflow.scheduler else []
    jobs = {job.jobid: job for one in running for job in (one if one.is_group() else [one])}
    with shell._lock:
        processes = {number: process.pid for number, process in shell._processes.items()}
    for number in jobs.keys() & processes.keys():
        yield processes[number], jobs[number]


def _note_scripts() -> None:
    """Let Snakemake note the processes of scripts by their job, as it does with those of shells."""
    from snakemake.script import ScriptBase

    execute = ScriptBase._execute_cmd
    if getattr(execute, "noted", False):
        return

    def noted(self: Any, command: str, **given: Any) -> Any:
        return execute(self, command, jobid=self.jobid, **given)

    noted.noted = True  # type: ignore[attr-defined]
    ScriptBase._execute_cmd = noted


def _tell(message: str, log: Any) -> None:
    print(message, file=sys.stderr, flush=True)
    for path in log[:1]:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            print(message, file=file)
