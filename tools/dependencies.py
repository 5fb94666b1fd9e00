"""What this project depends on: the lock, and what is said of it.

    python tools/dependencies.py lock             lock in constraints.txt what is needed more
    python tools/dependencies.py lock --upgrade   lock the newest versions that are allowed
    python tools/dependencies.py describe         write docs/dependencies.md (licences) and
                                                  docs/sbom.json of what this Python has installed

`make lock` does both, and installs what it locked in between.
"""

import argparse
import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from aebench import environment
from aebench.files import write_text

ROOT = Path(__file__).resolve().parents[1]
PAGE, BILL = ROOT / "docs" / "dependencies.md", ROOT / "docs" / "sbom.json"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = sorted(PROJECT["optional-dependencies"], key="dev".__ne__)  # dev first
UNLOCKED = {"aebench", "pip"}
"""What is installed, and what installs it."""

IN_WORDS = {
    "Apache License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "GNU General Public License (GPL)": "GPL",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The MIT License (MIT)": "MIT",
}
"""Short names, of SPDX where they say as much, for what classifiers and licence files write."""

INTRODUCTION = """\
# Dependencies

Every package that [constraints.txt](../constraints.txt) locks, and its licence as the package
itself states it. Written by `make lock`; the same list for programs, as a CycloneDX bill of
materials, is [sbom.json](sbom.json). [supply-chain.md](supply-chain.md) says how to renew and to
audit it.
"""


def lock(upgrade: bool) -> None:
    """Resolve all extras and write the lock: what is in it stays unless it is to be upgraded.

    pip's own resolver is asked, so that what it would install is what is written. Local parts of
    versions (the "+cpu" of a PyTorch without CUDA) are left out: any build of the version will do.
    """
    file = ROOT / "constraints.txt"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ["--dry-run", "--ignore-installed", "--quiet", "--report", str(report)]
        options += [] if upgrade else ["--constraint", str(file)]
        wanted = f"{ROOT}[{','.join(EXTRAS)}]"
        subprocess.run([sys.executable, "-m", "pip", "install", *options, wanted], check=True)
        packages = [each["metadata"] for each in json.loads(report.read_text())["install"]]
    pins = {each["name"]: Version(each["version"]).public for each in packages}
    lines = [f"{name}=={pins[name]}\n" for name in pins.keys() - UNLOCKED]
    write_text(file, "".join(sorted(lines, key=str.lower)))


def describe() -> None:
    """Write the page of licences and the bill of materials."""
    write_text(PAGE, page())
    write_text(BILL, bill_of_materials())


def page() -> str:
    """Render docs/dependencies.md from what is installed."""
    lines, known = [INTRODUCTION], set(UNLOCKED)
    for extra in ("", *EXTRAS):
        packages = environment.needed([extra] if extra else [])
        own = {name: version for name, version in packages.items() if name not in known}
        known |= own.keys()
        title = f"What the extra `{extra}` needs more" if extra else "To run the benchmark"
        if not own:
            continue
        lines += [f"## {title}", "", "| package | version | licence |", "|---|---|---|"]
        lines += [f"| {name} | {version} | {licence(name)} |" for name, version in own.items()]
        lines.append("")
    return "\n".join(lines)


def licence(name: str) -> str:
    """Say under which licence a package is, as it states it itself; of several all."""
    package = importlib.metadata.metadata(name)
    if package["License-Expression"]:
        return str(package["License-Expression"])
    classifiers = package.get_all("Classifier") or []
    found = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
    found = [each for each in found if each != "OSI Approved"]
    if not found and package["License"]:
        found = [package["License"].splitlines()[0]]
    found = found or _headings(name)
    return " / ".join(dict.fromkeys(IN_WORDS.get(each, each) for each in found)) or "not stated"


def _headings(name: str) -> list[str]:
    """First lines of the licence files that a package brings along."""
    files = importlib.metadata.files(name) or []
    texts = [file.read_text() for file in files if re.match("LICEN[CS]E", file.name)]
    return [text.strip().splitlines()[0].strip() for text in texts]


def bill_of_materials() -> str:
    """Return a CycloneDX document of the locked packages, without a date or a path."""
    call = ["cyclonedx-py", "environment", "--output-reproducible", "--validate"]
    tool = Path(sys.executable).with_name(call[0])
    project = ["--pyproject", str(ROOT / "pyproject.toml"), sys.executable]
    found = subprocess.run([tool, *call[1:], *project], check=True, capture_output=True, text=True)
    builds = {Version(each.version).local for each in importlib.metadata.distributions()} - {None}
    text = re.sub(rf"(\+|%2B)({'|'.join(map(re.escape, builds))})\b", "", found.stdout)
    bill, pins = json.loads(text), environment.locked()
    kept = [part for part in bill["components"] if canonicalize_name(part["name"]) in pins]
    known = {part["bom-ref"] for part in kept} | {bill["metadata"]["component"]["bom-ref"]}
    bill["components"] = kept
    bill["dependencies"] = [
        each | {"dependsOn": sorted(known.intersection(each.get("dependsOn", ())))}
        for each in bill["dependencies"]
        if each["ref"] in known
    ]
    return json.dumps(bill, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("act", choices=("lock", "describe"))
    parser.add_argument("--upgrade", action="store_true")
    given = parser.parse_args()
    if given.act == "lock":
        lock(given.upgrade)
    else:
        describe()
