"""The workflow as a user meets it: the complete DAG, a variant of one's own, and bad input.

Every class runs Snakemake once and asks that run many questions: `pytest --dist loadscope` keeps
a class on one worker.
"""

import html
import json
import os
import re
import resource
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import EXAMPLES, ROOT, VARIANTS, Outcome, Workflow, plant

from aebench.claims import METRIC
from aebench.report import FORMATS, OVERALL, figure_names
from aebench.report.captions import CAPTIONS
from aebench.report.names import EXHIBITS, title
from aebench.stages import pack, verify
from aebench.stages.evaluate import FILES
from aebench.statistics import METRIC_COLUMNS as COLUMNS

Make = Callable[..., Workflow]

BUILT_IN = ("deep", "pca")
EXAMPLE_FILES = tuple(EXAMPLES / name for name in ("small.smk", "subspace.smk", "subspace.py"))
KINDS = {"mnist": "images", "reuters-r52": "documents"}
TABLES = ("metrics.csv", "summary.csv", "audit.csv", "tests.csv", "ranks.csv")
RUN = {  # subspace applies to images alone
    "mnist": ("deep", "pca", "small", "subspace"),
    "reuters-r52": ("deep", "pca", "small"),
}


jobs = Outcome.jobs


def message(outcome: Outcome) -> str:
    """Return the one message of a refused configuration: all that a user reads."""
    assert outcome.code != 0, outcome.text
    assert "Traceback" not in outcome.text
    assert ", line " not in outcome.text
    (line,) = outcome.lines("error: ")
    return line


# ---------------------------------------------------------------- the complete DAG


@pytest.fixture(scope="module")
def complete(make_workflow: Make) -> dict[str, Workflow]:
    """Two independent runs of everything on real data, one of them with `--notemp`.

    `small` and `subspace` are the files of docs/examples, dropped in and nothing else.
    """
    runs = {
        name: make_workflow(*BUILT_IN, datasets=tuple(KINDS), others=EXAMPLE_FILES)
        for name in ("first", "second")
    }
    calls = {"first": [], "second": ["--notemp"]}
    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(lambda name: runs[name].run(*calls[name]), runs))
    for outcome in outcomes:
        assert outcome.code == 0, outcome.text[-5000:]
    return runs


@pytest.fixture(scope="module")
def metrics(complete: dict[str, Workflow]) -> pd.DataFrame:
    return pd.read_csv(complete["first"].results / "metrics.csv")


