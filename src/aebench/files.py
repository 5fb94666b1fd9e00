"""Files that appear whole or not at all."""

import csv
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aebench.errors import AebenchError, shown

if TYPE_CHECKING:
    import numpy as np

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_RIGHT = (errno.EACCES, errno.EROFS, errno.EPERM)
IN_THE_WAY = (errno.EEXIST, errno.ENOTEMPTY)


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
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        with _told(path, temporary):
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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    shutil.rmtree(temporary, ignore_errors=True)  # of a process that was killed
    try:
        with _told(path, temporary):
            temporary.mkdir(parents=True)
            yield temporary
            shutil.rmtree(path, ignore_errors=True)
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _told(path: Path, temporary: Path) -> Iterator[None]:
    """Say in one message why `path` cannot be written."""
    try:
        yield
    except OSError as error:
        # numpy's tofile reports a short write in words, without an error number.
        if error.errno in NO_ROOM or "requested and" in str(error):
            raise AebenchError(
                f"no room to write {path}: {error.strerror or error}, {_free(path)} MiB free. "
                "Nothing was left half-written; free some space and run again."
            ) from error
        ours = (None, str(temporary), str(path.parent))
        filename = None if error.filename is None else str(error.filename)
        if error.errno in (*NO_RIGHT, *IN_THE_WAY) and filename in ours:
            raise AebenchError(f"cannot write {path}: {error.strerror}.") from error
        raise


def _free(path: Path) -> str:
    try:
        return f"{shutil.disk_usage(path.parent).free / 2**20:.0f}"
    except OSError:
        return "unknown"


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
        if array.dtype.kind not in "biuf":
            raise AebenchError(f"{path}: '{shown(name)}' is {array.dtype}; numbers are needed.")
    return found


def sha256(path: str | Path) -> str:
    """Return the hex sha256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
