"""Files that appear whole or not at all."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aebench.errors import AebenchError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_RIGHT = (errno.EACCES, errno.EROFS, errno.EPERM)


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
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        # numpy's tofile reports a short write in words, without an error number.
        if error.errno in NO_ROOM or "requested and" in str(error):
            raise AebenchError(
                f"no room to write {path}: {error.strerror or error}, {_free(path)} MiB free. "
                "Nothing was left half-written; free some space and run again."
            ) from error
        ours = (None, str(temporary), str(path.parent))
        if error.errno in NO_RIGHT and error.filename in ours:
            raise AebenchError(f"cannot write {path}: {error.strerror}.") from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _free(path: Path) -> str:
    try:
        return f"{shutil.disk_usage(path.parent).free / 2**20:.0f}"
    except OSError:
        return "unknown"


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, atomically, with plain line ends on every system."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def sha256(path: str | Path) -> str:
    """Return the hex sha256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
