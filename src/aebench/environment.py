"""The Python packages this one needs: which they are, what is installed, what is locked.

constraints.txt is the lock: one exact version of every package that aebench, its tests and its
benchmark need, directly or through others.
"""

import importlib.metadata
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from aebench.files import sha256

PACKAGE = "aebench"

LOCK = Path(__file__).resolve().parents[2] / "constraints.txt"
"""The lock of the clone this package runs from; no file where it was installed without one."""


def needed(extras: Iterable[str] = (), target: Mapping[str, str] | None = None) -> dict[str, str]:
    """Find what this package needs, directly or through others.

    Parameters
    ----------
    extras : iterable of str
        Of the optional dependencies.
    target : mapping, optional
        Markers of another system or Python, such as `{"python_version": "3.13"}`.

    Returns
    -------
    dict
        Canonical name -> installed version without its local part ("2.13.0" of "2.13.0+cpu"), empty
        where it is not installed and so nothing is known of its own needs. Sorted by name.
    """
    found: dict[str, str] = {}
    done: set[tuple[str, str]] = set()
    todo = [(PACKAGE, extra) for extra in ("", *extras)]
    while todo:
        name, extra = each = todo.pop()
        if each in done:
            continue
        done.add(each)
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = ""
            continue
        found[name] = Version(package.version).public
        environment = {**(target or {}), "extra": extra}
        for requirement in map(Requirement, package.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate(environment):
                own = canonicalize_name(requirement.name)
                todo += [(own, each) for each in ("", *requirement.extras)]
    del found[PACKAGE]
    return dict(sorted(found.items()))


def locked(file: Path = LOCK) -> dict[str, str]:
    """Read the lock: canonical name -> version; empty where there is none."""
    lines = file.read_text(encoding="utf-8").split() if file.is_file() else []
    pins = (line.partition("==") for line in lines)
    return {canonicalize_name(name): version for name, _, version in pins}


def installed() -> dict[str, str]:
    """Return canonical name -> version, without its local part, of all that Python would import.

    From the names of the folders that record installed packages, which is a hundred times faster
    than reading what is in them.
    """
    found: dict[str, str] = {}
    for place in reversed(sys.path):  # the first place wins
        for folder in Path(place).glob("*.dist-info"):
            name, _, version = folder.stem.partition("-")
            found[canonicalize_name(name)] = version.partition("+")[0]
    return found


def facts(file: Path = LOCK) -> dict[str, Any] | None:
    """Say how a result's environment agrees with the lock.

    Returns
    -------
    dict or None
        `sha256` of the lock and, under `differs`, "name version" of every package it names that is
        installed in another version. None where there is no lock.
    """
    pins, found = locked(file), installed()
    if not pins:
        return None
    others = [name for name in pins if found.get(name, pins[name]) != pins[name]]
    return {"sha256": sha256(file), "differs": [f"{name} {found[name]}" for name in others]}
