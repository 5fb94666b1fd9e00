"""The report as a whole: what `render` writes, for all the results it must take."""

import html
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest

from aebench import statistics
from aebench.errors import AebenchError
from aebench.report import (
    FORMATS,
    OVERALL,
    explore,
    figure_names,
    figures,
    page,
    render,
    tables,
)
from aebench.report.results import read
from aebench.stages import aggregate

from .conftest import CONFIG, ROLES, write_results

NAMES = {"mnist": "images", "20newsgroups": "documents"}


class Loads(HTMLParser):
    """Collects everything a page would load."""

    def __init__(self):
        super().__init__()
        self.found, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.found += [
            value for name, value in attrs if name in ("src", "srcset", "data", "poster")
        ]
        if tag == "link":
            self.found += [value for name, value in attrs if name == "href"]


def test_writes_every_promised_file(rendered):
    _, report = rendered
    for dataset, kind in NAMES.items():
        for name in figure_names(dataset, kind):
            for suffix in FORMATS:
                assert (report / "figures" / f"{dataset}-{name}.{suffix}").stat().st_size > 1000
    for name in OVERALL:
        for suffix in FORMATS:
            assert (report / "figures" / f"{name}.{suffix}").stat().st_size > 1000
    assert (report / "index.html").stat().st_size > 10_000
    assert (report / "report.md").stat().st_size > 1000
    assert not list(report.rglob("*.partial*"))


def test_same_results_give_same_bytes(rendered, tmp_path):
    results, report = rendered
    found = read(results, ROLES)
    for name in figure_names("mnist", "images"):
        figures.save(figures.draw(name, found, "mnist"), tmp_path / f"mnist-{name}")
    for name in OVERALL:
        figures.save(figures.draw_overall(name, found), tmp_path / name)
    for file in sorted(tmp_path.iterdir()):
        assert file.read_bytes() == (report / "figures" / file.name).read_bytes(), file.name


def test_page_has_no_date(rendered):
    _, report = rendered
    for file in (report / "index.html", report / "report.md"):
        text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", file.read_text(encoding="utf-8"))
        assert not re.search(r"\b20[2-9]\d-\d\d-\d\d|\d\d:\d\d:\d\d", text)
    for file in (report / "figures").glob("*.svg"):
        assert "<dc:date>" not in file.read_text(encoding="utf-8")


def test_page_is_one_file(rendered):
    _, report = rendered
    text = (report / "index.html").read_text(encoding="utf-8")
    page = Loads()
    page.feed(text)
    assert page.found
    assert all(value.startswith("data:image/webp;base64,") for value in page.found)
    assert "link" not in page.tags
    own = text.replace(explore.library(), "")  # Bokeh's styles name pictures that they hold
    assert len(own) < len(text)
    assert "@import" not in own
    assert "url(" not in own


def test_first_line_says_the_budget(rendered):
    _, report = rendered
    page = (report / "index.html").read_text(encoding="utf-8")
    first = page.split('<header class="top">')[1].split("<h1>")[0]
    assert re.sub(r"<[^>]+>", "", first).strip() == (
        "Budget smoke: MNIST (30 training and 30 test items) and 20 Newsgroups (30 and 30), "
        "2 seeds; hardware: not recorded."
    )
    assert (report / "report.md").read_text(encoding="utf-8").startswith("Budget smoke:")


def test_page_and_markdown_say_the_same(rendered):
    _, report = rendered
    page = (report / "index.html").read_text(encoding="utf-8")
    markdown = (report / "report.md").read_text(encoding="utf-8")
    for text in ("best baseline", "deep-rbm", "not measured at this budget", "made up"):
        assert text in page
        assert text in markdown
    for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", markdown):
        assert (report / link).is_file()


def test_names_are_escaped(tmp_path):
    evil = "<script>alert('x')</script>"
    results = write_results(
        tmp_path / "results", images=("pca", "deep"), documents=(), classes=(evil, "$x_", "b|c")
    )
    for table in ("metrics", "audit", "tests", "ranks"):
        path = results / f"{table}.csv"
        path.write_text(path.read_text().replace("deep", "<script>evil"))
    (results / "mnist" / "deep").rename(results / "mnist" / "<script>evil")
    roles = {"pca": "baseline", "<script>evil": "autoencoder"}
    render(results, tmp_path / "out", "<script>budget", CONFIG, roles)
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    markdown = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    markdown = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)  # shown as it stands
    for text in (page, markdown):
        assert not re.search("<script>(evil|alert|budget)", text)
        assert "script&gt;evil" in text
    ours = r'^<script( type="application/json"| type="text/plain" id="ex-library")?>'
    assert page.count("<script") == len(re.findall(ours, page, flags=re.MULTILINE))


