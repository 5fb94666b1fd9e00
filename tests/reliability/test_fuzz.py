"""A thousand damaged and hostile configurations and data files, each told in one message.

A case is a number: it seeds the one generator that everything in it is drawn from, so that
`attempt(number)` does the same again. Most cases call what Snakemake and the scripts of the jobs
call, in this process; some run the whole workflow.
"""

import contextlib
import dataclasses
import io
import os
import random
import re
import resource
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import ROOT, Workflow
from report.conftest import CONFIG, ROLES, add_models, write_results
from report.test_lecture import toys

from aebench import console
from aebench.datasets import excerpts
from aebench.errors import AebenchError

from . import mutations

SECONDS, MINUTES = 30, 5
"""Of computing and of waiting: a case that takes longer hangs."""

MEMORY = 2 * 2**30
"""Bytes that a case may ask for beyond what the process has."""

UNTRUSTED = "Untrusted input"


class Hung(BaseException):
    """Not an Exception, so that no code under test takes it for one of its own."""


class Sandbox:
    """A folder to run in, with folders around it that must stay as they are."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.run = folder, folder / "run"
        for name in ("run", "beside", "temporary", "mirror", "cache"):
            (folder / name).mkdir()
        (folder / "beside" / "kept.txt").write_text("kept")

    def tree(self) -> dict[str, tuple[int, int]]:
        """Size and time of every file and folder here but in results, reports and the cache."""
        found = {}
        for base, folders, files in os.walk(self.folder):
            if Path(base) == self.run:
                folders[:] = [name for name in folders if name not in ("results", "reports")]
            if Path(base) == self.folder:
                folders.remove("cache")
            for name in [*folders, *files]:
                path = Path(base, name)
                about = path.lstat()
                found[str(path)] = (about.st_size, about.st_mtime_ns) if name in files else (0, 0)
        return found

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Work here, with little memory and time, and with temporary files here, too."""
        before = os.getcwd()
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limits = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, limits[1]))
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, _hang)
        signal.alarm(60 * MINUTES)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        os.chdir(self.run)
        tempfile.tempdir = str(self.folder / "temporary")
        try:
            yield
        finally:
            signal.alarm(0)
            signal.setitimer(signal.ITIMER_PROF, 0)
            resource.setrlimit(resource.RLIMIT_AS, limits)
            os.chdir(before)
            tempfile.tempdir = None


def _hang(*_: object) -> None:
    raise Hung


def fuzz(sandbox: Sandbox, name: str, numbers: range, case: Callable[[random.Random], None]) -> int:
    """Do the cases of these numbers; say of each that fails its seed and what happened."""
    failures = []
    for number in numbers:
        seed = f"{name} {number}"
        before = sandbox.tree()
        try:
            with sandbox.entered():
                case(random.Random(seed))
        except AebenchError as error:
            if not str(error).isprintable():
                failures.append(f"{seed}: not one printable line: {str(error)!r}")
        except Hung:
            failures.append(f"{seed}: more than {SECONDS} s of computing or {MINUTES} min")
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            failures.append(f"{seed}: {error!r:.300} in {where.filename}, line {where.lineno}")
        after = sandbox.tree()
        if after != before:
            where = [
                path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
            ]
            failures.append(f"{seed}: changed outside results and reports: {where}")
    assert not failures, f"{len(failures)} cases failed; seeds:\n" + "\n".join(failures)
    return len(numbers)


# ---------------------------------------------------------------- configurations


VARIANT_FILES = [Path(f"{name}.smk") for name in ("deep", "lsa-tfidf", "mean", "pca")]
RULES = {
    "deep": {"estimator": "AutoEncoder", "images": {}, "documents": {}},
    "lsa-tfidf": {"role": "baseline", "documents": {}},
    "mean": {"role": "control", "images": {"code_sizes": "main"}, "documents": {}},
    "pca": {"role": "baseline", "images": {}},
}
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
KEYS = (
    "budget",
    "datasets",
    "variants",
    "vocabulary_size",
    "device",
    "unseen",
    "budgets",
    "colour",
)


