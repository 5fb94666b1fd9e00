"""The pack stage: one archive of a package, to hand on or to deposit.

It holds what ro-crate-metadata.json describes and nothing else. Equal packages give equal archives,
byte for byte: entries are sorted by name, and have the same date and rights on every machine.
"""

import hashlib
import sys
import zipfile
from pathlib import Path
from urllib.parse import unquote

from aebench.errors import AebenchError
from aebench.files import atomic, read_json
from aebench.stages.crate import METADATA

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The date of every entry: the first that a zip can say."""

READABLE = 0o100644 << 16


def run(folder: str | Path, out: str | Path) -> None:
    """Pack the package in `folder` into the zip archive `out`, the metadata at its top.

    Raises
    ------
    AebenchError
        When a file is not, or no longer, what the metadata says, or the archive cannot be written.
    """
    folder, out = Path(folder), Path(out)
    described = files(folder)
    with atomic(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted({METADATA: "", **described}):
            content = (folder / name).read_bytes()
            digest = described.get(name)
            if digest and hashlib.sha256(content).hexdigest() != digest:
                raise AebenchError(
                    f"{folder / name} is not what {METADATA} says: it was changed since. Delete "
                    f"{folder / METADATA} and run again."
                )
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type, entry.external_attr, entry.create_system = 8, READABLE, 3
            archive.writestr(entry, content)
    size = out.stat().st_size / 1e6
    print(f"{out}: {len(described) + 1} files, {size:.1f} MB", file=sys.stderr)


def files(folder: Path) -> dict[str, str]:
    """Return name -> sha256 of the files that a package's metadata describes.

    Raises
    ------
    AebenchError
        When there is no metadata, or it names a file that is missing or outside the package.
    """
    found = {}
    for entity in read_json(folder / METADATA).get("@graph", []):
        if "File" in entity["@type"]:
            name = unquote(entity["@id"])
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise AebenchError(f"{folder / METADATA} names {name!r}, outside its folder.")
            if not (folder / name).is_file():
                raise AebenchError(
                    f"{folder / METADATA} names {name!r}, which does not exist; run again what "
                    "makes it."
                )
            found[name] = entity["sha256"]
    if not found:
        raise AebenchError(f"{folder / METADATA} describes no file; run again what makes it.")
    return found
