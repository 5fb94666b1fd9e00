"""Tables as files: numbers a program can read, and LaTeX that compiles whatever the names are."""

import errno
import os
import re
import shutil
import subprocess

import pandas as pd
import pytest

from aebench.errors import AebenchError
from aebench.files import atomic_folder
from aebench.report import export, latex
from aebench.report.tables import MISSING, Cell, Table

AWKWARD = (
    r"a_b 50% #1 ~ ^ \ $x$ {} {",
    r"\input{/etc/passwd}",
    "<b>&amp;</b> | [low] \"quoted\" 'it' `tick`",
    "--a---b",
    "Schölkopf, Łukasz, Erdős, İ, ﬁ",
    "中文 \N{GRINNING FACE} \u0416 \x00 \x7f \u202e \u200b",
    "two\nlines\tand a tab",
    "± ▲ ▼ ≈ ↑ ↓ \u2013 \u2212 ≠ ✓ ✗ ○ ∅ \u00d7 ² \u2009.",
    "",
)


@pytest.fixture(scope="module")
def files(rendered):
    _, report = rendered
    return report / "tables"


@pytest.fixture(scope="module")
def awkward():
    """A table whose every part is awkward, wider and longer than a page."""
    columns = ["group", *AWKWARD[:-1], *(f"number {i}" for i in range(3))]
    rows = [
        [
            Cell("50% & more", r"_{\foo"),
            *(Cell(text * 3, text, "better", best=True, rank="1") for text in AWKWARD[:-1]),
            *(Cell("\u22121,234.5", "±\u20090.1", value=-1234.5) for _ in range(3)),
        ]
        for _ in range(6)
    ]
    return Table(columns, rows, words=9, note=" ".join(AWKWARD), grouped=True)


