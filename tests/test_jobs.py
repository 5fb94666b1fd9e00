"""Jobs as forks of one loaded process: the same as by themselves, and none outlives its owner."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import small_dataset

from aebench import datasets, jobs
from aebench.stages import plan

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked on Linux alone")

PROBE = '''
"""What the jobs of these tests do."""

import json
import os
import sys
import time
from pathlib import Path

from aebench.errors import AebenchError
from aebench.files import atomic


def run(what, folder, **arguments):
    globals()[what](Path(folder), **arguments)


def facts(folder, **arguments):
    found = {
        "process": os.getpid(),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "input": sys.stdin.read(),
        "arguments": arguments,
    }
    (folder / "facts.json").write_text(json.dumps(found))


def say(folder):
    print("to stdout")
    print("to stderr", file=sys.stderr)


def work(folder):
    with atomic(folder / "half.txt") as temporary:
        temporary.write_text("half")
        (folder / "worker").write_text(str(os.getpid()))
        time.sleep(60)


def refuse(folder):
    raise AebenchError("size is 7; allowed are 1 and 2.")


def fail(folder):
    raise ZeroDivisionError("by zero")


def leave(folder, code):
    os._exit(code)


def die(folder, number):
    os.kill(os.getpid(), number)


def libraries(folder):
    import threadpoolctl
    import torch

    found = {
        "torch": torch.get_num_threads(),
        "pools": [pool["num_threads"] for pool in threadpoolctl.threadpool_info()],
        "cuda": torch.cuda.is_initialized(),
    }
    (folder / "facts.json").write_text(json.dumps(found))
'''

SCRIPT = """
import json
import signal
import sys
from types import SimpleNamespace

from aebench import jobs

signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts with & ignores it
given = json.loads(sys.argv[1])
snakemake = SimpleNamespace(log=[given.pop("log")], threads=given.pop("rule_threads"))
jobs.run(given.pop("module"), snakemake, "x", **given)
"""


OWNER = """
import signal
import subprocess
import sys

from aebench import jobs

signal.signal(signal.SIGINT, lambda *_: None)
server = jobs.start_server(["probe"])
print(server.pid, flush=True)
done = subprocess.run([sys.executable, "-c", *sys.argv[1:]])
sys.exit(done.returncode if server.poll() is None else "the server is gone")
"""


class Desk:
    """A folder with the probe and a server; starts scripts as Snakemake does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "logs" / "x.log"
        self.server: Any = None

    def serve(self, *preload: str) -> None:
        self.server = jobs.start_server(preload)

    def task(self, what: str, **changes: Any) -> str:
        """Return the argument of a script that does `what`."""
        task = {"module": "probe", "what": what, "folder": str(self.folder)}
        return json.dumps(task | {"log": str(self.log), "rule_threads": 1} | changes)

    def start(self, what: str, **changes: Any) -> subprocess.Popen:
        return self.script([sys.executable, "-c", SCRIPT, self.task(what, **changes)])

    def script(self, command: list[str], **options: Any) -> subprocess.Popen:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(command, **pipes, text=True, cwd=self.folder, **options)

    def run(self, what: str, input: str = "", **arguments: Any) -> subprocess.CompletedProcess:
        script = self.start(what, **arguments)
        out, err = script.communicate(input, timeout=60)
        return subprocess.CompletedProcess(script.args, script.returncode, out, err)

    def facts(self, what: str = "facts", **arguments: Any) -> dict[str, Any]:
        done = self.run(what, **arguments)
        assert done.returncode == 0, done.stderr
        return json.loads((self.folder / "facts.json").read_text())

    def working(self) -> tuple[subprocess.Popen, int]:
        """Start a job that takes long; return script and worker once the worker is at it."""
        script = self.start("work")
        note = self.folder / "worker"
        wait(lambda: note.exists() and note.read_text() != "")
        return script, int(note.read_text())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    (tmp_path / "probe.py").write_text(PROBE)
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv(jobs.ADDRESS, "")  # start_server sets it: put back what was
    monkeypatch.delenv(jobs.ADDRESS)
    desk = Desk(tmp_path)
    yield desk
    if desk.server:
        desk.server.stdin.close()
        desk.server.wait(timeout=10)
        shutil.rmtree(Path(os.environ[jobs.ADDRESS]).parent, ignore_errors=True)


