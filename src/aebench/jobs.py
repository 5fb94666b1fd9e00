"""Workflow jobs as forks of one process that has PyTorch and scikit-learn loaded.

Importing both costs several CPU-seconds, which is more than most jobs of a small budget compute.
So a run of the workflow starts one process that imports them once (`start_server`), and the script
of a job (`run`) asks it over a Unix socket for a fork that does the job. Three processes take part:

- the server imports, forks a keeper for each job and does nothing else, so that it has no threads
  and no state when it forks. It never touches a GPU, which would be unusable after a fork;
- the keeper forks the worker, ends it when nobody waits for it any more, and reports its exit code;
- the worker takes over the script's terminal, environment and folder, and does the job.

Where there is no server (a cluster's jobs, another system, a script started by hand) the script
does the job in its own process: the same call, after its own imports.

multiprocessing's forkserver serves the children of one Python process; the jobs here are started
by Snakemake, not by us, and cannot be handed its private descriptors.
"""

import fcntl
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aebench.console import job
from aebench.errors import AebenchError

ADDRESS = "AEBENCH_JOB_SERVER"
"""Environment variable that tells jobs the server's socket."""

PRELOAD = (
    "torch",
    "torch._dynamo",  # which PyTorch's optimisers import at their first use
    "sklearn.decomposition",
    "sklearn.linear_model",
    "sklearn.neighbors",
    "aebench.stages.evaluate",
    "aebench.stages.exhibits",
    "aebench.stages.train",
    "aebench.models",
    "aebench.training.device",
)
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
GPU = "/dev/nvidia"
"""How the names of a GPU's device files begin."""

PREFIX = "aebench-"
"""How the names of the servers' temporary folders begin."""

PATIENCE = 120.0
"""Seconds that a script waits for its job to begin; the server may have to import first."""

GRACE = 5.0
"""Seconds that a job gets to remove its half-written files before it is killed."""


def run(module: str, snakemake: Any, label: str, /, **arguments: Any) -> None:
    """Call `run(**arguments)` of a module, in a fork of the server when there is one.

    Parameters
    ----------
    module : str
        Its full name; the last part, the stage, stands in the job's messages after the label.
    snakemake : object
        What Snakemake gives a script: the job's log and number of threads are taken from it.
    label : str
    **arguments
        Numbers, text, lists and dicts; paths and the keys of dicts arrive as text. They travel as
        JSON, also to the process' own call, so that both calls are the same.
    """
    task = {
        "module": module,
        "arguments": arguments,
        "log": snakemake.log[0],
        "label": f"{label}: {module.rpartition('.')[2]}",
        "threads": snakemake.threads,
    }
    try:
        text = json.dumps(task, default=os.fspath)
    except TypeError as error:
        with job(task["log"], task["label"]):
            raise AebenchError(f"parameters are numbers, text, lists and dicts: {error}.") from None
    code = _ask(os.environ[ADDRESS], text) if ADDRESS in os.environ else None
    if code is None:
        _call(json.loads(text))
    elif code not in (0, 1, 128 + signal.SIGINT):  # at 1 the job has said why itself
        _complain(task["log"], task["label"], code)
    if code:
        sys.exit(max(code, 1))


def _call(task: dict[str, Any]) -> None:
    with job(task["log"], task["label"]):
        importlib.import_module(task["module"]).run(**task["arguments"])