class TestCompleteRun:
    def test_every_file_of_the_contract_exists(self, complete):
        results = complete["first"].results
        for dataset, variants in RUN.items():
            assert {p.name for p in (results / dataset).glob("data.*")} == {"data.npz", "data.json"}
            excerpts = json.loads((results / dataset / "excerpts.json").read_text())
            assert bool(excerpts) == (KINDS[dataset] == "documents")
            for variant in variants:
                for seed in (0, 1):
                    folder = results / dataset / variant / "d2" / f"seed-{seed}"
                    found = {path.name for path in folder.iterdir()}
                    needed = {"codes.npz", *FILES}
                    if variant != "subspace":
                        needed |= {"history.csv", "model.safetensors", "model.json", "run.json"}
                    assert found == needed, folder

    def test_run_json_says_how_the_run_was_made(self, complete):
        folder = complete["first"].results / "mnist/deep/d2/seed-1"
        facts = json.loads((folder / "run.json").read_text())
        assert facts["seed"] == 1
        assert facts["parameters"]["code_size"] == 2
        assert facts["parameters"]["epochs"] == 1
        assert facts["data_sha256"]["train-images-idx3-ubyte"].startswith("ba891046")
        assert {"device", "seconds", "peak_memory_mb", "parameters_count"} <= facts.keys()
        assert {"aebench", "python", "numpy", "torch"} <= facts["versions"].keys()

    def test_reconstructions_are_temporary(self, complete):
        kept = {
            name: {Path(path).parts[3] for path in run.written() if "reconstruction.npy" in path}
            for name, run in complete.items()
        }
        assert kept == {"first": set(), "second": {"subspace"}}  # others decode in evaluate

    def test_no_partial_file_is_left(self, complete):
        assert not [path for path in complete["first"].written() if "partial" in path]

    def test_tidy_table_has_every_run_and_metric(self, metrics):
        assert list(metrics) == COLUMNS
        found = {
            dataset: tuple(sorted(rows["variant"].unique()))
            for dataset, rows in metrics.groupby("dataset")
        }
        assert found == RUN
        assert set(metrics["code_size"]) == {2}
        assert set(metrics["split"]) == {"test", "train"}
        rows = metrics[metrics["split"] == "test"]
        for dataset, kind in KINDS.items():
            own = {"perplexity", "cross_entropy_per_word"} if kind == "documents" else set()
            needed = {"squared_error", "cross_entropy", "logistic_accuracy", "knn_accuracy"}
            needed |= own | {"mean_average_precision", "precision_at_1"}
            by_model = {f"{'perplexity' if own else 'squared_error'}_missing_0.5", "continuity"}
            for variant in RUN[dataset]:
                of = rows[(rows["dataset"] == dataset) & (rows["variant"] == variant)]
                seeds = [set(names) for _, names in of.groupby("seed")["metric"]]
                assert len(seeds) == 2
                assert seeds[0] == seeds[1] >= needed
                # A script of one's own keeps no model that could be asked for more.
                assert (by_model <= seeds[0]) == (variant != "subspace")

    def test_tidy_table_has_one_sound_value_a_row(self, metrics):
        assert not metrics.duplicated(COLUMNS[:-1]).any()
        assert np.isfinite(metrics["value"]).all()
        shares = metrics["metric"].str.contains("accuracy|precision")
        assert metrics.loc[shares, "value"].between(0, 1).all()

    def test_summary_is_over_seeds(self, complete, metrics):
        summary = pd.read_csv(complete["first"].results / "summary.csv")
        assert set(summary["seeds"]) == {2}
        keys = ["dataset", "variant", "code_size", "split", "metric"]
        means = metrics.groupby(keys)["value"].mean()
        np.testing.assert_allclose(summary.set_index(keys)["mean"].sort_index(), means, rtol=1e-6)

    def test_claims_are_judged(self, complete):
        claims = pd.read_csv(complete["first"].results / "claims.csv")
        needed = "hs06-mnist-pca hs06-mnist-ae hs06-codes-2d hs06-nopretrain sh09-lsa docs2d-order"
        assert set(needed.split()) <= set(claims["id"])

    def test_claims_may_ask_for_every_metric(self, metrics):
        assert [name for name in metrics["metric"].unique() if not METRIC.fullmatch(name)] == []

    def test_a_variant_is_what_its_rule_says(self, complete):
        report = (complete["first"].reports / "report.md").read_text()
        assert "Baselines: pca, subspace." in report or "Baselines: subspace, pca." in report
        assert "(subspace) against" not in report

    def test_report_is_whole(self, complete):
        reports = complete["first"].reports
        stems = [f"{name}-{f}" for name, kind in KINDS.items() for f in figure_names(name, kind)]
        stems += OVERALL
        figures = {path.name for path in (reports / "figures").glob("[!.]*")}
        assert figures == {f"{stem}.{suffix}" for stem in stems for suffix in FORMATS}
        tables = {path.name for path in (reports / "tables").glob("[!.]*")}
        names = {"headline", "autoencoders", "tests", "claims", "stages"}
        names |= {f"{name}-{part}" for name in KINDS for part in ("results", "audit", "costs")}
        assert {f"{name}.{suffix}" for name in names for suffix in ("csv", "md", "tex")} <= tables
        assert "Budget tiny" in (reports / "report.md").read_text()
        page = (reports / "index.html").read_text()
        assert "Budget tiny" in page
        assert not re.search(r"<(script|link|img)[^>]+(src|href)=\"https?:", page)

    def test_snakemakes_own_report_has_the_same_figures_and_tables(self, complete):
        workflow = complete["second"]
        outcome = workflow.run("--report", "report.zip")
        assert outcome.code == 0, outcome.text
        with zipfile.ZipFile(workflow.folder / "report.zip") as archive:
            held = set(archive.namelist())
            page = archive.read("report/report.html").decode()
        shown, categories = (
            json.JSONDecoder().raw_decode("{" + page.partition(f"var {name} = {{")[2])[0]
            for name in ("results", "categories")
        )
        assert {f"report/{entry['data_uri']}" for entry in shown.values()} <= held
        figures = [
            (f"{dataset}-{name}", title(dataset), name)
            for dataset, kind in KINDS.items()
            for name in figure_names(dataset, kind)
        ]
        figures += [(name, "All data sets", name) for name in OVERALL]
        for stem, of, name in figures:
            path = f"reports/tiny/figures/{stem}.svg"
            words, caption = CAPTIONS[name]
            category = "Lecture notes" if name in OVERALL[1:] else of
            assert path in categories[category]["Other"]
            assert shown[path]["labels"] == {"data set": of, "figure": words}
            said = html.unescape(re.sub(r"<[^>]+>", "", shown[path]["caption"]))
            assert " ".join(said.split()).startswith(f"{caption} Budget tiny.")
        tables = [f"results/tiny/{name}" for name in (*TABLES, "claims.csv")]
        tables += [path for path in workflow.written() if "/tables/" in path]
        tables = {path for path in tables if not path.endswith(".snakemake_timestamp")}
        assert set(categories["Tables"]["Other"]) == tables
        for path in tables:
            assert shown[path]["caption"]
            assert shown[path]["labels"].keys() == {"data set", "table", "format"}
        pages = [f"reports/tiny/{name}.html" for name in ("index", "lecture")]
        assert sorted(categories["Page"]["Other"]) == pages

    def test_every_job_records_what_it_used(self, complete):
        logs = complete["first"].results / "logs"
        names = {path.stem for path in logs.glob("*.log")}
        assert {path.stem for path in logs.glob("*.json")} == names
        for dataset, variants in RUN.items():
            trained = set(variants) - {"subspace"}
            assert {f"{dataset}-{name}-d2-train" for name in trained} <= names
            assert {f"{dataset}-{name}-d2-evaluate" for name in variants} <= names

    def test_the_report_adds_up_what_the_stages_used(self, complete):
        report = (complete["first"].reports / "report.md").read_text()
        table = report.partition("## Stages of the workflow")[2]
        counts = dict(re.findall(r"^\| (\w+) \| (\d+) \|", table, flags=re.MULTILINE))
        evaluated = sum(len(variants) for variants in RUN.values())
        assert counts == {
            "data": "2",
            "train": str(evaluated - 1),  # subspace has a script of its own
            "evaluate": str(evaluated),
            "exhibits": "1",
            "aggregate": "1",
            "claims": "1",
            "toys": "1",
        }

    def test_second_call_does_nothing(self, complete):
        outcome = complete["first"].run()
        assert outcome.code == 0
        assert "Nothing to be done" in outcome.text

    def test_two_runs_give_the_same_bytes(self, complete):
        first, second = complete["first"], complete["second"]
        compared = [
            path
            for path in first.written()
            if path.endswith(
                (".svg", ".png", ".pdf", ".webp", ".npz", ".safetensors", "scores.csv")
            )
            or ("/tables/" in path and not re.search("costs|stages", path))
            or Path(path).name in (*TABLES, "claims.csv", "model.json")
        ]
        compared = [path for path in compared if "-pareto." not in path]  # of seconds
        assert len(compared) > 50
        different = [
            path
            for path in compared
            if (first.folder / path).read_bytes() != (second.folder / path).read_bytes()
        ]
        assert different == []

    def test_a_finished_run_is_packed(self, complete):
        workflow = complete["first"]
        outcome = workflow.run("pack")
        assert outcome.code == 0, outcome.text
        described = pack.files(workflow.reports)
        with zipfile.ZipFile(workflow.reports / "aebench-tiny.zip") as archive:
            assert set(archive.namelist()) == {*described, "ro-crate-metadata.json"}
        made = {
            Path(path).relative_to("reports/tiny").as_posix()
            for path in workflow.written()
            if path.startswith("reports/") and "timestamp" not in path
        }
        assert made == {*described, "ro-crate-metadata.json", "aebench-tiny.zip"}

    def test_an_edit_in_metrics_reruns_evaluate_alone(self, complete):
        # A rule of one's own must make its temporary reconstructions again.
        for name, more in (("second", {}), ("first", {"train_subspace": 2})):
            workflow = complete[name]
            file = workflow.folder / "src/aebench/metrics/run.py"
            source = file.read_text()
            file.write_text(source + "# edited\n")
            try:
                planned = jobs(workflow.run("-n", *(["--notemp"] if name == "second" else [])))
            finally:
                file.write_text(source)
            runs = sum(len(variants) for variants in RUN.values())
            stages = {"evaluate": runs, "aggregate": 1, "claims": 1, "report": 1, "crate": 1}
            stages["all"] = 1
            assert planned == stages | more

    def test_an_edit_in_models_reruns_training(self, complete):
        workflow = complete["first"]
        file = workflow.folder / "src/aebench/models/controls.py"
        source = file.read_text()
        file.write_text(source + "# edited\n")
        try:
            planned = jobs(workflow.run("-n"))
        finally:
            file.write_text(source)
        assert planned["train_deep"] == planned["train_small"] == planned["train_pca"] == 2
        assert planned["toys"] == 1
        assert "data" not in planned
        assert "train_subspace" not in planned

    def test_an_edit_of_a_variant_reruns_it_alone(self, complete):
        workflow = complete["first"]
        text = (EXAMPLES / "small.smk").read_text()
        workflow.write_variant("small.smk", text.replace("256", "128"))
        try:
            planned = jobs(workflow.run("-n"))
        finally:
            workflow.write_variant("small.smk", text)
        assert planned.pop("train_small") == planned.pop("evaluate") == 2
        assert planned == {
            "aggregate": 1,
            "claims": 1,
            "exhibits": 1,
            "report": 1,
            "crate": 1,
            "all": 1,
        }

    def test_verify_compares_with_the_reference(self, complete):
        """One run agrees with the other; a reference of other numbers is an error by name."""
        first, second = complete["first"], complete["second"]
        folder = second.folder / "reference"
        verify.write(
            first.results,
            folder,
            "tiny",
            yaml.safe_load((first.folder / "config.yaml").read_text()),
        )
        try:
            outcome = second.run("verify")
            assert outcome.code == 0, outcome.text
            (line,) = outcome.lines("agree with")
            assert line.endswith("; 0 outside")
            table = pd.read_csv(folder / "tiny.csv")
            chosen = (table["variant"] == "pca") & (table["metric"] == "squared_error")
            chosen &= table["split"] == "test"
            table.loc[chosen, "mean"] *= 1.1
            table.to_csv(folder / "tiny.csv", index=False)
            outcome = second.run("verify")
        finally:
            shutil.rmtree(folder)
        assert outcome.code == 1
        assert len(outcome.lines("outside: ")) == chosen.sum()
        assert "pca d2 test squared_error" in outcome.lines("outside: ")[0]
        assert outcome.lines(f"error: verify: {chosen.sum()} metrics are outside")

    def test_verify_without_a_reference_is_one_message(self, complete):
        outcome = complete["second"].run("verify")
        assert outcome.code == 1
        (line,) = set(outcome.lines("error: verify: "))
        assert "no reference results of budget 'tiny'" in line

    @pytest.mark.parametrize("variant", ["small", "subspace"])
    def test_a_new_variant_is_in_every_table(self, complete, metrics, variant):
        assert variant in set(metrics["variant"])
        for name in TABLES:
            if name != "audit.csv":  # of metrics, not of variants
                assert f",{variant}," in (complete["first"].results / name).read_text()
        reports = complete["first"].reports
        rows = [line for line in (reports / "report.md").read_text().splitlines() if "|" in line]
        assert len([row for row in rows if variant in row]) >= 2
        page = re.sub(r'"data:[^"]*"', '""', (reports / "index.html").read_text())
        tables = re.findall(r"<table.*?</table>", page, flags=re.DOTALL)
        assert len([table for table in tables if variant in table]) >= 2

    @pytest.mark.parametrize(
        ("variant", "dataset", "but"),
        [
            ("small", "mnist", ()),
            ("small", "reuters-r52", ()),
            # It says nothing of its training, and keeps no model that could be shown anything.
            ("subspace", "mnist", ("training", "rate-distortion", "pareto", *EXHIBITS)),
        ],
    )
    def test_a_new_variant_is_in_every_figure(self, complete, variant, dataset, but):
        for name in figure_names(dataset, KINDS[dataset]):
            svg = (complete["first"].reports / f"figures/{dataset}-{name}.svg").read_text()
            # matplotlib draws text as paths and keeps the words as comments.
            assert (f"<!-- {variant} -->" in svg) == (name not in but), name

    def test_a_script_of_ones_own_gives_what_the_estimator_gives(self, metrics):
        # Subspace iteration converges to PCA.
        errors = metrics[(metrics["dataset"] == "mnist") & (metrics["metric"] == "squared_error")]
        mean = errors[errors["split"] == "test"].groupby("variant")["value"].mean()
        assert mean["subspace"] == pytest.approx(mean["pca"], rel=0.01)