def plan_of(file: Path, overrides: list[str]) -> None:
    """What Snakemake and the Snakefile do with a configuration until its runs are planned."""
    from snakemake.cli import parse_config
    from snakemake.common.configfile import load_configfile
    from snakemake.utils import update_config

    from aebench.stages import config as config_file
    from aebench.stages import plan

    config_file.read(file)
    config = load_configfile(file)
    update_config(config, parse_config(overrides))
    found = plan.read(config, SCHEMA, VARIANT_FILES)
    rules = {name: RULES[name] for name in found.variants}
    for dataset, variant, size in found.comparisons(rules):
        place = os.path.normpath(f"results/{config['budget']}/{dataset}/{variant}/d{size}")
        assert place.startswith("results/")
        assert place.count("/") == 4
        assert place.isascii()
        assert type(size) is int
    for dataset in found.prepared:
        for numbers in (found.limits, found.evaluation_limits, found.epochs):
            assert all(n is None or 0 <= n < 2**31 for n in numbers(dataset).values())
    plan.given(config, file)


def configuration(sandbox: Sandbox) -> Callable[[random.Random], None]:
    original = (ROOT / "config.yaml").read_bytes()
    file = sandbox.run / "config.yaml"
    file.write_bytes(original)

    def case(rng: random.Random) -> None:
        overrides = []
        if rng.random() < 0.7:
            content = mutations.yaml_text(rng, original)
        else:
            content = original
            given = mutations.value(rng) if rng.random() < 0.5 else rng.choice(mutations.YAML_TEXTS)
            flow = yaml.safe_dump(given, default_flow_style=True) if _is_plain(given) else given
            text = flow if isinstance(flow, str) else str(flow)
            overrides = [f"{rng.choice(KEYS)}={text.strip()}"]
        place = sandbox.run / "results" / "config.yaml"  # where a case may write
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
        plan_of(place, overrides)

    return case


def _is_plain(given: Any) -> bool:
    return isinstance(given, dict | list)


# ---------------------------------------------------------------- raw files


STORIES = "".join(f".I {n}\n.W\n{'alpha beta gamma delta'[: n * 3]}\n\n" for n in range(2, 12))
TOPICS = "".join(f"{'CCAT' if n % 2 else 'ECAT'} {n} 1\n" for n in range(2, 12))


def raw_files(sandbox: Sandbox) -> Callable[[random.Random], None]:
    """Files as publishers or mirrors have them: idx, .tab, token files raw or compressed."""
    import gzip

    from aebench.datasets import documents, images, rcv1

    idx = sandbox.folder / "original"
    images.write_idx(np.arange(5 * 4 * 4, dtype=np.uint8).reshape(5, 4, 4), idx)
    originals = {
        "idx": idx.read_bytes(),
        "tab": b"Category\tText\nd\ts\nclass\tmeta\n" + b"sport\tthe ball\nnews\tsay it\n" * 5,
        "lyrl2004_tokens_train.dat": STORIES.encode(),
        "rcv1-v2.topics.qrels": TOPICS.encode(),
    }
    folder = sandbox.run / "results" / "mirror"

    def case(rng: random.Random) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        chosen = rng.choice(sorted(originals))
        for name, original in originals.items():
            packed = name == chosen and rng.random() < 0.3
            content = gzip.compress(original, mtime=0) if packed else original
            if name == chosen:
                content = mutations.damaged(rng, content)
            (folder / name).write_bytes(content)
        if chosen == "idx":
            return stage(lambda: images.read_idx(folder / "idx"))
        if chosen == "tab":
            return stage(lambda: _counted(documents.read_tab(folder / "tab")[1]))
        places = {"AEBENCH_MIRROR": str(folder), "AEBENCH_CACHE": str(sandbox.folder / "cache")}
        with pytest.MonkeyPatch.context() as patch:
            for key, place in places.items():
                patch.setenv(key, place)
            alone = dataclasses.replace(rcv1.RCV1, sources=())
            patch.setattr("aebench.datasets.rcv1.RCV1", alone)
            return stage(_prepare_rcv1)

    def _counted(texts: list[str]) -> None:
        documents.count_words(texts, texts, 10)

    return case