def _ask(address: str, task: str) -> int | None:
    """Let the server do a task; return its exit code, None when there is no server to do it."""
    surroundings = {"folder": os.getcwd(), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as connection:
        answers = connection.makefile("r")
        connection.settimeout(PATIENCE)
        try:
            connection.connect(address)
            socket.send_fds(connection, [b"\n"], [0, 1, 2])
            connection.sendall(f"{json.dumps(surroundings)}\n{task}\n".encode())
            if not answers.readline():
                return None
        except OSError:
            return None
        connection.settimeout(None)
        try:
            code = answers.readline()
        except KeyboardInterrupt:
            connection.shutdown(socket.SHUT_WR)  # the keeper takes it as hanging up
            answers.readline()
            return 128 + signal.SIGINT
    return int(code or -signal.SIGKILL)  # no code: the keeper was killed


def _complain(log: str, label: str, code: int) -> None:
    """Say in the terminal and in the log that a job ended without a message of its own."""
    how = f"ended with exit code {code}"
    if code < 0:
        how = f"was killed by {signal.Signals(-code).name}"
    hint = "; is there enough memory?" if code == -signal.SIGKILL else ""
    message = f"error: {label}: the job {how}{hint}"
    print(message, file=sys.stderr)
    with open(log, "a", encoding="utf-8") as file:
        print(message, file=file)


# ---------------------------------------------------------------- the server


def start_server(preload: Sequence[str] = PRELOAD) -> "subprocess.Popen[bytes] | None":
    """Start the process that jobs are forked from, and tell this process' children where it is.

    Parameters
    ----------
    preload : sequence of str
        Modules to import before the first fork.

    Returns
    -------
    server : Popen, or None where there can be none: then every job does without
        It ends when this object is dropped or its owner ends, and ends unfinished jobs with it.
    """
    os.environ.pop(ADDRESS, None)  # of a run around this one
    if sys.platform == "linux":  # elsewhere forking a process with such libraries is not safe
        with suppress(OSError):
            return _start_server(preload)
    return None


def _start_server(preload: Sequence[str]) -> "subprocess.Popen[bytes]":
    parent = _short_folder()
    _remove_abandoned(parent)
    folder = tempfile.mkdtemp(prefix=PREFIX, dir=parent)  # open to this user alone
    address = f"{folder}/socket"
    with _held(folder) as hold, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(128)
        call = ["-P", "-m", "aebench.jobs", folder, str(listener.fileno()), *preload]
        server = subprocess.Popen(
            [sys.executable, *call],
            stdin=subprocess.PIPE,  # its end of file says that the owner is gone
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[listener.fileno(), hold],
            env=os.environ | ONE_THREAD,
        )
    os.environ[ADDRESS] = address
    return server


def _short_folder() -> str:
    """Return the folder of temporary files, or /tmp when a socket's address has no room for it."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) < 70 else "/tmp"


@contextmanager
def _held(folder: str | Path) -> Iterator[int]:
    """Give a descriptor that locks a folder until every process that has it is gone."""
    hold = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield hold
    finally:
        os.close(hold)


def _remove_abandoned(parent: str) -> None:
    """Remove the folders of servers that were killed: no process holds them any more."""
    for folder in Path(parent).glob(f"{PREFIX}*"):
        with suppress(OSError), _held(folder):  # in use, another user's, or something else
            if (folder / "socket").is_socket():
                (folder / "socket").unlink()
            folder.rmdir()


def serve(listener: socket.socket, preload: Sequence[str]) -> None:
    """Fork a keeper for every connection until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the workers
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    loaded = False
    while True:
        ready, _, _ = select.select([listener.fileno(), 0], [], [])
        if 0 in ready:
            return
        connection, _ = listener.accept()
        if not loaded:  # by the first job: a run without training needs none of it
            loaded = _import(preload)
        if not loaded:
            return  # the jobs do without
        if os.fork() == 0:
            try:
                listener.close()
                _keep(connection)
            finally:
                os._exit(0)
        connection.close()


def _import(modules: Sequence[str]) -> bool:
    """Import what can be imported; return whether a fork of this process will work.

    A fork has one of the process' threads, with the locks of the others, and cannot use its GPU.
    """
    for name in modules:
        with suppress(ImportError):  # the jobs that need it will say so
            importlib.import_module(name)
    gc.freeze()  # what is shared stays shared
    files = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    return len(os.listdir("/proc/self/task")) == 1 and not any(GPU in file for file in files)


def _keep(connection: socket.socket) -> None:
    """Fork the worker of one job, end it when client or Snakemake is gone, report its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    requests = connection.makefile("r")
    surroundings, task = json.loads(requests.readline()), json.loads(requests.readline())
    connection.sendall(b"started\n")  # raises when the client has given up
    worker = os.fork()
    if worker == 0:
        code = 1
        try:
            requests.close()
            connection.close()
            code = _work(surroundings, streams, task)
        finally:
            os._exit(code)
    threading.Thread(target=_end_when_alone, args=(connection, worker), daemon=True).start()
    _, status = os.waitpid(worker, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _end_when_alone(connection: socket.socket, worker: int) -> None:
    select.select([connection.fileno(), 0], [], [])  # nothing more is sent: an end of file
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(worker, number)
        time.sleep(GRACE)


def _work(surroundings: dict[str, Any], streams: list[int], task: dict[str, Any]) -> int:
    """Do one job in this process, which is nobody else's; return its exit code."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(surroundings["environment"])
    os.chdir(surroundings["folder"])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        _use_threads(task["threads"])
        _call(task)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _stop(number: int, _: object) -> None:
    """End the process as an exception, so that half-written files are removed; once is enough."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: None)
    sys.exit(128 + number)


def _use_threads(count: int) -> None:
    """Grant the libraries, imported with one thread, what the rule grants."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(count)
    if "torch" in sys.modules:
        from aebench.training.device import use_threads

        use_threads(count)


if __name__ == "__main__":
    try:
        serve(socket.socket(fileno=int(sys.argv[2])), sys.argv[3:])
    finally:
        shutil.rmtree(sys.argv[1], ignore_errors=True)