class TestExamples:
    def test_they_are_as_short_as_promised(self):
        lines = {path.name: len(path.read_text().splitlines()) for path in EXAMPLE_FILES}
        assert lines["small.smk"] <= 8
        assert lines["subspace.smk"] <= 15

    @pytest.mark.parametrize("file", EXAMPLE_FILES, ids=lambda file: file.name)
    def test_readme_quotes_them(self, file):
        assert file.read_text().strip() in (ROOT / "README.md").read_text()

    def test_readme_lists_the_variants_that_come_with_aebench(self):
        listed = re.findall(r"\]\((workflow/variants/[^)]+)\)", (ROOT / "README.md").read_text())
        assert len(listed) == len(set(listed))
        assert not [path for path in listed if not (ROOT / path).is_file()]
        known = subprocess.run(
            ["git", "-C", ROOT, "ls-files", "workflow/variants"], capture_output=True, text=True
        )
        # A variant of one's own need not be listed; without git nobody can tell which that is.
        assert set(known.stdout.split()) <= set(listed)


# ---------------------------------------------------------------- refusals at run time

FAULTY = """
import numpy as np

fault = snakemake.params.fault
data = np.load(snakemake.input.data)
train, test = (np.zeros((len(data[part]), 2), np.float32) for part in ("train", "test"))
reconstruction = data["test"].astype(np.float32) / 255
if fault == "wrong-shape":
    test = test[:, :1]
elif fault == "nan":
    train[3] = np.nan
if fault != "no-codes":
    np.savez(snakemake.output.codes, train=train, test=test)
np.save(snakemake.output.reconstruction, reconstruction)
"""

