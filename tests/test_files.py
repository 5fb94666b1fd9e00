"""Files appear whole or not at all."""

import errno
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from aebench import files
from aebench.errors import AebenchError
from aebench.files import (
    atomic,
    date_back,
    read_json,
    remove_partial,
    sha256,
    write_csv,
    write_text,
)

FULL = [errno.ENOSPC, errno.EDQUOT, errno.EFBIG]
CLOSED = [errno.EACCES, errno.EROFS, errno.EPERM]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_at_the_end_with_its_folder(tmp_path):
    path = tmp_path / "new" / "folder" / "table.csv"
    with atomic(path) as temporary:
        temporary.write_text("a,b\n")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == ".csv"
    assert path.read_text() == "a,b\n"
    assert names(path.parent) == ["table.csv"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with atomic(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError, MemoryError])
@pytest.mark.parametrize("old", [None, "old"])
def test_a_failure_leaves_nothing_half_written(error, old, tmp_path):
    path = tmp_path / "a.npy"
    if old:
        path.write_text(old)
    with pytest.raises(error, match="mine"), atomic(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise error("mine")
    assert names(tmp_path) == (["a.npy"] if old else [])
    assert not old or path.read_text() == old


KILLED = """
import os
import sys
from pathlib import Path

from aebench.files import atomic, atomic_folder

with atomic(Path(sys.argv[1]) / "deep" / "codes.npz") as file:
    file.write_text("half")
    with atomic_folder(Path(sys.argv[1]) / "figures") as folder:
        (folder / "a.svg").write_text("half")
        os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_left_half_written_can_be_removed(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "partial.npz").write_text("whole")
    subprocess.run([sys.executable, "-c", KILLED, tmp_path])
    assert len(list(tmp_path.rglob(".*.partial*"))) == 2
    remove_partial(tmp_path)
    assert names(tmp_path) == ["deep"]
    assert names(tmp_path / "deep") == ["partial.npz"]


@pytest.mark.parametrize("number", FULL)
def test_a_full_disk_is_one_message_with_the_path(number, tmp_path, monkeypatch):
    path = tmp_path / "codes.npz"
    path.write_text("old")
    with pytest.raises(AebenchError) as caught, atomic(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise OSError(number, os.strerror(number))
    message = str(caught.value)
    assert f"no room to write {path}: {os.strerror(number)}" in message
    assert "MiB free" in message
    assert "Nothing was left half-written" in message
    assert "\n" not in message
    assert names(tmp_path) == ["codes.npz"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("number", CLOSED)
def test_a_folder_one_may_not_write_is_one_message_with_the_path(number, tmp_path, monkeypatch):
    def replace(source, target):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(AebenchError, match=f"cannot write .*a.txt: {os.strerror(number)}"):
        write_text(tmp_path / "a.txt", "text")
    assert names(tmp_path) == []


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_real_folder_one_may_not_write(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o500)
    with pytest.raises(AebenchError, match="cannot write"):
        write_text(folder / "a.txt", "text")
    with pytest.raises(AebenchError, match="cannot write"):
        write_text(folder / "new" / "a.txt", "text")


WRITERS = {
    "text": "write_text(path, 'x' * 100_000)",
    "bytes": "with atomic(path) as t: t.write_bytes(bytes(100_000))",
    "npy": "with atomic(path) as t: np.save(t, np.zeros(50_000))",
    "npz": "with atomic(path) as t: np.savez(t, a=np.random.rand(50_000))",
    "weights": (
        "from aebench.models import Mean, save\n"
        "save(Mean(2).fit(np.random.rand(3, 50_000)), path.parent, 'Mean', 2, {})"
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no RLIMIT_FSIZE")
@pytest.mark.parametrize("what", WRITERS)
def test_a_file_that_really_does_not_fit(what, tmp_path):
    """The limit on file sizes fails a write half-way, just as a full disk does."""
    path = tmp_path / "out" / ("model.safetensors" if what == "weights" else "a.npz")
    path = path.with_suffix(".npy") if what == "npy" else path
    code = f"""
import resource, signal, sys
from pathlib import Path
import numpy as np
from aebench.errors import AebenchError
from aebench.files import atomic, write_text
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
path = Path(sys.argv[1])
try:
{"".join(f"    {line}{chr(10)}" for line in WRITERS[what].splitlines())}
except AebenchError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr.splitlines()[-1]
    assert done.stdout.startswith(f"no room to write {path}: ")
    assert len(done.stdout.splitlines()) == 1
    assert names(path.parent) == []


def test_text_has_plain_line_ends_and_is_utf_8(tmp_path):
    write_text(tmp_path / "a.txt", "é\nb\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa9\nb\n"


def test_numpy_and_others_choose_the_format_by_the_suffix(tmp_path):
    with atomic(tmp_path / "a.npz") as temporary:
        np.savez(temporary, a=np.arange(3))
    assert names(tmp_path) == ["a.npz"]
    assert np.load(tmp_path / "a.npz")["a"].tolist() == [0, 1, 2]


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"aebench")
    assert sha256(tmp_path / "a") == hashlib.sha256(b"aebench").hexdigest()


# ---------------------------------------------------------------- dates


def test_files_of_the_future_get_dates_of_the_past_in_their_order(tmp_path):
    dates = {"old": 10, "late": 100, "b": 300, "a": 200, "with a": 200, "c": 301}
    for name, date in dates.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (date, date))
    paths = [tmp_path / name for name in dates]
    assert date_back([*paths, tmp_path / "missing"], now=110) == 4
    new = {name: (tmp_path / name).stat().st_mtime for name in dates}
    assert (new["old"], new["late"]) == (10, 100)
    assert 100 < new["a"] == new["with a"] < new["b"] < new["c"] <= 110
    assert date_back(paths, now=110) == 0