def _prepare_rcv1() -> None:
    from aebench.stages import data

    out = Path("results/fuzz/rcv1")
    limits = {"train_items": None, "test_items": None}
    data.run(
        "rcv1",
        out / "data.npz",
        out / "data.json",
        out / "excerpts.json",
        vocabulary_size=5,
        **limits,
    )


def stage(act: Callable[[], object]) -> None:
    """Do what a script of a job does, and demand one message where it fails."""
    log = Path("results/fuzz/logs/case.log")
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        with console.job(log, "case"):
            act()
        return
    text = said.getvalue()
    if "traceback in" in text:
        lines = log.read_text(errors="replace").splitlines()
        ours = [line.split("aebench/")[-1] for line in lines if "src/aebench" in line]
        raise AssertionError(f"{ours[-2:]}: {lines[-1]:.300}")
    messages = [line for line in text.split("\n") if line.startswith("error: ")]
    assert len(messages) == 1, text
    assert text.replace("\n", "").isprintable(), repr(text)
    assert ", line " not in re.sub(r"\S+, line \d+: ", "", text), text
    assert len(text) < 4000


# ---------------------------------------------------------------- prepared data and results


def results(sandbox: Sandbox, models: bool) -> Path:
    """A finished run of two variants, as small as can be."""
    folder = sandbox.run / "results" / "fuzz"
    folder.parent.mkdir(exist_ok=True)
    sizes: dict[str, Any] = {"sizes": (2,), "seeds": (0,)}
    write_results(folder, images=("pca", "deep"), documents=("lsa-tfidf", "deep"), **sizes)
    if models:
        add_models(folder, **sizes)
    np.savez(folder / "toys.npz", **toys())
    excerpts.save({3: "first words", 4: "and others"}, folder / "20newsgroups" / "excerpts.json")
    return folder


READ = {
    "train": ("*/data.npz", "*/data.json"),
    "evaluate": (
        "mnist/data.npz",
        "mnist/data.json",
        "mnist/*/d2/seed-0/codes.npz",
        "mnist/*/d2/seed-0/reconstruction.npy",
        "mnist/*/d2/seed-0/model.json",
        "mnist/*/d2/seed-0/model.safetensors",
    ),
    "aggregate": ("**/scores.csv", "**/items.npz", "*/data.npz"),
    "claims": ("metrics.csv", "*/data.json"),
    "exhibits": (
        "mnist/data.npz",
        "mnist/*/d2/seed-0/codes.npz",
        "mnist/*/d2/seed-0/model.json",
        "mnist/*/d2/seed-0/model.safetensors",
    ),
    "report": (
        "*.csv",
        "*/data.json",
        "*/data.npz",
        "*/excerpts.json",
        "*/exhibits.npz",
        "toys.npz",
        "**/run.json",
        "**/cost.json",
        "**/history.csv",
        "**/samples.npz",
        "**/codes.npz",
        "mnist/*/d2/seed-0/model.json",
        "mnist/*/d2/seed-0/model.safetensors",
    ),
    "verify": ("metrics.csv", "*/data.json", "**/run.json", "reference/*.csv", "reference/*.json"),
}
MUTATE = {
    ".npz": mutations.npz,
    ".npy": mutations.npy,
    ".json": mutations.json_text,
    ".csv": mutations.csv_text,
    ".safetensors": mutations.safetensors,
}


