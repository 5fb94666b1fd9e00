"""What is installed is what is locked, may be used, is listed, and no secret lies in the tree."""

import json
import re
import subprocess
import tomllib

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from aebench import environment

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = list(PROJECT["optional-dependencies"])
INSTALLER = "pip"  # what installs the locked packages is not one of them
SYSTEMS = [
    {"python_version": version, "python_full_version": f"{version}.0", "sys_platform": system}
    for version, system in (("3.11", "linux"), ("3.12", "darwin"), ("3.13", "linux"))
]
MAY_BE_USED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD", "BSD-2-Clause", "BSD-3-Clause",
    "BSL-1.0", "CC0-1.0", "ISC", "MIT", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Public Domain", "Zlib",
}  # fmt: skip


def pages() -> dict[str, tuple[str, str]]:
    """What docs/dependencies.md says: package -> version, licence."""
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w-]+) \| (\d\S*) \| (.+) \|$", text, flags=re.MULTILINE)
    return {name: (version, licence) for name, version, licence in rows}


@pytest.mark.promise("Reproducibility", "The lock pins every package that is needed, as installed")
def test_the_lock_is_complete_and_in_force(measured):
    pins = environment.locked()
    for system in SYSTEMS:
        missing = environment.needed(EXTRAS, system).keys() - pins.keys() - {INSTALLER}
        assert missing == set(), system
    assert environment.facts()["differs"] == []
    present = environment.needed(["dev"]).items()
    assert [each for each in present if each not in pins.items()] == []
    measured("packages locked", len(pins))
    measured("packages needed but not locked", len(missing))


def test_what_differs_from_the_lock_is_said(tmp_path):
    file = tmp_path / "constraints.txt"
    assert environment.facts(file) is None
    file.write_text("NumPy==0.1\nnot.installed==1\n")
    facts = environment.facts(file)
    assert facts["differs"] == [f"numpy {environment.installed()['numpy']}"]
    assert len(facts["sha256"]) == 64


@pytest.mark.promise(
    "Supply chain", "The licence of every dependency is listed and lets everyone use and share it"
)
def test_licences_are_listed_and_permissive(measured):
    listed, pins = pages(), environment.locked()
    assert {name: version for name, (version, _) in listed.items()} == pins
    refused = {
        name: licence
        for name, (_, licence) in listed.items()
        if not any(MAY_BE_USED.issuperset(way.split(" AND ")) for way in licence.split(" / "))
    }
    assert refused == {}
    measured("licences listed", len(listed))
    measured("licences refused", len(refused))


def test_the_page_says_what_the_packages_state(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    import dependencies

    listed, present = pages(), environment.needed(["dev"])
    assert {name: listed[name] for name in present} == {
        name: (version, dependencies.licence(name)) for name, version in present.items()
    }


@pytest.mark.promise("Supply chain", "A CycloneDX bill of materials names every locked package")
def test_the_bill_of_materials_is_that_of_the_lock(measured):
    text = (ROOT / "docs" / "sbom.json").read_text(encoding="utf-8")
    bill = json.loads(text)
    assert bill["bomFormat"] == "CycloneDX"
    parts = {canonicalize_name(part["name"]): part["version"] for part in bill["components"]}
    assert parts == environment.locked()
    assert all(part["purl"].startswith("pkg:pypi/") for part in bill["components"])
    assert "file:" not in text
    measured("components listed", len(parts))


@pytest.mark.promise("Supply chain", "No password, key or token lies in the repository")
def test_no_secret_in_the_tree(tmp_path, measured):
    from detect_secrets import SecretsCollection
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.settings import transient_settings

    found = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in found.stdout.splitlines() if not name.endswith(".csv")]
    bait = tmp_path / "bait.py"
    bait.write_text(f'key = "{"AKIA" + "IOSFODNN7EXAMPLE"}"\n')
    detectors = {each.__name__ for each in get_mapping_from_secret_type_to_class().values()}
    # Checksums are random text, test servers have addresses, and words are no secrets.
    detectors -= {"Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector"}
    detectors -= {"KeywordDetector"}
    secrets = SecretsCollection()
    with transient_settings({"plugins_used": [{"name": name} for name in sorted(detectors)]}):
        for file in (bait, *files):
            secrets.scan_file(str(file))
    assert secrets.files == {str(bait)}
    measured("files searched", len(files))
    measured("secrets found", len(secrets.files - {str(bait)}))


def test_the_conda_environment_has_every_direct_dependency():
    env = yaml.safe_load((ROOT / "workflow/envs/aebench.yaml").read_text(encoding="utf-8"))
    renamed = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
    parts = (each.partition(" ") for each in env["dependencies"])
    there = {renamed.get(name, name): limit for name, _, limit in parts}
    needed = {each.name: str(each.specifier) for each in map(Requirement, PROJECT["dependencies"])}
    del needed["snakemake"]  # which makes the environment
    assert {name: there.get(name) for name in needed} == needed
