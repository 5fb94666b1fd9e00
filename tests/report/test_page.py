"""What stands in the page: its structure, its provenance, and hostile words in every place."""

import html
import json
import re
from html.parser import HTMLParser

import pytest

from aebench.report import page, palette, provenance, rankings, render
from aebench.report.results import read

from .conftest import CONFIG, ROLES, write_results

HARDWARE = {"cpu": "Some CPU", "cores": 4, "memory_gib": 15.6, "gpu": None}
COMMIT = {"sha": "a" * 40, "changed": False}
EVIL = """</script><b id=evil onclick='x'>"quoted" & more</b>"""


class Outline(HTMLParser):
    """Collects tags with their attributes; complains about tags that are not closed in order."""

    VOID = ("meta", "img", "input", "br", "link", "hr", "col")

    def __init__(self, text):
        super().__init__()
        self.tags, self._open = [], []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def text(rendered):
    return (rendered[1] / "index.html").read_text(encoding="utf-8")


def change_runs(folder, change):
    """Rewrite every run.json by a function of its facts and place in order."""
    for place, file in enumerate(sorted(folder.rglob("run.json"))):
        facts = json.loads(file.read_text())
        file.write_text(json.dumps(facts | change(place)))


# ---------------------------------------------------------------- structure


def test_tags_are_closed_and_ids_are_unique(text):
    outline = Outline(text)
    ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for link in outline.of("a"):
        if link["href"].startswith("#"):
            assert link["href"][1:] in ids


def test_there_is_one_of_each_landmark_and_a_way_past_the_contents(text):
    outline = Outline(text)
    for tag in ("main", "h1", "title"):
        assert len(outline.of(tag)) == 1
    first = outline.of("a")[0]
    assert first["href"] == "#main"
    assert "skip" in first["class"]


def test_the_policy_comes_before_all_it_governs(text):
    policy = text.index("Content-Security-Policy")
    assert "default-src 'none'" in html.unescape(text[policy : policy + 200])
    assert policy < min(text.index("<style"), text.index("<script"))


def test_nothing_handles_events_inline(text):
    attributes = {name for _, attrs in Outline(text).tags for name in attrs}
    assert not [name for name in attributes if name.startswith("on")]


def test_numbers_of_tables_stand_unrounded_in_attributes(rendered, text):
    found = read(rendered[0], ROLES, CONFIG["code_sizes"])
    mean = found.means("mnist", "squared_error", 5)["deep"]
    assert f'data-value="{mean}"' in text
    rows = re.findall(r'data-role="(\w+)" data-name="([\w-]+)"', text)
    assert set(rows) >= {("autoencoder", "deep-rbm"), ("baseline", "pca"), ("control", "mean")}
    assert f"--c:{palette.colour('deep')}" in text


# ---------------------------------------------------------------- rankings


def test_rankings_are_of_the_main_code_size_best_first_without_controls(rendered):
    found = read(rendered[0], ROLES, CONFIG["code_sizes"])
    compressing, classifying, _ = rankings.rankings(found, "mnist")
    assert compressing.code_size == 5
    assert [place.variant for place in compressing.places] == ["deep-rbm", "deep", "pca"]
    assert compressing.measure == "squared error ↓"
    assert classifying.measure == "kNN acc. ↑"
    for ranking in (compressing, classifying):
        for place in ranking.places:
            rank = found.rank("mnist", place.variant, 5, _metric(ranking))
            assert place.rank == (str(rank) if rank else "\u2013")


def _metric(ranking):
    return "squared_error" if ranking.task == "Compressing" else "knn_accuracy"


@pytest.mark.parametrize(
    ("ordered", "beyond"),
    [
        ([4.0, 5.0, 6.0, 7.0, 50.0], [50.0]),  # one that fails does not squeeze the others
        ([0.9, 0.8, 0.7, 0.6], []),
        ([4.0, 4.0, 4.0], []),
        ([4.0], []),
        ([4.0, 4.0, 4.0, 9.0], []),
    ],
)
def test_the_axis_of_a_ranking_has_room_for_most(ordered, beyond):
    at = rankings._axis(ordered)
    assert [value for value in ordered if not 0 <= at(value) <= 100] == beyond
    assert at(1) < at(2)  # larger values lie to the right, whatever is better


def test_intervals_lie_around_their_means(rendered):
    found = read(rendered[0], ROLES, CONFIG["code_sizes"])
    for dataset in found.datasets:
        for ranking in rankings.rankings(found, dataset):
            for place in ranking.places:
                assert 0 <= place.left <= place.at <= place.left + place.width + 0.11 <= 100.2
                assert (place.width > 0) <= (place.interval != "")