@pytest.fixture(params=["forked", "alone"])
def either(desk: Desk, request: pytest.FixtureRequest) -> Desk:
    """A desk with and one without a server: what holds for both does not depend on it."""
    if request.param == "forked":
        desk.serve("probe")
    return desk


def wait(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def alive(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


# ---------------------------------------------------------------- the same with and without


def test_who_does_the_job(desk):
    script = desk.start("facts")
    script.communicate("", timeout=60)
    facts = json.loads((desk.folder / "facts.json").read_text())
    assert facts["process"] == script.pid
    desk.serve("probe")
    script = desk.start("facts")
    script.communicate("", timeout=60)
    facts = json.loads((desk.folder / "facts.json").read_text())
    assert facts["process"] != script.pid


def test_the_job_has_the_scripts_folder_environment_and_input(either, monkeypatch):
    monkeypatch.setenv("SET_AFTER_THE_SERVER_STARTED", "yes")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    facts = either.facts(input="typed")
    assert facts["folder"] == str(either.folder)
    assert facts["environment"]["SET_AFTER_THE_SERVER_STARTED"] == "yes"
    assert facts["environment"]["OMP_NUM_THREADS"] == "3"
    assert facts["input"] == "typed"


def test_arguments_arrive_in_the_same_form(either):
    facts = either.facts(sizes=(1, 2), names={"a": None}, rate=0.1, label="é\n")
    expected = {"sizes": [1, 2], "names": {"a": None}, "rate": 0.1, "label": "é\n"}
    assert facts["arguments"] == expected


def test_what_the_job_prints_comes_out_of_the_script(either):
    done = either.run("say")
    assert (done.returncode, done.stdout, done.stderr) == (0, "to stdout\n", "to stderr\n")
    said, used = either.log.read_text().splitlines()
    assert said == "to stderr"
    assert used.startswith("x: probe: ")


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("refuse", "error: x: probe: size is 7; allowed are 1 and 2."),
        ("fail", "error: x: probe: ZeroDivisionError: by zero (traceback in {log})"),
    ],
)
def test_an_error_is_one_line(either, what, line):
    done = either.run(what)
    assert done.returncode == 1
    assert done.stderr == line.format(log=either.log) + "\n"
    assert either.log.read_text().splitlines()[-1] == done.stderr.strip()


def test_parameters_that_cannot_travel_are_refused(desk, capsys, monkeypatch):
    class Snakemake:
        log, threads = [str(desk.log)], 1

    with pytest.raises(SystemExit):
        jobs.run("probe", Snakemake, "x", sizes={1, 2})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: x: probe: parameters are numbers, text, lists and dicts: ")
    assert "set" in line


def test_the_same_files_byte_for_byte(desk):
    data = desk.folder / "data.npz"
    datasets.save(small_dataset("mnist"), data, data.with_suffix(".json"))
    train = {
        "estimator": "AutoEncoder",
        "parameters": {"images": {"hidden": [8], "optimizer": "conjugate_gradients"}},
        "epochs": {"pretraining": 1, "conjugate_gradients": 2},
        "device": "cpu",
        "precision": "high",
        "threads": 1,
        "label": "x",
    }
    evaluate = {"limits": {}, "with_models": True}
    found = []
    for name in ("alone", "forked"):
        root = desk.folder / name / "mnist/small/d2"
        folders = {seed: str(root / f"seed-{seed}") for seed in (0, 1)}
        common = {"data": str(data), "code_size": 2, "log": str(desk.log), "rule_threads": 1}
        for stage, own in (
            ("train", train | {"folders": folders}),
            ("evaluate", evaluate | {"folders": list(folders.values())}),
        ):
            task = common | own | {"module": f"aebench.stages.{stage}"}
            script = desk.script([sys.executable, "-c", SCRIPT, json.dumps(task)])
            _, err = script.communicate("", timeout=60)
            assert script.returncode == 0, err
        files = [path for path in sorted(root.rglob("*")) if path.is_file()]
        found.append({path.relative_to(root): path.read_bytes() for path in files})
        if name == "alone":
            desk.serve(*jobs.PRELOAD)
    alone, forked = found
    assert alone.keys() == forked.keys()
    different = {path.name for path in alone if alone[path] != forked[path]}
    assert different <= {"run.json", "history.csv", "cost.json"}  # which tell seconds
    assert len(alone) > 12