FAULTS = {
    "wrong-shape": r"seed 0 .*codes.npz 'test' has shape \[60, 1\]; needed: \[60, 2\]",
    "nan": r"codes.npz 'train' has NaN or infinite values in 1 of 80 rows",
}


def faulty_variant(fault: str) -> str:
    folder = f"<results>/{{dataset}}/{fault}/d{{code_size}}/seed-{{seed}}"
    return f"""
rule train_{fault.replace("-", "_")}:
    input:
        data="<results>/{{dataset}}/data.npz",
    output:
        codes="{folder}/codes.npz",
        reconstruction=temp("{folder}/reconstruction.npy"),
    params:
        role="baseline",
        images=dict(code_sizes=[2]),
        fault="{fault}",
    script:
        "faulty.py"
"""


def autoencoder(name: str, parameters: str) -> str:
    return f"""
use rule train as train_{name} with:
    pathvars:
        variant="{name}",
    params:
        estimator="AutoEncoder",
        images=dict({parameters}),
"""


@pytest.fixture(scope="module")
def faulty(make_workflow: Make) -> tuple[Workflow, Outcome]:
    """One run with many faults, and the control `mean` among them."""
    workflow = make_workflow("mean", datasets=("mnist", "reuters-r52", "20newsgroups"))
    plant(workflow, "mnist")
    plant(workflow, "reuters-r52")
    corrupt = plant(workflow, "20newsgroups")
    content = bytearray(corrupt.read_bytes())
    content[len(content) // 2] ^= 0xFF
    corrupt.write_bytes(content)
    workflow.write_variant("faulty.py", FAULTY)
    for fault in (*FAULTS, "no-codes"):
        workflow.write_variant(f"{fault}.smk", faulty_variant(fault))
    diverging = "hidden=[8], learning_rate=1e30, batch_size=10, schedule='constant'"
    workflow.write_variant("diverging.smk", autoencoder("diverging", diverging))
    large = (VARIANTS / "pca.smk").read_text().replace("pca", "large")
    workflow.write_variant(
        "large.smk", large.replace("images=dict(", "images=dict(code_sizes=[50], ")
    )
    outcome = workflow.run("--latency-wait", "0")
    return workflow, outcome


class TestFaultyVariants:
    def test_run_fails_without_a_traceback(self, faulty):
        _, outcome = faulty
        assert outcome.code != 0
        assert "Traceback" not in outcome.text
        assert not [line for line in outcome.text.splitlines() if re.match(r" +File \"", line)]

    @pytest.mark.parametrize("fault", FAULTS)
    def test_variant_and_reason_are_named(self, faulty, fault):
        _, outcome = faulty
        pattern = rf"error: mnist {fault} d2: evaluate: variant '{fault}' on mnist.*{FAULTS[fault]}"
        assert re.search(pattern, outcome.text)

    def test_every_failure_is_repeated_at_the_end(self, faulty):
        _, outcome = faulty
        end = outcome.text[outcome.text.rindex("Finished jobid") :]
        for name in (*FAULTS, "diverging", "large", "20newsgroups"):
            assert re.search(rf"^error: .*{name}", end, flags=re.MULTILINE), name

    def test_a_failed_rule_without_a_log_is_named_at_the_end(self, faulty):
        _, outcome = faulty
        end = outcome.text[outcome.text.rindex("Finished jobid") :]
        for seed in (0, 1):
            case = f"dataset mnist, code_size 2, seed {seed}"
            assert f"error: rule train_no_codes ({case}) failed; its message stands above." in end

    def test_missing_codes_are_named(self, faulty):
        _, outcome = faulty
        assert re.search(r"mnist/no-codes/d2/seed-0/codes.npz \(missing", outcome.text)

    @pytest.mark.parametrize("variant", [*FAULTS, "no-codes", "diverging", "large"])
    def test_refused_variants_have_no_scores(self, faulty, variant):
        workflow, _ = faulty
        assert not list((workflow.results / "mnist" / variant).glob("**/scores.csv"))

    @pytest.mark.parametrize("dataset", ["mnist", "reuters-r52"])
    def test_results_of_others_stand(self, faulty, dataset):
        workflow, _ = faulty
        for seed in (0, 1):
            folder = workflow.results / dataset / "mean/d2" / f"seed-{seed}"
            assert "squared_error" in (folder / "scores.csv").read_text()

    def test_no_table_of_a_part_is_written(self, faulty):
        workflow, _ = faulty
        assert not (workflow.results / "metrics.csv").exists()
        assert not workflow.reports.exists()

    def test_loss_that_is_not_finite_stops_the_job(self, faulty):
        workflow, outcome = faulty
        (line, *_) = outcome.lines("error: mnist diverging d2: train: ")
        assert "epoch 1" in line
        assert "learning rate 1e+30" in line
        assert not list((workflow.results / "mnist/diverging").glob("**/*.*"))

    def test_code_larger_than_the_features(self, faulty):
        _, outcome = faulty
        (line, *_) = outcome.lines("error: mnist large d50: train: ")
        assert "code_size is 50" in line
        assert "49 features" in line

    def test_corrupt_data_set(self, faulty):
        workflow, outcome = faulty
        (line, *_) = outcome.lines("error: 20newsgroups mean d2: train: ")
        assert "results/tiny/20newsgroups/data.npz is not a readable prepared data set" in line
        assert "Delete it and run again" in line
        assert not list((workflow.results / "20newsgroups").glob("mean/**/*.*"))


# ---------------------------------------------------------------- refusals before anything runs


@pytest.fixture(scope="module")
def quiet(make_workflow: Make) -> Workflow:
    """A workflow with nothing made yet; who changes it puts it back."""
    return make_workflow("mean", "pca", others=(VARIANTS / "lsa-log.smk",))


class TestBadConfig:
    @pytest.mark.parametrize(
        ("given", "key", "found", "allowed"),
        [
            ("colour=red", "top level", "'colour'", "budget, datasets, variants"),
            ("budget=huge", "budget", "'huge'", "full, quick, smoke, tiny"),
            ("datasets=[mnist, mnst]", "datasets", "'mnst'", "20newsgroups, reuters-r52"),
            ("variants=[mean, pcaa]", "variants", "'pcaa'", "lsa-log, mean, pca"),
            ("device=tpu", "device", '"tpu"', "auto, cpu, cuda"),
            ("vocabulary_size=0", "vocabulary_size", "0", "smallest allowed is 1"),
        ],
    )
    def test_command_line(self, quiet, given, key, found, allowed):
        said = message(quiet.run("--config", given))
        assert key in said
        assert found in said
        assert allowed in said
        assert quiet.written() == []

    @pytest.mark.parametrize(
        ("edit", "key", "found", "allowed"),
        [
            ({"code_sizes": {"images": [0], "documents": [2]}}, "code_sizes.images", "0", "1"),
            ({"seeds": []}, "budgets.tiny.seeds", "[]", "empty"),
            ({"seeds": [1, 1]}, "budgets.tiny.seeds", "[1, 1]", "twice"),
            ({"seeds": [-1]}, "budgets.tiny.seeds", "-1", "smallest allowed is 0"),
            ({"sedes": [1]}, "budgets.tiny", "'sedes'", "seeds, runtime, main_code_size_only"),
        ],
    )
    def test_config_file(self, quiet, edit, key, found, allowed):
        file = quiet.folder / "config.yaml"
        text = file.read_text()
        if "code_sizes" in edit:
            quiet.configure(**edit)
        else:
            budgets = yaml.safe_load(text)["budgets"]
            quiet.configure(budgets=budgets | {"tiny": budgets["tiny"] | edit})
        try:
            said = message(quiet.run())
        finally:
            file.write_text(text)
        assert key in said
        assert found in said
        assert allowed in said
        assert quiet.written() == []

    @pytest.mark.promise(
        "Untrusted input",
        "A program in config.yaml, as Snakemake would run it, is refused before it runs",
    )
    def test_a_program_in_the_file_is_not_run(self, quiet, measured):
        file = quiet.folder / "config.yaml"
        text = file.read_text()
        program = "__use_yte__: true\nx: ?open('escaped', 'w').write('x')\n"
        file.write_text(text + program)
        try:
            said = message(quiet.run())
        finally:
            file.write_text(text)
        assert "the key __use_yte__ is not allowed" in said
        assert not (quiet.folder / "escaped").exists()
        measured("hostile inputs refused", 1)

    def test_nothing_applies(self, quiet):
        said = message(quiet.run("--config", "variants=[lsa-log]"))
        assert "none of the variants lsa-log applies to mnist" in said


class TestBadVariantFile:
    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ("train_pca", "train_pac", "workflow/variants/other.smk has no rule train_other"),
            ("", "", "workflow/variants/other.smk has no rule train_other"),  # an exact copy
            ("train_pca", "train_other", r"train_other writes .*/pca/.*; set variant=\"other\""),
        ],
    )
    def test_rule_of_another_name(self, make_workflow, old, new, expected):
        workflow = make_workflow("mean")
        text = (VARIANTS / "pca.smk").read_text()
        workflow.write_variant("other.smk", text.replace(old, new))
        assert re.search(expected, message(workflow.run()))
        assert workflow.written() == []

    def test_neither_images_nor_documents(self, make_workflow):
        workflow = make_workflow("mean")
        text = autoencoder("other", "").replace("        images=dict(),\n", "")
        workflow.write_variant("other.smk", text)
        said = message(workflow.run())
        assert "variant other" in said
        assert "neither `images` nor `documents`" in said

    def test_no_role(self, make_workflow):
        workflow = make_workflow("mean")
        text = (VARIANTS / "pca.smk").read_text().replace("pca", "other")
        workflow.write_variant("other.smk", text.replace('        role="baseline",\n', ""))
        said = message(workflow.run())
        assert "variant other: its rule's params name no `role`" in said
        assert "autoencoder, baseline, control" in said

    def test_a_new_file_that_the_list_leaves_out(self, make_workflow):
        workflow = make_workflow("mean", "pca")
        workflow.configure(variants=["mean"])
        os.utime(workflow.folder / "workflow/variants/pca.smk", (0, 0))
        workflow.write_variant("other.smk", autoencoder("other", ""))
        assert "note: not compared: other;" in workflow.run("-n").text
        assert "note: not compared" not in workflow.run("-n", "--config", "variants=[pca]").text