def results_cases(
    sandbox: Sandbox, stages: tuple[str, ...], models: bool = True
) -> Callable[[random.Random], None]:
    folder = results(sandbox, models)
    prepare(folder, stages)
    pristine = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    targets = {
        name: sorted({path for pattern in READ[name] for path in folder.glob(pattern)})
        for name in stages
    }
    assert all(targets.values())
    with sandbox.entered():
        for name in stages:
            ACTS[name](folder, targets[name][0])  # as it is, it can be read

    def case(rng: random.Random) -> None:
        name = rng.choice(stages)
        path = rng.choice(targets[name])
        path.write_bytes(MUTATE[path.suffix](rng, pristine[path]))
        try:
            stage(lambda: ACTS[name](folder, path))
        finally:
            for written in folder.rglob("*"):
                if written.is_file() and written not in pristine:
                    written.unlink()
            for file, content in pristine.items():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)

    return case


def prepare(folder: Path, stages: tuple[str, ...]) -> None:
    """Let the stages write what the later ones read."""
    from aebench.stages import verify

    for dataset, kind in (("mnist", "images"), ("20newsgroups", "documents")):
        for run in folder.glob(f"{dataset}/*/d2/seed-0"):
            items = _write_scores(run, kind)
            np.savez(run / "items.npz", **items)
            shape = (30, 64)
            np.save(run / "reconstruction.npy", np.full(shape, 1 / 64, np.float32))
    if "verify" in stages:
        verify.write(folder, folder / "reference", "fuzz", CONFIG)


def _write_scores(run: Path, kind: str) -> dict[str, np.ndarray]:
    error = "squared_error" if kind == "images" else "perplexity"
    (run / "scores.csv").write_text(
        f"split,metric,value\ntest,{error},1.5\ntest,knn_accuracy,0.5\ntrain,{error},1.25\n"
    )
    correct = np.arange(30) % 2
    return {error: np.linspace(1, 2, 30), "knn_correct": correct, "queries": np.arange(30)}


def _train(folder: Path, path: Path) -> None:
    from aebench.stages import train

    dataset = path.parent.name
    train.run(
        folder / dataset / "data.npz",
        {0: folder / dataset / "new" / "d2" / "seed-0"},
        estimator="PCA" if dataset == "mnist" else "TruncatedSVD",
        parameters={"images": {}, "documents": {}},
        code_size=2,
        epochs={"pretraining": 0, "adam": 0, "conjugate_gradients": 0},
        device="cpu",
        precision="highest",
        threads=1,
        label="case",
    )


def _evaluate(folder: Path, path: Path) -> None:
    from aebench.stages import evaluate

    run = (
        path.parent if path.parent.name == "seed-0" else folder / "mnist" / "pca" / "d2" / "seed-0"
    )
    evaluate.run(
        folder / "mnist" / "data.npz",
        [run],
        code_size=2,
        limits={"queries": 10, "probe_items": 10, "sample_items": 10},
        with_models=path.name != "reconstruction.npy",
    )


def _aggregate(folder: Path, path: Path) -> None:
    from aebench.stages import aggregate

    aggregate.run(sorted(folder.rglob("scores.csv")), folder, ROLES)


def _claims(folder: Path, path: Path) -> None:
    from aebench.stages import claims

    claims.run(
        folder / "metrics.csv", sorted(folder.glob("*/data.json")), "fuzz", folder / "claims.csv"
    )


def _exhibits(folder: Path, path: Path) -> None:
    from aebench.stages import exhibits

    runs = [folder / "mnist" / name / "d2" / "seed-0" for name in ("pca", "deep")]
    exhibits.run(folder / "mnist" / "data.npz", runs, folder / "out.npz", main_code_size=2)


def _report(folder: Path, path: Path) -> None:
    """Everything but pictures as files, which take a minute: figures are drawn all the same."""
    from aebench.stages import report

    report.run(folder, "reports/fuzz", "fuzz", CONFIG, ROLES, {}, 1)


def _verify(folder: Path, path: Path) -> None:
    from aebench.stages import verify

    verify.run(folder, folder / "reference", "fuzz", CONFIG)


ACTS: dict[str, Callable[[Path, Path], None]] = {
    "train": _train,
    "evaluate": _evaluate,
    "aggregate": _aggregate,
    "claims": _claims,
    "exhibits": _exhibits,
    "report": _report,
    "verify": _verify,
}


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