@pytest.mark.parametrize(
    "arguments",
    [
        {"images": ("pca", "deep"), "documents": (), "seeds": (3,), "sizes": (5,)},
        {"images": (), "documents": ("lsa-tfidf",), "seeds": (0,), "sizes": (2,)},
        {"images": ("mean",), "documents": (), "sizes": (2,)},
        {"images": ("my-method",), "documents": (), "sizes": (5,)},
    ],
    ids=["one seed", "one linear variant", "one control", "one new variant, no 2-D code"],
)
def test_takes_little(tmp_path, arguments):
    results = write_results(tmp_path / "results", **arguments)
    render(results, tmp_path / "out", "smoke", {}, ROLES | {"my-method": "baseline"})
    assert (tmp_path / "out" / "index.html").is_file()


def test_takes_runs_with_files_missing(tmp_path):
    little = {"images": ("pca", "deep"), "documents": (), "sizes": (2,)}
    results = write_results(tmp_path / "results", **little)
    for name in ("codes.npz", "samples.npz", "history.csv", "run.json"):
        for file in results.rglob(name):
            file.unlink()
    render(results, tmp_path / "out", "smoke", CONFIG, ROLES)
    assert (tmp_path / "out" / "report.md").is_file()


def test_stages_are_added_up_over_the_jobs_of_these_results(tmp_path):
    results = write_results(tmp_path / "results", images=("pca", "deep"), documents=(), sizes=(2,))
    records = {
        "mnist-pca-d2-train": (1.2, 2.0, 300.0),
        "mnist-deep-d2-train": (40.4, 39.6, 500.4),
        "mnist-gone-d2-train": (99.0, 99.0, 999.0),
        "aggregate": (0.2, 0.1, 80.0),
    }
    (results / "logs").mkdir()
    for name, (seconds, cpu, memory) in records.items():
        used = {"seconds": seconds, "cpu_seconds": cpu, "peak_memory_mb": memory}
        (results / "logs" / f"{name}.json").write_text(json.dumps(used))
    table = tables.stages(read(results, ROLES))
    rows = [[cell.text for cell in row] for row in table.rows]
    assert rows == [["train", "2", "42", "40", "500"], ["aggregate", "1", "0", "0", "80"]]
    assert table.rows[0][3].detail == "mnist-deep-d2"


def test_speed_and_operations_stand_beside_the_seconds(tmp_path):
    table = tables.costs(read(write_results(tmp_path / "results"), ROLES), "mnist")
    rows = {row[0].text: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert rows["pca"]["seconds a seed"].text == "1.5"
    assert rows["pca"]["encoded a second"].text == "4,000"
    assert rows["pca"]["decoded a second"].text == "5,000"
    assert rows["pca"]["Mflop an item"].text == "3.50"
    assert rows["mean"]["Mflop an item"].text == tables.MISSING


def test_a_missing_table_is_one_message(tmp_path):
    with pytest.raises(AebenchError, match=r"cannot read .*metrics\.csv"):
        render(tmp_path, tmp_path / "out", "smoke", {}, ROLES)
    assert not (tmp_path / "out").exists()


def test_a_variant_without_a_role_is_one_message(tmp_path):
    results = write_results(tmp_path / "results", images=("pca", "deep"), documents=())
    with pytest.raises(AebenchError, match=r"no role is known of deep; found: .*pca"):
        render(results, tmp_path / "out", "smoke", {}, {"pca": "baseline"})


def test_columns_of_controls_are_the_controls(tmp_path):
    results = write_results(tmp_path / "results", images=("mean", "pca"), documents=())
    roles = {"mean": "baseline", "pca": "control"}
    for name, table in aggregate.describe(pd.read_csv(results / "metrics.csv"), roles).items():
        statistics.write_csv(table, results / f"{name}.csv")
    found = read(results, roles)
    assert tables.audit(found, "mnist").columns[5:-2] == ["pca"]


def add_raw(folder):
    """Give MNIST a control without error whose code is as large as the items."""
    metrics = pd.read_csv(folder / "metrics.csv")
    raw = metrics[
        metrics.eval("dataset == 'mnist' and variant == 'deep' and code_size == code_size.max()")
    ]
    raw = raw.assign(variant="raw", code_size=64)
    raw.loc[raw["metric"] == "squared_error", "value"] = 0.0
    statistics.write_csv(pd.concat([metrics, raw]), folder / "metrics.csv")
    audit = pd.read_csv(folder / "audit.csv").assign(control_raw=0.0)
    statistics.write_csv(audit, folder / "audit.csv")
    return ROLES | {"raw": "control"}


def test_a_control_with_a_code_size_of_its_own_is_compared_with_nothing(tmp_path):
    before = read(write_results(tmp_path / "before"), ROLES)
    folder = write_results(tmp_path / "after")
    after = read(folder, add_raw(folder))
    assert after.code_sizes("mnist") == [2, 5, 64]
    for of in ("main_code_size", "compared_code_sizes", "headline_code_sizes"):
        assert getattr(after, of)("mnist") == getattr(before, of)("mnist")
    assert tables.audit(after, "mnist").columns == tables.audit(before, "mnist").columns
    rows, more = (tables.of_dataset(results, "mnist").rows for results in (before, after))
    assert more[:-1] == rows
    assert [cell.text for cell in more[-1][:3]] == ["code size 64", "raw", "0.00"]
    assert not any(cell.best for cell in more[-1])
    for name in figure_names("mnist", "images"):
        figures.draw(name, after, "mnist")


def test_one_code_size_is_not_called_a_curve(tmp_path):
    results = write_results(tmp_path / "results", documents=(), sizes=(2,))
    render(results, tmp_path / "out", "smoke", CONFIG, add_raw(results))
    for name in ("index.html", "report.md"):
        assert "What a larger code buys" not in (tmp_path / "out" / name).read_text()


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({}, ["make reproduce BUDGET=quick", "snakemake --cores N --config budget=quick"]),
        (
            {"datasets": ["mnist"], "variants": ["mean", "pca"], "device": "cpu"},
            [
                "snakemake --cores N --config budget=quick 'datasets=[mnist]' "
                "'variants=[mean, pca]' device=cpu"
            ],
        ),
        (
            {"variants": "all", "code_sizes": {"images": [2]}},
            ["snakemake --cores N --config budget=quick variants=all"],
        ),
    ],
)
def test_commands_are_those_of_this_run(given, lines):
    found = page.commands("quick", given)
    assert [line for line in found if not line.startswith("#")] == lines
    assert any("code_sizes in config.yaml" in line for line in found) == ("code_sizes" in given)