class TestBadSurroundings:
    def test_missing_mirror(self, quiet):
        environment = {"AEBENCH_MIRROR": "/no/such/folder"}
        outcome = quiet.run("results/tiny/mnist/data.npz", environment=environment)
        assert outcome.code != 0
        assert "Traceback" not in outcome.text
        line = outcome.lines("error: mnist: data: ")[0]
        assert "AEBENCH_MIRROR is '/no/such/folder'" in line
        assert "No such file or directory" in line
        assert quiet.written() == []

    def test_cuda_without_a_gpu_is_refused_before_anything_is_removed(self, make_workflow):
        workflow = make_workflow("mean")
        workflow.write_variant("small.smk", autoencoder("small", "hidden=[8]"))
        plant(workflow, "mnist")
        earlier = workflow.results / "mnist/small/d2/seed-0/codes.npz"
        earlier.parent.mkdir(parents=True)
        earlier.write_text("an earlier run's")
        before = workflow.written()
        environment = {"CUDA_VISIBLE_DEVICES": ""}
        outcome = workflow.run("--config", "device=cuda", environment=environment)
        assert "device is 'cuda', but PyTorch finds no usable GPU here" in message(outcome)
        assert workflow.written() == before
        # Nothing is locked, and what trains no network needs no GPU.
        target = "results/tiny/mnist/mean/d2/seed-0/codes.npz"
        outcome = workflow.run(target, "--config", "device=cuda", environment=environment)
        assert outcome.code == 0, outcome.text

    @pytest.mark.parametrize("stage", ["data", "train"])
    def test_full_disk(self, make_workflow, stage):
        # A limit on the size of files stands for the full disk: both end a write half-way.
        workflow = make_workflow()
        workflow.write_variant("wide.smk", autoencoder("wide", "hidden=[1000]"))
        if stage == "train":
            plant(workflow, "mnist")
        before = workflow.written()
        limit = 100_000  # bytes
        outcome = workflow.run(
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        )
        assert outcome.code != 0
        assert "Traceback" not in outcome.text
        file = "mnist/data.npz" if stage == "data" else "mnist/wide/d2/seed-0/model.safetensors"
        line = outcome.lines("error: mnist")[0]
        assert f"no room to write results/tiny/{file}" in line
        assert "Nothing was left half-written" in line
        beside = "results/tiny/toys.npz"  # of a job that needs nothing of this one
        assert [path for path in workflow.written() if path != beside] == before