# ---------------------------------------------------------------- threads and libraries


def test_libraries_compute_with_the_threads_of_the_rule(desk):
    desk.serve(*jobs.PRELOAD)
    facts = desk.facts("libraries", rule_threads=3)
    assert facts["torch"] == 3
    assert set(facts["pools"]) == {3}
    assert facts["cuda"] is False
    # A process with more threads would fork one and leave the locks of the others locked.
    process = Path(f"/proc/{desk.server.pid}")
    assert len(list((process / "task").iterdir())) == 1
    assert b"OMP_NUM_THREADS=1\0" in (process / "environ").read_bytes()


# ---------------------------------------------------------------- who dies with whom


@pytest.mark.parametrize(
    ("what", "arguments", "words"),
    [
        ("die", {"number": signal.SIGKILL}, "was killed by SIGKILL; is there enough memory?"),
        ("die", {"number": signal.SIGSEGV}, "was killed by SIGSEGV"),
        ("leave", {"code": 7}, "ended with exit code 7"),
    ],
)
def test_a_job_that_cannot_say_why_it_ended(desk, what, arguments, words):
    desk.serve("probe")
    done = desk.run(what, **arguments)
    assert done.returncode != 0
    assert done.stderr == f"error: x: probe: the job {words}\n"
    assert plan.failures([desk.log]) == [done.stderr.strip()]  # as repeated at the end


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_job_ends_with_its_script_and_leaves_nothing_half_written(desk, number):
    desk.serve("probe")
    script, worker = desk.working()
    script.send_signal(number)
    script.communicate(timeout=10)
    wait(lambda: not alive(worker))
    assert not list(desk.folder.glob("*half*")) + list(desk.folder.glob(".half*"))


def test_the_job_ends_with_the_owner_of_the_server(desk):
    desk.serve("probe")
    script, worker = desk.working()
    address = Path(os.environ[jobs.ADDRESS])
    desk.server.stdin.close()
    script.communicate(timeout=10)
    assert script.returncode != 0
    wait(lambda: not alive(worker))
    assert desk.server.wait(timeout=10) == 0
    assert not address.parent.exists()
    assert not list(desk.folder.glob(".half*"))


def test_ctrl_c(desk):
    desk.serve("probe")
    script, worker = desk.working()
    script.send_signal(signal.SIGINT)
    _, err = script.communicate(timeout=10)
    assert script.returncode == 130
    assert err == ""
    assert not alive(worker)
    assert not list(desk.folder.glob(".half*"))
    assert desk.run("say").returncode == 0


def test_ctrl_c_reaches_the_whole_group_of_processes_and_the_server_survives_it(desk):
    owner = desk.script(
        [sys.executable, "-c", OWNER, SCRIPT, desk.task("work")], start_new_session=True
    )
    note = desk.folder / "worker"
    wait(lambda: note.exists() and note.read_text() != "")
    os.killpg(owner.pid, signal.SIGINT)
    out, err = owner.communicate(timeout=10)
    assert owner.returncode == 130
    assert err == ""
    assert not alive(int(note.read_text()))
    assert not list(desk.folder.glob(".half*"))
    wait(lambda: not alive(int(out)))


def test_a_killed_server_leaves_its_jobs_in_peace_and_later_ones_do_without(desk):
    desk.serve("probe")
    script, worker = desk.working()
    desk.server.kill()
    desk.server.wait()
    facts = desk.facts()
    assert alive(worker)
    assert script.poll() is None
    assert facts["environment"][jobs.ADDRESS]
    script.kill()
    script.communicate(timeout=10)
    wait(lambda: not alive(worker))


