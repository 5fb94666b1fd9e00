"""Hostile names and texts in every place of the results, through the whole report."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from report.conftest import CONFIG, ROLES, write_results

from aebench.datasets import excerpts
from aebench.errors import AebenchError
from aebench.report import export, figures, render
from aebench.report.results import read

from .test_fuzz import UNTRUSTED, picture

# No separators of paths: those are refused. Signs of HTML, Markdown, LaTeX, formulas, templates.
HOSTILE = "\"'><img src=x onerror=alert(1)>${}^_%#&|`=[x](javascript:1){{7*7}}"
TEXT = f"{HOSTILE}</script><script>alert(1)</script>\\input{{/etc/passwd}}\x1b[31m\u202e"
PLAIN = "plain"


class Outline(HTMLParser):
    """Counts elements with the names of their attributes, and keeps where links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[tuple[str, ...]] = Counter()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements[tag, *sorted(name for name, _ in attrs)] += 1
        self.links |= {value for name, value in attrs if name in ("href", "src")}


def written(folder: Path, name: str, text: str) -> Path:
    """The report of results in which a variant and a data set have a name, and all else a text."""
    results = folder / "results"
    names = ("zero", text, "two")
    sizes = {"sizes": (2,), "seeds": (0,)}
    write_results(results, ("pca", "deep"), ("lsa-tfidf", "deep"), classes=names, **sizes)
    for path in results.glob("*.csv"):
        if path.name != "claims.csv":
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
            table = table.replace({"deep": name, "20newsgroups": f"{name} too"})
            table.to_csv(path, index=False)
    claims = pd.read_csv(results / "claims.csv", keep_default_na=False)
    for column in ("source", "statement", "unit", "protocol", "published", "note"):
        claims[column] = text
    claims.to_csv(results / "claims.csv", index=False)
    for dataset in ("mnist", "20newsgroups"):
        (results / dataset / "deep").rename(results / dataset / name)
        facts = results / dataset / "data.json"
        odd = {"notes": [text], "sha256": {text: text}, "sources": {text: text}}
        facts.write_text(json.dumps(json.loads(facts.read_text()) | odd))
    excerpts.save({3: text, 4: text}, results / "20newsgroups" / "excerpts.json")
    for path in results.rglob("run.json"):
        facts = json.loads(path.read_text()) | {"device": text, "versions": {text: text}}
        hardware = {"cpu": text, "gpu": text, "cores": text}
        path.write_text(json.dumps(facts | {"hardware": hardware, "commit": {"sha": text}}))
    (results / "20newsgroups").rename(results / f"{name} too")
    out = folder / "reports" / "out"
    render(results, out, text, CONFIG | {text: text}, ROLES | {name: "autoencoder"}, {text: text})
    return out


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> dict[str, Path]:
    def draw(drawings, processes):
        for stem, of in drawings.items():
            of()
            picture(stem)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aebench.report.figures.save_all", draw)
        return {
            kind: written(tmp_path_factory.mktemp(kind), name, text)
            for kind, name, text in (("hostile", HOSTILE, TEXT), ("plain", PLAIN, PLAIN))
        }


@pytest.mark.promise(
    UNTRUSTED,
    "Names and texts of data add no element, attribute, link or script to the pages, no command "
    "to LaTeX, no column to Markdown and no formula to spreadsheets",
)
class TestHostileWords:
    @pytest.mark.parametrize("page", ["index.html", "lecture.html"])
    def test_pages_have_the_elements_of_plain_names(self, reports, page, measured):
        hostile, plain = (
            Outline((reports[kind] / page).read_text(encoding="utf-8"))
            for kind in ("hostile", "plain")
        )
        assert hostile.elements == plain.elements
        assert not [link for link in hostile.links if link.startswith(("javascript", "http"))]
        measured("pages and tables checked", 1)

    def test_markdown_has_no_html_and_the_columns_of_plain_names(self, reports, measured):
        texts = {}
        for kind, folder in reports.items():
            whole = (folder / "report.md").read_text(encoding="utf-8")
            texts[kind] = re.sub(r"```.*?```", "", whole, flags=re.DOTALL)
        assert not re.search(r"<(img|script)", texts["hostile"])
        assert not re.search(r"(?<!\\)\]\(javascript", texts["hostile"])
        bars = {kind: len(re.findall(r"(?<!\\)\|", text)) for kind, text in texts.items()}
        assert bars["hostile"] == bars["plain"]
        measured("pages and tables checked", 1)

    def test_latex_has_the_commands_of_plain_names(self, reports, measured):
        for path in sorted((reports["hostile"] / "tables").glob("*.tex")):
            text = path.read_text(encoding="utf-8").replace("% For \\input", "")
            assert text.isascii()
            assert not re.search(r"\\(input|include|write|def|csname|openin)", text)
            measured("pages and tables checked", 1)

    def test_no_cell_of_a_table_is_a_formula(self, reports, measured):
        for path in sorted((reports["hostile"] / "tables").glob("*.csv")):
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
            for value in table.to_numpy().ravel():
                is_number = re.fullmatch(r"-?[\d.]+(e[-+]\d+)?", value)
                assert is_number or not value.startswith(export.FORMULA), (path.name, value)
            measured("pages and tables checked", 1)

    def test_files_stay_in_their_folder(self, reports, measured):
        folder = reports["hostile"]
        found = {path.name for path in folder.parent.parent.iterdir()}
        assert found == {"results", "reports"}
        assert [path.name for path in folder.parent.iterdir()] == ["out"]
        measured("pages and tables checked", 1)


@pytest.mark.parametrize("value", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_formulas_get_an_apostrophe(value):
    from aebench.report.tables import Cell, Table

    frame = export.frame(Table(["name", "note"], [[Cell(value), Cell("x", note=value)]], words=2))
    assert list(frame["name"]) == [f"'{value}"]
    assert list(frame["note note"]) == [f"'{value}"]


def test_a_name_in_a_figure_is_no_formula(tmp_path):
    from matplotlib.figure import Figure

    from aebench.report.figures import shared

    figure = Figure()
    figure.legend(handles=[shared.handle("$\\frac{1}{0}$ {x}^ <b>&"), shared.handle("a$b\x0b")])
    figures.save(figure, tmp_path / "names")
    text = (tmp_path / "names.svg").read_text(encoding="utf-8")
    assert "<b>" not in text


@pytest.mark.parametrize("name", ["../../escaped", "a/b", "..", "a\\b", ".x", "a\x1b", "x" * 200])
@pytest.mark.parametrize("column", ["dataset", "variant"])
def test_names_that_lead_elsewhere_are_refused(tmp_path, column, name):
    folder = write_results(
        tmp_path / "results", ("pca", "deep"), documents=(), sizes=(2,), seeds=(0,)
    )
    table = pd.read_csv(folder / "metrics.csv")
    table.assign(**{column: name}).to_csv(folder / "metrics.csv", index=False)
    with pytest.raises(AebenchError, match="cannot be the name") as found:
        read(folder, ROLES | {name: "baseline"})
    assert str(found.value).isprintable()