# ---------------------------------------------------------------- names, order, the whole plan


SERVER = """
rule server:
    output:
        "{name}.txt"
    shell:
        "echo $AEBENCH_JOB_SERVER > {output}"
"""


class TestJobServer:
    def test_every_run_has_its_own_and_leaves_none(self, make_workflow):
        workflow = make_workflow("mean")
        with (workflow.folder / "Snakefile").open("a") as file:
            file.write(SERVER)
        found = []
        for name in ("one", "two"):
            assert workflow.run(f"{name}.txt").code == 0
            found.append((workflow.folder / f"{name}.txt").read_text().strip())
        one, two = map(Path, found)
        assert one.name == two.name == "socket"
        assert one != two
        assert not one.parent.exists()


class TestPlan:
    def test_full_budget_dry_run(self, make_workflow):
        names = sorted(file.stem for file in VARIANTS.glob("*.smk"))
        workflow = make_workflow(*names)
        outcome = workflow.run("-n", "--config", "budget=full")
        assert outcome.code == 0, outcome.text
        planned = jobs(outcome)
        images, documents = 4, 3  # data sets, each at three code sizes
        assert planned["data"] == images + documents
        assert planned["train_deep"] == planned["train_pca"] == 3 * (images + documents)
        assert planned["train_lsa_log"] == 3 * documents
        assert planned["train_hinton_2006_no_pretraining"] == images
        trains = sum(count for rule, count in planned.items() if rule.startswith("train_"))
        assert planned["evaluate"] == trains
        assert {f"train_{name.replace('-', '_')}" for name in names} <= planned.keys()
        assert workflow.written() == []

    @pytest.mark.parametrize(
        ("device", "variant", "asked"),
        [("auto", "deep", 0), ("cuda", "deep", 1), ("cuda", "pca", 0)],
    )
    def test_jobs_share_a_gpu_and_networks_ask_a_cluster_for_one(
        self, make_workflow, device, variant, asked
    ):
        workflow = make_workflow(variant)
        profile = "workflow/profiles/gpu"
        limits = yaml.safe_load((workflow.folder / profile / "config.yaml").read_text())[
            "resources"
        ]
        assert limits["gpu_jobs"] > 1
        options = ["-n", "--workflow-profile", profile, "--quiet", "host"]
        outcome = workflow.run(*options, "--config", f"device={device}")
        (resources,) = outcome.lines("gpu_jobs=")
        assert f"gpu_jobs=1, gpu={asked}" in resources

    def test_names_with_hyphens_and_underscores(self, make_workflow):
        workflow = make_workflow()
        for name in ("my-pca", "my_other_pca"):
            text = (VARIANTS / "pca.smk").read_text().replace('"pca"', f'"{name}"')
            rule = name.replace("-", "_")
            workflow.write_variant(f"{name}.smk", text.replace("train_pca", f"train_{rule}"))
        planned = jobs(workflow.run("-n"))
        assert planned["train_my_pca"] == planned["train_my_other_pca"] == 1
        assert planned["evaluate"] == 2

    def test_lint(self, make_workflow):
        outcome = make_workflow("mean", others=EXAMPLE_FILES).run("--lint")
        assert outcome.code == 0, outcome.text
        outcome = Workflow(ROOT).run("--lint")
        assert outcome.code == 0, outcome.text