def compiles(folder, paths):
    """Typeset the tables in one document and return its log; skip where there is no pdflatex."""
    pdflatex = shutil.which("pdflatex")
    if pdflatex is None:
        pytest.skip("no pdflatex on this machine")
    inputs = "".join(f"\\input{{{path}}}\n\\clearpage\n" for path in paths)
    (folder / "all.tex").write_text(
        f"\\documentclass{{article}}\n\\usepackage[a4paper,margin=25mm]{{geometry}}\n"
        f"\\usepackage{{booktabs}}\n\\begin{{document}}\n{inputs}\\end{{document}}\n"
    )
    done = subprocess.run(
        [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


def test_every_table_of_the_page_is_there_in_three_formats(rendered, files):
    names = {file.stem for file in files.iterdir()}
    assert {"headline", "tests", "claims", "mnist-results", "mnist-audit", "mnist-costs"} <= names
    assert {"20newsgroups-results", "mnist-files"} <= names
    assert {file.name for file in files.iterdir()} == {
        f"{name}.{suffix}" for name in names for suffix in ("csv", "md", "tex")
    }
    page = (rendered[1] / "index.html").read_text(encoding="utf-8")
    regions = re.findall(r'<div class="scroll.*?aria-label="([^"]+)"', page)
    assert len([label for label in regions if not label.endswith(", ranking")]) == len(names)


def test_csv_has_the_numbers_of_the_summary(rendered, files):
    results, _ = rendered
    table = pd.read_csv(files / "mnist-results.csv")
    summary = pd.read_csv(results / "summary.csv").query("dataset == 'mnist' and split == 'test'")
    assert len(table) == len(summary.query("metric == 'squared_error'"))
    for row in table.itertuples():
        case = summary[
            (summary["metric"] == "squared_error")
            & (summary["variant"] == row.variant)
            & (summary["code_size"] == row[1])
        ].iloc[0]
        shown = table.loc[row.Index, ["squared error", "squared error low", "squared error high"]]
        assert list(shown) == pytest.approx(list(case[["mean", "low", "high"]]))
    ranks = table["squared error rank"]
    assert ranks.min() == 1
    assert ranks[table["variant"] == "mean"].isna().all()


def test_csv_parts_words_and_numbers(files):
    headline = pd.read_csv(files / "headline.csv")
    assert list(headline.columns[:3]) == ["data set", "code size", "variant"]
    assert set(headline["code size"]) == {5}
    assert set(headline["variant"]) == {"best autoencoder", "best baseline"}
    best = headline[headline["variant"] == "best baseline"]
    assert set(best["error note"]) == {"pca", "lsa-tfidf"}
    assert set(headline["error mark"].dropna()) <= {"better", "worse", "even"}
    tests = pd.read_csv(files / "tests.csv")
    assert (tests["difference low"] <= tests["difference"]).all()
    assert tests["p, Holm"].between(0, 1).all()


def test_nothing_measured_is_an_empty_cell():
    table = Table(["variant", "error ↓", "device"], words=1)
    table.rows = [[Cell("a"), Cell("1", value=1.0), Cell(MISSING)]]
    table.rows += [[Cell("b"), Cell(MISSING), Cell("cpu")]]
    table.rows += [[Cell("c"), Cell("0", value=0.0, low=0.0, high=0.0), Cell("cpu")]]
    frame = export.frame(table)
    assert list(frame) == ["variant", "error", "error low", "error high", "device"]
    assert list(frame["device"]) == ["", "cpu", "cpu"]
    assert frame["error"].isna().sum() == 1


@pytest.mark.parametrize("text", AWKWARD)
def test_escaped_latex_is_ascii_without_commands_of_the_text(text):
    escaped = latex.escape(text)
    assert escaped.isascii()
    assert escaped.isprintable()
    left = re.sub(r"\\([a-zA-Z]+|.)", "", escaped)  # what is no command, and so stands as it is
    assert not set(left.replace("$^2$", "").replace("~", "")) & set("\\%#&_^")
    assert left.count("$") % 2 == 0
    assert left.count("{") == left.count("}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("a_b & 50%", r"a\_b \& 50\%"),
        ("a--b", "a-{}-b"),
        ("1\u20132", "1--2"),
        ("Schölkopf", r"Sch\"{o}lkopf"),
        ("中", "U+4E2D"),
    ],
)
def test_escape(text, expected):
    assert latex.escape(text) == expected


def test_best_is_bold_and_rank_and_interval_are_small():
    cell = Cell("5.40", "±\u20090.69", best=True, rank="1", value=5.4)
    table = Table(["variant", "error ↓"], [[Cell("a_b"), cell]], note="100% sure.")
    text = latex.typeset(table, "Results, MNIST", "tab:mnist_results")
    assert r"a\_b & \textbf{5.40} {\tiny $\pm$\,0.69 \#1} \tabularnewline" in text
    assert r"\label{tab:mnist-results}" in text
    assert r"100\% sure." in text
    assert [text.count(rf"\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 1, 1]


def test_long_and_wide_tables_come_in_parts(awkward):
    text = latex.typeset(awkward, "Awkward", "tab:awkward")
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert labels[:2] == ["tab:awkward", "tab:awkward-2"]
    assert len(labels) == len(set(labels)) == text.count("\\begin{table}")
    assert text.count("(continued)") == len(labels) - 1
    rows = re.findall(r"\$-\$1,234\.5", text)
    assert len(rows) == 6 * 3


def test_awkward_tables_compile(awkward, tmp_path):
    text = latex.typeset(awkward, " ".join(AWKWARD), "tab:a_b%")
    (tmp_path / "awkward.tex").write_text(text, encoding="utf-8")
    assert "Undefined control sequence" not in compiles(tmp_path, ["awkward.tex"])


def test_every_table_compiles_and_fits_the_page(files, tmp_path):
    log = compiles(tmp_path, sorted(files.glob("*.tex")))
    assert "Missing character" not in log
    assert "Float too large" not in log
    assert "Overfull" not in log


def test_folder_is_replaced_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "old.csv").write_text("old")
    with pytest.raises(AebenchError, match="cannot be made"):
        fill(folder, AebenchError("a table that cannot be made"))
    assert [file.name for file in tmp_path.rglob("*")] == ["tables", "old.csv"]
    fill(folder)
    assert [file.name for file in (tmp_path / "tables").rglob("*")] == ["new.csv"]


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path, monkeypatch):
    folder = tmp_path / "tables"
    with pytest.raises(AebenchError, match=f"no room to write {folder}: "):
        fill(folder, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    with pytest.raises(OSError, match="mine"):
        fill(folder, OSError("mine"))
    assert list(tmp_path.iterdir()) == []
    fill(folder)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    with pytest.raises(AebenchError, match=f"cannot write {folder}: Directory not empty"):
        fill(folder)


def test_what_a_killed_process_left_is_not_taken_over(tmp_path):
    stale = tmp_path / ".tables.7-0a1b2c3d.partial"
    stale.mkdir()
    (stale / "half.csv").write_text("half")
    fill(tmp_path / "tables")
    assert [file.name for file in (tmp_path / "tables").rglob("*")] == ["new.csv"]


def fill(folder, error=None):
    with atomic_folder(folder) as temporary:
        (temporary / "new.csv").write_text("new")
        if error:
            raise error