def picture(stem: Path) -> None:
    """A file for each format of a figure, the page's among them."""
    from PIL import Image

    stem.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (8, 8))
    for suffix in ("png", "webp"):
        image.save(f"{stem}.{suffix}")


@pytest.fixture
def unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(drawings: Any, processes: int) -> None:
        for stem, of in drawings.items():
            of()
            picture(stem)

    monkeypatch.setattr("aebench.report.figures.save_all", draw)


QUICK = ("aggregate", "claims", "verify")
"""Stages that need neither PyTorch nor figures."""

PROMISE = pytest.mark.promise(
    UNTRUSTED,
    "Whatever a configuration or a data file says, there is one message, no traceback, no hang and "
    "no file outside results/, reports/ and the cache",
)


def test_some_configurations_and_files(sandbox):
    done = fuzz(sandbox, "configuration", range(30), configuration(sandbox))
    done += fuzz(sandbox, "raw", range(10), raw_files(sandbox))
    done += fuzz(sandbox, "claims", range(10), results_cases(sandbox, ("claims",), models=False))
    assert done == 50


@PROMISE
@pytest.mark.long
def test_configurations(sandbox, measured):
    done = fuzz(sandbox, "configuration", range(450), configuration(sandbox))
    measured("fuzz cases tried", done)


@PROMISE
@pytest.mark.long
def test_raw_files(sandbox, measured):
    measured("fuzz cases tried", fuzz(sandbox, "raw", range(150), raw_files(sandbox)))


@PROMISE
@pytest.mark.long
def test_tables_and_facts(sandbox, measured):
    cases = results_cases(sandbox, QUICK, models=False)
    measured("fuzz cases tried", fuzz(sandbox, "tables", range(200), cases))


@PROMISE
@pytest.mark.long
def test_data_codes_and_models(sandbox, measured):
    cases = results_cases(sandbox, ("train", "evaluate", "exhibits"))
    measured("fuzz cases tried", fuzz(sandbox, "models", range(90), cases))


@PROMISE
@pytest.mark.long
def test_what_the_report_reads(sandbox, unsaved, measured):
    measured(
        "fuzz cases tried", fuzz(sandbox, "report", range(90), results_cases(sandbox, ("report",)))
    )


# ---------------------------------------------------------------- whole runs


@pytest.fixture(scope="module")
def whole(make_workflow: Callable[..., Workflow]) -> Workflow:
    workflow = make_workflow("pca", "mean")
    workflow.configure(variants=["pca", "mean"])
    return workflow


@PROMISE
@pytest.mark.long
def test_whole_runs(whole, measured):
    """What `snakemake` itself says, of which only the exit code and the words are known."""
    file = whole.folder / "config.yaml"
    original = file.read_bytes()
    beside = sorted(whole.folder.parent.iterdir())
    failures = []
    for number in range(20):
        seed = f"whole {number}"
        rng = random.Random(seed)
        content = mutations.yaml_text(rng, original)
        file.write_bytes(content)
        before = _files(whole.folder)
        outcome = whole.run("-n", "--quiet", "all")
        refused = len(outcome.lines("error: ")) == 1 and outcome.code == 1
        told = "Traceback" not in outcome.text and ", line " not in outcome.text.replace(
            "config.yaml, line ", ""
        )
        if not (told and (refused or outcome.code == 0)) or _files(whole.folder) != before:
            failures.append(f"{seed}: {outcome.code} {outcome.text[-600:]}")
    file.write_bytes(original)
    assert not failures, "\n".join(failures)
    assert sorted(whole.folder.parent.iterdir()) == beside
    measured("fuzz cases tried", 20)


def _files(folder: Path) -> list[str]:
    """Every file but what Snakemake keeps for itself."""
    found = (path.relative_to(folder) for path in folder.rglob("*"))
    return sorted(str(path) for path in found if path.parts[0] != ".snakemake")