def test_where_all_files_are_of_the_future(tmp_path):
    (tmp_path / "a").touch()
    assert date_back([tmp_path / "a"], now=50) == 1
    assert (tmp_path / "a").stat().st_mtime == 50
    assert date_back([], now=50) == 0


# ---------------------------------------------------------------- JSON and CSV


def test_a_json_object_is_read_and_anything_else_is_one_message(tmp_path):
    path = tmp_path / "facts.json"
    assert read_json(path, missing={}) == {}
    with pytest.raises(AebenchError, match=r"facts\.json does not exist"):
        read_json(path)
    for text, words in (("{", "cannot read"), ("[1]", "is not a JSON object")):
        path.write_text(text)
        with pytest.raises(AebenchError, match=words):
            read_json(path, missing={})
    path.write_text('{"a": 1}')
    assert read_json(path) == {"a": 1}


def test_rows_are_written_with_plain_line_ends(tmp_path):
    write_csv(tmp_path / "a.csv", ["name", "value"], [["a, b", "1"], ["ü", "nan"]])
    assert (tmp_path / "a.csv").read_bytes() == 'name,value\n"a, b",1\nü,nan\n'.encode()


def test_arrays_are_numbers_and_never_pickles(tmp_path):
    path = tmp_path / "arrays.npz"
    np.savez(path, good=np.zeros(3), other=np.array(["text"]))
    assert list(files.read_arrays(path, "good")) == ["good"]
    with pytest.raises(AebenchError, match="'other' is <U4; numbers are needed"):
        files.read_arrays(path)
    np.savez(path, objects=np.array([{}], dtype=object))
    with pytest.raises(AebenchError, match="Python objects, which are never loaded") as found:
        files.read_arrays(path)
    assert "allow_pickle" not in str(found.value)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", "a\n", "\x00", "x" * 101])
def test_names_that_lead_elsewhere(name):
    assert not files.is_name(name)
    assert files.is_name("pca (2) ä")


def test_two_writers_of_one_number_do_not_share_a_temporary_file(tmp_path, monkeypatch):
    """As processes of two containers may have; the last to end has the file, whole."""
    monkeypatch.setattr("os.getpid", lambda: 7)
    path = tmp_path / "codes.npz"
    with atomic(path) as first:
        first.write_text("first")
        with atomic(path) as second:
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]