# ---------------------------------------------------------------- provenance


def of(tmp_path, change):
    folder = write_results(tmp_path / "results", images=("pca", "deep"), documents=(), sizes=(2,))
    change_runs(folder, change)
    return provenance.of(read(folder, ROLES))


def test_one_commit_and_one_machine_are_said_once(tmp_path):
    found = of(tmp_path, lambda _: {"hardware": HARDWARE, "commit": COMMIT})
    assert found.hardware == "Some CPU (4 cores, 15.6 GiB)"
    assert found.commits == found.commit == "a" * 40
    assert found.seeds == "0, 1"
    assert page.commands("quick", {}, found.commit)[0] == f"git checkout {'a' * 40}"


def test_what_differs_between_runs_is_listed(tmp_path):
    def change(place):
        gpu = {"gpu": "Some GPU"} if place else {}
        sha = {"sha": "b" * 40} if place else {}
        return {"hardware": HARDWARE | gpu, "commit": COMMIT | sha}

    found = of(tmp_path, change)
    cpu = "Some CPU (4 cores, 15.6 GiB)"
    assert found.hardware == f"{cpu}; Some GPU with {cpu}"
    assert found.commits == f"{'a' * 40}; {'b' * 40}"
    assert found.commit is None


def test_a_changed_tree_is_no_commit_to_check_out(tmp_path):
    found = of(tmp_path, lambda _: {"commit": COMMIT | {"changed": True}})
    assert found.commits == f"{'a' * 40}, changed since"
    assert found.commit is None


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        ({"sha256": "c" * 64, "differs": []}, f"constraints.txt {'c' * 12}"),
        (
            {"sha256": "c" * 64, "differs": ["numpy 1.0", "scipy 2.0"]},
            f"constraints.txt {'c' * 12}, but numpy 1.0, scipy 2.0",
        ),
        ({"differs": 5}, provenance.NOT_RECORDED),
    ],
)
def test_the_lock_is_said_and_what_differs_from_it(tmp_path, lock, words):
    assert dict(of(tmp_path, lambda _: {"lock": lock}).facts)["lock"] == words


@pytest.mark.parametrize(
    "facts", [{}, {"hardware": None, "commit": None}, {"hardware": {}, "commit": {}}]
)
def test_old_and_odd_runs_are_not_recorded(tmp_path, facts):
    found = of(tmp_path, lambda _: facts)
    assert found.hardware == found.commits == provenance.NOT_RECORDED
    assert found.commit is None


def test_a_run_without_commit_beside_others_is_no_exact_source(tmp_path):
    found = of(tmp_path, lambda place: {"commit": COMMIT} if place else {})
    assert found.commits == "a" * 40
    assert found.commit is None


# ---------------------------------------------------------------- hostile words


def test_hostile_facts_are_escaped_wherever_they_stand(tmp_path):
    few = {"images": ("pca", "deep"), "documents": (), "sizes": (2,)}
    folder = write_results(tmp_path / "results", **few)
    hardware = HARDWARE | {"cpu": EVIL, "gpu": EVIL, "cores": EVIL}
    change_runs(
        folder,
        lambda _: {
            "hardware": hardware,
            "commit": COMMIT | {"sha": EVIL},
            "versions": {EVIL: EVIL},
            "lock": {"sha256": EVIL, "differs": [EVIL]},
            "device": EVIL,
        },
    )
    data = folder / "mnist" / "data.json"
    facts = json.loads(data.read_text())
    odd = {"notes": [EVIL], "sha256": {EVIL: EVIL}, "sources": {EVIL: EVIL}}
    data.write_text(json.dumps(facts | odd))
    claims = folder / "claims.csv"
    statement = EVIL.replace('"', '""')
    header = claims.read_text(encoding="utf-8").splitlines()[0]
    numbers = {"measured", "low", "high"}
    parts = [
        "" if name in numbers else f'"{statement}"' if name != "status" else "reproduced"
        for name in header.split(",")
    ]
    claims.write_text(f"{header}\n{','.join(parts)}\n", encoding="utf-8")
    render(folder, tmp_path / "out", EVIL, CONFIG | {EVIL: EVIL}, ROLES, {EVIL: EVIL})
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    outline = Outline(text)
    assert not [attrs for _, attrs in outline.tags if attrs.get("id") == "evil"]
    assert not [attrs for _, attrs in outline.tags if "onclick" in attrs]
    assert html.unescape(text).count(EVIL) >= 12
