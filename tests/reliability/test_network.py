"""Once the raw files are in the cache, a whole run needs no network and does not look for one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aebench.datasets.images import MNIST
from aebench.datasets.sources import cache_folder

WATCH = '''
"""Found by every Python process of the run before anything else: writes down what it looks for."""
import os, sys

def note(*words):
    with open(os.path.join(os.environ["WATCH"], f"{os.getpid()}.txt"), "a") as file:
        print(*words, file=file)

def watch(event, arguments):
    if event == "socket.connect" or event == "socket.sendto":
        if arguments[0].family != 1:  # AF_UNIX
            note(event, arguments[1])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        note(event, arguments[0])

note("watched", *sys.orig_argv)
sys.addaudithook(watch)
'''


def watched(folder: Path) -> dict[str, str]:
    """Make Python processes report to a folder; the environment that does it."""
    (folder / "said").mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(WATCH)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"WATCH": str(folder / "said"), "PYTHONPATH": path}


def reports(environment: dict[str, str]) -> list[str]:
    files = Path(environment["WATCH"]).glob("*.txt")
    return [line for file in files for line in file.read_text().splitlines()]


def asked(environment: dict[str, str]) -> list[str]:
    return [line for line in reports(environment) if not line.startswith("watched ")]


@pytest.fixture
def cached(tmp_path, monkeypatch) -> Path:
    """A cache that holds the real MNIST and cannot get anything else."""
    raw = [cache_folder() / file.dataset / file.name for file in MNIST.files]
    if not all(path.is_file() for path in raw):
        pytest.skip("the cache does not hold MNIST")
    (tmp_path / "cache" / "mnist").mkdir(parents=True)
    for path in raw:
        (tmp_path / "cache" / "mnist" / path.name).symlink_to(path)
    monkeypatch.setenv("AEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AEBENCH_MIRROR", raising=False)
    return tmp_path


def alone() -> list[str]:
    """The command that starts a process without any network; nothing where there is no right to."""
    command = ["unshare", "--map-root-user", "--net"]
    works = shutil.which("unshare") and not subprocess.run([*command, "true"]).returncode
    return command if works else []


def test_the_watch_sees(tmp_path):
    environment = watched(tmp_path)
    code = (
        "import contextlib, socket\n"
        "with contextlib.suppress(OSError): socket.create_connection(('127.0.0.1', 9))\n"
        "with contextlib.suppress(OSError): socket.getaddrinfo('no-such-host.invalid', 80)\n"
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, check=True)
    assert any("socket.connect ('127.0.0.1', 9)" in line for line in asked(environment))
    assert any("getaddrinfo no-such-host.invalid" in line for line in asked(environment))


@pytest.mark.long
@pytest.mark.promise(
    "Supply chain",
    "With the data in the cache, a run to the finished report works without a network, and no "
    "process of it asks for a name or an address",
)
def test_a_run_without_a_network(make_workflow, cached, measured):
    workflow = make_workflow("pca", "shallow")
    environment = watched(cached / "watch")
    for target in (["toys"], []):
        found = workflow.run(*target, environment=environment, before=alone())
        assert found.code == 0, found.text
    assert (workflow.reports / "index.html").is_file()
    assert asked(environment) == []
    processes = len({line for line in reports(environment) if line.startswith("watched ")})
    assert processes > 5
    measured("processes watched", processes)
    measured("addresses asked for", len(asked(environment)))
    measured("runs cut off from the network", bool(alone()))
