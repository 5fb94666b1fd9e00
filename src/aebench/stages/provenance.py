"""What made a run beside its parameters: versions, the commit of the source, the machine."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from aebench import __version__, environment

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch")
"""Libraries that decide the numbers."""

ROOT = Path(__file__).resolve().parents[3]
"""The clone this package runs from; another folder where it was installed without one."""

SOURCES = ("src", "workflow")
"""Folders whose changes since the commit are said; the configuration is recorded by itself."""

PATIENCE = 20.0
"""Seconds that another program may take to answer."""


def versions() -> dict[str, str]:
    """Versions of what decides the numbers."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"aebench": __version__, "python": platform.python_version(), **found}


def hardware(device: str) -> dict[str, Any]:
    """Describe the machine.

    Parameters
    ----------
    device : str
        What `aebench.training.device.describe` says: a GPU's name, or the threads of the CPU.

    Returns
    -------
    facts : dict
        `cpu` (model), `cores` (that this process may use), `memory_gib` (of the machine) and `gpu`
        (name; None where none was used). What the system does not tell is None.
    """
    return {
        "cpu": _cpu_model(),
        "cores": _cores(),
        "memory_gib": _memory_gib(),
        "gpu": None if device.startswith("cpu") else device,
    }


def commit(root: Path = ROOT) -> dict[str, Any] | None:
    """Return `sha` of the checked-out commit and whether the sources are `changed` since.

    None outside a git checkout, without git, or before the first commit.
    """
    if not (root / ".git").exists():
        return None
    # One call for both answers; it must neither lock the index nor obey a hook's surroundings.
    command = ["git", "--no-optional-locks", "-C", str(root), "status", "--porcelain=v2"]
    lines = _said([*command, "--branch", "--", *SOURCES]).splitlines()
    shas = [line.split()[-1] for line in lines if line.startswith("# branch.oid ")]
    if not shas or shas[0] == "(initial)":
        return None
    return {"sha": shas[0], "changed": any(not line.startswith("#") for line in lines)}


def commit_seconds(root: Path = ROOT) -> str:
    """Return when the checked-out commit was made, in seconds since 1970; empty without one."""
    command = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
    return _said(command).strip() if (root / ".git").exists() else ""


def made_by() -> dict[str, Any]:
    """Return what made a result beside its parameters and its device."""
    return {"versions": versions(), "commit": commit(), "lock": environment.facts()}


def _said(command: list[str]) -> str:
    """Return what a program prints, nothing where it fails."""
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        return subprocess.run(
            command,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            encoding="utf-8",
            timeout=PATIENCE,
        ).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""


def _cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    if sys.platform == "darwin":
        return _said(["sysctl", "-n", "machdep.cpu.brand_string"]).strip() or None
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(named), "") or platform.processor() or platform.machine() or None


def _cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None