def test_page_has_the_command_of_this_run(rendered):
    for name in ("index.html", "report.md"):
        text = html.unescape((rendered[1] / name).read_text(encoding="utf-8"))
        assert "budget=smoke 'variants=[mean, pca, lsa-tfidf, deep, deep-rbm]'" in text


def test_a_table_without_a_column_is_one_message(tmp_path):
    results = write_results(tmp_path / "results", images=("pca",), documents=())
    pd.DataFrame({"dataset": ["mnist"]}).to_csv(results / "metrics.csv", index=False)
    with pytest.raises(AebenchError, match="has no column variant"):
        render(results, tmp_path / "out", "smoke", {}, ROLES)


def test_figure_names_are_cheap():
    code = (
        "import sys; from aebench.report import figure_names as f; "
        "print(f('mnist', 'images')); "
        "assert not {'matplotlib', 'pandas', 'torch', 'sklearn'} & set(sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "reconstructions" in out.stdout


def test_rendering_needs_no_torch(rendered):
    results, _ = rendered
    code = (
        "import sys; from aebench.report import figures, page, results; "
        f"results.read({str(results)!r}, {ROLES!r}); "
        "assert not {'torch', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_main_code_size_is_the_one_the_configuration_names_first(rendered):
    def main(asked):
        return read(rendered[0], ROLES, asked).main_code_size("mnist")

    assert main({"images": [2, 5]}) == 2
    assert main({"images": [2, 5], "mnist": [5]}) == 5
    assert main({"images": [7, 2]}) == 5  # not run: what most variants have, the largest
    assert main(None) == 5


def test_generated_data_have_no_table_of_raw_files(tmp_path):
    results = write_results(tmp_path / "results", seeds=(0,), sizes=(2,))
    facts = results / "mnist" / "data.json"
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"sha256": {}, "sources": {}}))
    render(results, tmp_path / "out", "smoke", CONFIG, ROLES)
    for name in ("index.html", "report.md"):
        assert (tmp_path / "out" / name).read_text().count("raw file") == 1


def test_further_metrics_are_folded_away(tmp_path):
    results = write_results(tmp_path / "results", documents=(), sizes=(2,))
    metrics = pd.read_csv(results / "metrics.csv")
    accuracy = metrics[metrics["metric"] == "knn_accuracy"]
    more = [accuracy.assign(metric=name) for name in ("svm_accuracy", "dead_units")]
    described = aggregate.describe(pd.concat([metrics, *more]), ROLES)
    for name, table in described.items():
        statistics.write_csv(table, results / f"{name}.csv")
    found = dict(tables.more(read(results, ROLES), "mnist"))
    assert list(found) == ["Classification", "Structure"]
    assert found["Classification"].columns[2:] == ["SVM acc. ↑"]
    assert found["Structure"].columns[2:] == ["dead units"]
    assert not any(row[2].rank for row in found["Structure"].rows)
    assert any(row[2].rank for row in found["Classification"].rows)
    render(results, tmp_path / "out", "smoke", CONFIG, ROLES)
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<details><summary>Classification</summary>" in page
    assert "### Classification" in (tmp_path / "out" / "report.md").read_text()
