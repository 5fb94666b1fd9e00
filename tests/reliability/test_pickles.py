"""No pickle is loaded and no text is executed, whatever lies in the place of a file."""

import ast
import json
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT, small_dataset

from aebench import claims, datasets, models
from aebench.datasets import images, sources
from aebench.datasets.sources import Collection, Folder, RawFile, SourceError
from aebench.errors import AebenchError
from aebench.files import read_json, sha256
from aebench.metrics import read_run
from aebench.report import decoder, results
from aebench.stages import aggregate, exhibits, plan

NO_PICKLE = (
    "No pickle is loaded: one planted in the place of any file that is read, or inside it, is "
    "refused in one message and runs nothing"
)
NO_CODE = (
    "The sources load no pickle, unsafe YAML or archive, execute no text and start no shell with it"
)

# ---------------------------------------------------------------------------- the sources

FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__"),
    *("torch.load", "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load"),
    *("pd.read_pickle", "pd.read_hdf", "np.fromregex", "shutil.unpack_archive", "tempfile.mktemp"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
}
FORBIDDEN_METHODS = {"extract", "extractall", "read_pickle", "to_pickle", "eval"}
EVALUATION_MODE = "eval"
"""Also what PyTorch calls the mode of a network that is not trained: without arguments."""


def offences(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names]
            if found := {name.partition(".")[0] for name in names} & FORBIDDEN_MODULES:
                yield f"line {node.lineno}: import of {found.pop()}"
        if isinstance(node, ast.Call) and (reason := _offence(node)):
            yield f"line {node.lineno}: {reason}"


def _offence(call: ast.Call) -> str | None:
    name = ast.unparse(call.func)
    method = name.rpartition(".")[2] if isinstance(call.func, ast.Attribute) else ""
    given = {word.arg: ast.unparse(word.value) for word in call.keywords}
    if name in FORBIDDEN_CALLS:
        return f"call of {name}"
    if method in FORBIDDEN_METHODS and (method != EVALUATION_MODE or call.args):
        return f"call of {name}"
    if name in ("np.load", "numpy.load") and given.get("allow_pickle") != "False":
        return f"{name} without allow_pickle=False"
    if given.get("shell", "False") != "False":
        return f"{name} with a shell"
    if given.get("allow_pickle", "False") != "False":
        return f"{name} with allow_pickle"
    return None


BAD = """
import pickle
from joblib import load
np.load(path)
np.load(path, allow_pickle=True)
torch.load(path, weights_only=True)
yaml.load(text, Loader=yaml.Loader)
eval(text)
frame.eval(text)
subprocess.run(text, shell=True)
archive.extractall(folder)
"""
GOOD = """
np.load(path, allow_pickle=False)
yaml.safe_load(text)
network.eval()
subprocess.run(command, shell=False)
re.compile(text)
"""


def test_the_rules_find_what_they_forbid():
    assert len(list(offences(BAD))) == BAD.count("\n") - 1
    assert list(offences(GOOD)) == []


