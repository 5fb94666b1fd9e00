"""What the results were made with, in words: versions, commits, machines, seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aebench import __version__
from aebench.report.results import Results

NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Provenance:
    """Each in words; several of a kind where runs differ.

    `commit` is the one commit that all runs come from, unchanged; None where there is no such one.
    """

    seeds: str
    hardware: str
    devices: str
    commits: str
    locks: str
    commit: str | None
    versions: dict[str, str]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Names and values, as a list shows them."""
        return [
            ("commit", self.commits),
            ("lock", self.locks),
            ("seeds", self.seeds),
            ("hardware", self.hardware),
            ("device", self.devices),
            *self.versions.items(),
        ]


def of(results: Results) -> Provenance:
    """Gather what the run.json files say; older ones and those of own rules may say less."""
    facts = [run.facts for dataset in results.datasets for run in results.runs(dataset)]
    facts = [found for found in facts if found]
    commits = [_mapping(found.get("commit")) for found in facts]
    versions: dict[str, set[str]] = {}
    for found in facts:
        for name, version in _mapping(found.get("versions")).items():
            versions.setdefault(str(name), set()).add(str(version))
    versions.setdefault("aebench", {__version__})
    return Provenance(
        seeds=", ".join(map(str, results.seeds)),
        hardware=_words(_machines(_mapping(found.get("hardware")) for found in facts)),
        devices=_words(str(found["device"]) for found in facts if found.get("device")),
        commits=_words(map(_commit, commits)),
        locks=_words(_lock(_mapping(found.get("lock"))) for found in facts),
        commit=_same(commits),
        versions={name: ", ".join(sorted(found)) for name, found in sorted(versions.items())},
    )


def _words(found: Iterable[str]) -> str:
    """Return different words once, in order; what was not recorded is said where some was."""
    known = sorted(set(found) - {""})
    return "; ".join(known) or NOT_RECORDED


def _machines(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for hardware in found:
        parts = []
        if hardware.get("gpu"):
            parts.append(str(hardware["gpu"]))
        if hardware.get("cpu"):
            cores, memory = hardware.get("cores"), hardware.get("memory_gib")
            details = [f"{cores} core{'s' if cores != 1 else ''}"] if cores else []
            details += [f"{memory} GiB"] if memory else []
            parts.append(
                f"{hardware['cpu']} ({', '.join(details)})" if details else hardware["cpu"]
            )
        yield " with ".join(map(str, parts))


def _commit(commit: Mapping[str, Any]) -> str:
    sha = str(commit.get("sha") or "")
    return f"{sha}, changed since" if sha and commit.get("changed") else sha


def _lock(lock: Mapping[str, Any]) -> str:
    """Name the lock of the environment, and the packages that were installed otherwise."""
    sha = str(lock.get("sha256") or "")
    differs = lock.get("differs")
    others = ", ".join(map(str, differs if isinstance(differs, list) else []))
    return f"constraints.txt {sha[:12]}{f', but {others}' if others else ''}" if sha else ""


def _same(commits: list[Mapping[str, Any]]) -> str | None:
    """Return the unchanged commit of all runs, None where there is not exactly one."""
    found = {(str(commit.get("sha") or ""), bool(commit.get("changed"))) for commit in commits}
    if len(found) != 1:
        return None
    ((sha, changed),) = found
    return sha if sha and not changed else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