# ---------------------------------------------------------------- the server itself


def test_several_jobs_at_once(desk):
    desk.serve("probe")
    scripts = []
    for number in range(8):
        folder = desk.folder / str(number)
        folder.mkdir()
        log = str(desk.log.with_stem(str(number)))
        scripts.append(desk.start("facts", folder=str(folder), log=log, number=number))
    for script in scripts:
        _, err = script.communicate("", timeout=60)
        assert script.returncode == 0, err
    for number in range(8):
        facts = json.loads((desk.folder / str(number) / "facts.json").read_text())
        assert facts["arguments"] == {"number": number}


def test_a_new_server_sees_edited_code(desk):
    desk.serve("probe")
    assert desk.run("say").stdout == "to stdout\n"
    (desk.folder / "probe.py").write_text(PROBE.replace("to stdout", "edited"))
    assert desk.run("say").stdout == "to stdout\n"  # one run computes with one code
    desk.server.stdin.close()
    desk.server.wait(timeout=10)
    desk.serve("probe")
    assert desk.run("say").stdout == "edited\n"


def test_a_long_temporary_folder(desk, monkeypatch):
    import tempfile

    long = desk.folder / ("long" * 25)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    desk.serve("probe")
    assert desk.run("say").returncode == 0
    folder = Path(os.environ[jobs.ADDRESS]).parent
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.modules['__main__'].GPU = '/dev/zero'; held = open('/dev/zero')",
        "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()",
    ],
    ids=["a GPU in use", "a second thread"],
)
def test_a_process_that_cannot_be_forked_is_not_forked(desk, code):
    (desk.folder / "unsuitable.py").write_text(code)
    desk.serve("unsuitable")
    script = desk.start("facts")
    script.communicate("", timeout=60)
    facts = json.loads((desk.folder / "facts.json").read_text())
    assert facts["process"] == script.pid
    assert desk.server.wait(timeout=10) == 0


def test_without_room_for_a_socket_the_jobs_do_without(desk, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    assert jobs.start_server() is None
    assert jobs.ADDRESS not in os.environ


def test_a_server_that_does_not_answer_is_given_up_and_does_not_do_the_job_later(desk, monkeypatch):
    (desk.folder / "slow.py").write_text("import time; time.sleep(1)")
    desk.serve("slow", "probe")
    monkeypatch.setattr(jobs, "PATIENCE", 0.2)
    task = {"module": "probe", "arguments": {"what": "facts", "folder": str(desk.folder)}}
    task |= {"log": str(desk.folder / "other.log"), "label": "given up", "threads": 1}
    assert jobs._ask(os.environ[jobs.ADDRESS], json.dumps(task)) is None
    assert desk.run("say").returncode == 0  # its turn comes after that of the first
    time.sleep(0.2)
    assert not (desk.folder / "facts.json").exists()
    assert not (desk.folder / "other.log").exists()


@pytest.fixture
def short_folder(monkeypatch):
    """A folder of temporary files whose name leaves room for a socket's address."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def test_a_killed_servers_folder_is_removed_by_the_next_and_no_other(desk, short_folder):
    desk.serve("probe")
    killed = Path(os.environ[jobs.ADDRESS]).parent
    desk.server.kill()
    desk.server.wait()
    users_own = short_folder / "aebench-thesis"
    users_own.mkdir()
    (users_own / "chapter.tex").write_text("")
    owner = desk.script([sys.executable, "-c", OWNER, "input()"])  # a run beside this one
    owner.stdout.readline()
    (beside,) = set(short_folder.glob("aebench-*")) - {killed, users_own}
    assert not killed.exists()
    desk.serve("probe")
    assert beside.exists()
    assert (users_own / "chapter.tex").exists()
    assert desk.run("say").returncode == 0
    owner.communicate("\n", timeout=10)


def test_modules_that_cannot_be_imported_are_left_to_the_jobs(desk):
    desk.serve("no_such_module", "probe")
    assert desk.run("say").returncode == 0
