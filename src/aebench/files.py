"""Files that appear whole or not at all."""

import csv
import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aebench.errors import AebenchError, shown

if TYPE_CHECKING:
    import numpy as np

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_RIGHT = (errno.EACCES, errno.EROFS, errno.EPERM)
IN_THE_WAY = (errno.EEXIST, errno.ENOTEMPTY, errno.EISDIR, errno.ENOTDIR)


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and rename it to `path` when the block ends well.

    The temporary name keeps the suffix of `path`, because numpy and matplotlib choose a format
    by it. When the block raises, the temporary file is removed and `path` stays as it was.

    Raises
    ------
    AebenchError
        When the disk is full, the quota used up or the folder not writable.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{_own()}.partial{path.suffix}")
    try:
        with told(path, temporary):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside `path` that takes its place when the block ends well.

    Nothing of an earlier folder stays. When the block raises, the temporary folder is removed and
    an earlier one stays as it was.

    Raises
    ------
    AebenchError
        As `atomic`; also when an earlier folder cannot be removed.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{_own()}.partial")
    try:
        with told(path, temporary):
            temporary.mkdir(parents=True)
            yield temporary
            shutil.rmtree(path, ignore_errors=True)
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_partial(folder: str | Path) -> None:
    """Remove all that killed processes left half-written below `folder`; nobody may write there."""
    for path in list(Path(folder).rglob(".*.partial*")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


@contextmanager
def told(path: Path, temporary: Path) -> Iterator[None]:
    """Say in one message why `path` cannot be written, for which `temporary` stands meanwhile."""
    try:
        yield
    except OSError as error:
        # numpy's tofile reports a short write in words, without an error number.
        if error.errno in NO_ROOM or "requested and" in str(error):
            raise AebenchError(
                f"no room to write {path}: {error.strerror or error}, {_free(path)} MiB free. "
                "Nothing was left half-written; free some space and run again."
            ) from error
        ours = (None, str(temporary), *map(str, path.parents))
        filename = None if error.filename is None else str(error.filename)
        if error.errno in (*NO_RIGHT, *IN_THE_WAY) and filename in ours:
            raise AebenchError(f"cannot write {path}: {error.strerror}.") from error
        raise


def _own() -> str:
    """Part of a name that no other writer has; containers may have a process of the same number."""
    return f"{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _free(path: Path) -> str:
    try:
        return f"{shutil.disk_usage(path.parent).free / 2**20:.0f}"
    except OSError:
        return "unknown"


def check_room(folder: str | Path, size: int) -> None:
    """Refuse a folder into which `size` bytes cannot be written now; it need not exist yet.

    Raises
    ------
    AebenchError
        As `atomic`.
    """
    while not os.path.isdir(folder):
        folder = os.path.dirname(os.path.abspath(folder))
    path = Path(folder, ".room")
    with atomic(path) as temporary:
        temporary.write_bytes(bytes(size))
    path.unlink(missing_ok=True)  # another run may look at the same time


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, atomically, with plain line ends on every system."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_csv(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a header and rows of text, atomically."""
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def is_name(text: str) -> bool:
    """Say whether text may be the name of a file or folder: it leads nowhere else."""
    plain = text.isprintable() and not {"/", "\\"} & set(text)
    return plain and 0 < len(text) <= 100 and not text.startswith(".")


def read_json(
    path: Path, missing: dict[str, Any] | None = None, schema: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the JSON object in a file; `missing`, where that is given, when there is none.

    Raises
    ------
    AebenchError
        When the file does not exist, cannot be read, or holds something else than an object, or
        than a JSON schema allows where one is given.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if missing is not None:
            return missing
        raise AebenchError(f"{path} does not exist; run again what makes it.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise AebenchError(f"cannot read {path}: {shown(error)}.") from error
    if not isinstance(found, dict):
        raise AebenchError(f"{path} is not a JSON object.")
    if schema is not None:
        _check_schema(path, found, schema)
    return found


def _check_schema(path: Path, found: dict[str, Any], schema: Mapping[str, Any]) -> None:
    import jsonschema

    for error in jsonschema.Draft202012Validator(schema).iter_errors(found):
        where = ".".join(shown(part) for part in error.absolute_path)
        raise AebenchError(f"{path}: {where}{': ' * bool(where)}{shown(error.message)}.")


def why_not_numpy(error: Exception) -> str:
    """Say why a file of arrays cannot be read, without numpy's advice to load it all the same."""
    if "allow_pickle" in str(error):
        return "it is a pickle or holds Python objects, which are never loaded"
    return f"{type(error).__name__}: {shown(error)}"


def read_arrays(path: Path, *names: str) -> "dict[str, np.ndarray]":
    """Return those arrays of an .npz file that it has, all of them where no names are given.

    Raises
    ------
    AebenchError
        When the file cannot be read, or an array holds something else than numbers.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files if not names or name in names}
    except Exception as error:  # a flipped byte can raise anything inside zipfile and numpy
        why = why_not_numpy(error)
        raise AebenchError(f"cannot read {path}: {why}. Delete it and run again.") from error
    for name, array in found.items():
        kind = array.dtype if isinstance(array, np.ndarray) else "no array"  # any file, in a zip
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
            raise AebenchError(f"{path}: '{shown(name)}' is {kind}; numbers are needed.")
    return found


def date_back(paths: Iterable[str | Path], now: float) -> int:
    """Give files of a later date than `now` one between the latest of the others and `now`.

    They keep their order, so what was made of what can still be told; return how many they are.
    A clock that was wrong, another machine's or an archive's leaves such files. Whatever is made
    of them now would seem older than they are.
    """
    dates = {}
    for path in paths:
        with suppress(OSError):  # removed meanwhile, or not to be read
            dates[path] = os.stat(path).st_mtime
    later = sorted({date for date in dates.values() if date > now})
    start = max((date for date in dates.values() if date <= now), default=now - 1)
    step = (now - start) / max(len(later), 1)
    new = {date: start + step * place for place, date in enumerate(later, start=1)}
    count = 0
    for path, date in dates.items():
        if date in new:
            with suppress(OSError):  # not ours: then it stays as it is
                os.utime(path, (new[date], new[date]))
                count += 1
    return count


def sha256(path: str | Path) -> str:
    """Return the hex sha256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