@pytest.mark.promise("Untrusted input", NO_CODE)
def test_the_sources_execute_nothing_they_read(measured):
    files = [
        path
        for folder in ("src", "workflow", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    ]
    found = [
        f"{path.relative_to(ROOT)}, {offence}"
        for path in files
        for offence in offences(path.read_text(encoding="utf-8"))
    ]
    assert found == []
    assert len(files) > 100
    measured("files searched", len(files))


@pytest.mark.promise("Untrusted input", NO_CODE)
def test_the_rules_of_the_workflow_execute_nothing_they_read(measured):
    """Snakemake's language is no Python: words instead of a syntax tree."""
    words = r"\b(pickle|joblib|marshal|eval|exec|unsafe_load|full_load|yaml\.load|os\.system)\b"
    files = [ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
    for path in files:
        assert not re.search(words, path.read_text(encoding="utf-8")), path
    assert len(files) > 40
    measured("files searched", len(files))


# ---------------------------------------------------------------------------- planted pickles


class Trap:
    """Whoever loads its pickle makes a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return Path.touch, (self.place,)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """What a loaded trap makes."""
    return tmp_path / "sprung"


def plain(trap: Trap, path: Path) -> None:
    path.write_bytes(pickle.dumps(trap))


def as_npy(trap: Trap, path: Path) -> None:
    with open(path, "wb") as file:
        np.save(file, np.array([trap], dtype=object), allow_pickle=True)


def in_npz(trap: Trap, path: Path) -> None:
    """Under every name that is asked for."""
    names = ("train", "test", "train_labels", "test_labels", "queries", "reconstructions")
    with open(path, "wb") as file:
        np.savez(file, **dict.fromkeys(names, np.array([trap], dtype=object)))


def as_torch(trap: Trap, path: Path) -> None:
    """As torch.save would: a zip archive with a pickle in it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(trap))
        archive.writestr("archive/version", "3\n")


FORMS = (plain, as_npy, in_npz, as_torch)


def test_the_trap_works(place, tmp_path):
    for write in FORMS[:3]:
        write(Trap(place), tmp_path / "file")
        loaded = np.load(tmp_path / "file", allow_pickle=True)
        if write is in_npz:
            loaded["train"]
        assert place.exists()
        place.unlink()


def vouch(file: Path, **facts: str) -> None:
    """Let a file say that what was planted is what belongs there."""
    file.write_text(json.dumps(json.loads(file.read_text()) | facts))


def read_data(folder: Path, plant: Callable[[Path], None]) -> None:
    dataset = small_dataset("mnist")
    datasets.save(dataset, folder / "data.npz", folder / "data.json")
    plant(folder / "data.npz")
    vouch(folder / "data.json", npz_sha256=sha256(folder / "data.npz"))
    datasets.read(folder / "data.npz")


def write_run(folder: Path, dataset: datasets.Dataset) -> None:
    codes = {part: getattr(dataset, part)[:, :2] for part in ("train", "test")}
    np.savez(folder / "codes.npz", **codes)
    np.save(folder / "reconstruction.npy", dataset.test)


def read_a_run(name: str) -> Callable[[Path, Callable[[Path], None]], None]:
    def read(folder: Path, plant: Callable[[Path], None]) -> None:
        dataset = small_dataset("mnist")
        write_run(folder, dataset)
        read_run(folder, dataset, 2)
        plant(folder / name)
        read_run(folder, dataset, 2)

    return read


def read_model(folder: Path, plant: Callable[[Path], None]) -> None:
    model = models.build("PCA", 2, {}).fit(small_dataset("mnist").train)
    models.save(model, folder, "PCA", 2, {})
    models.load(folder)
    plant(folder / "model.safetensors")
    vouch(folder / "model.json", weights_sha256=sha256(folder / "model.safetensors"))
    models.load(folder)


def read_network(folder: Path, plant: Callable[[Path], None]) -> None:
    settings = {"hidden": [4], "epochs": 1, "device": "cpu"}
    model = models.build("AutoEncoder", 2, settings).fit(small_dataset("mnist").train)
    models.save(model, folder, "AutoEncoder", 2, settings)
    models.load(folder)
    plant(folder / "model.safetensors")
    vouch(folder / "model.json", weights_sha256=sha256(folder / "model.safetensors"))
    models.load(folder)


def read_decoder(folder: Path, plant: Callable[[Path], None]) -> None:
    model = models.build("PCA", 2, {}).fit(small_dataset("mnist").train)
    models.save(model, folder, "PCA", 2, {})
    assert decoder.read(folder)
    plant(folder / "model.safetensors")
    decoder.read(folder)


def read_shown_codes(folder: Path, plant: Callable[[Path], None]) -> None:
    plant(folder / "codes.npz")
    exhibits._training_codes(folder, 1, 1)


def read_items(folder: Path, plant: Callable[[Path], None]) -> None:
    plant(folder / "items.npz")
    if aggregate.Runs([])._array(folder / "items.npz", "queries") is None:
        raise LookupError("queries")


def read_samples(folder: Path, plant: Callable[[Path], None]) -> None:
    plant(folder / "samples.npz")
    results._arrays(folder / "samples.npz")["reconstructions"]


def read_facts(folder: Path, plant: Callable[[Path], None]) -> None:
    plant(folder / "run.json")
    read_json(folder / "run.json")


def read_raw_images(folder: Path, plant: Callable[[Path], None]) -> None:
    plant(folder / "raw")
    images.read_idx(folder / "raw")


def read_mirror(folder: Path, plant: Callable[[Path], None]) -> None:
    plant(folder / "first.dat")
    collection = Collection("toy", (RawFile("toy", "first.dat", "0" * 64),), (Folder(folder),))
    sources.fetch(collection, "toy")


READERS = {
    "data.npz": read_data,
    "codes.npz": read_a_run("codes.npz"),
    "reconstruction.npy": read_a_run("reconstruction.npy"),
    "model of scikit-learn": read_model,
    "model of PyTorch": read_network,
    "decoder": read_decoder,
    "codes of the exhibits": read_shown_codes,
    "items.npz": read_items,
    "samples.npz": read_samples,
    "run.json": read_facts,
    "idx file": read_raw_images,
    "mirror": read_mirror,
}


@pytest.mark.promise("Untrusted input", NO_PICKLE)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("reader", READERS)
def test_a_planted_pickle_is_not_loaded(tmp_path, monkeypatch, place, measured, reader, form):
    monkeypatch.setenv("AEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AEBENCH_MIRROR", raising=False)
    folder = tmp_path / "folder"
    folder.mkdir()
    # A zip archive without the array that is asked for is not damaged, but has none.
    with pytest.raises((AebenchError, SourceError, LookupError)):
        READERS[reader](folder, lambda path: form(Trap(place), path))
    assert not place.exists()
    measured("pickles planted", 1)


HOSTILE = '- !!python/object/apply:os.mkdir ["{place}"]\n'


@pytest.mark.promise(
    "Untrusted input", "YAML is safe-loaded, by Snakemake, too: it makes no object"
)
def test_yaml_makes_no_objects(tmp_path, place, measured):
    from snakemake.common.configfile import load_configfile
    from snakemake.exceptions import WorkflowError

    file = tmp_path / "hostile.yaml"
    file.write_text(HOSTILE.format(place=place))
    yaml.unsafe_load(file.read_text())
    place.rmdir()  # the trap works
    with pytest.raises(AebenchError, match=r"hostile\.yaml"):
        claims.load(file)
    with pytest.raises(WorkflowError):
        load_configfile(file)
    with pytest.raises(AebenchError, match=r"hostile\.yaml"):
        plan.given({}, file)
    assert not place.exists()
    measured("files planted", 3)
