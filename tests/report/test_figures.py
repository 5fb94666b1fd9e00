"""What single figures show."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from aebench import statistics
from aebench.errors import AebenchError
from aebench.report import FORMATS, captions, figure_names, figures, palette
from aebench.report.figures import code_maps, critical_differences, files, strips
from aebench.report.results import read

from . import conftest
from .conftest import ROLES

ROOT = Path(__file__).parents[2]


def texts(figure):
    return " | ".join(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")))


def test_every_figure_has_a_drawing_and_captions():
    for name in figure_names("mnist", "images"):
        assert name in figures.FIGURES
        assert name in captions.CAPTIONS


def test_unknown_figure():
    with pytest.raises(AebenchError, match="unknown figure 'pie'; allowed: reconstructions"):
        figures.draw("pie", None, "mnist")  # type: ignore[arg-type]


def test_reconstructions_show_every_variant_with_its_error(rendered):
    results = read(rendered[0], ROLES)
    found = texts(figures.draw("reconstructions", results, "mnist"))
    for variant in ("original", "mean", "pca", "deep", "deep-rbm"):
        assert variant in found
    assert f"{results.row('mnist', 'pca', 5, 'squared_error')['mean']:.2f}" in found


def test_ink_is_dark_and_a_photograph_is_as_it_is():
    images = np.zeros((2, 4, 4))
    images[:, 1, 1] = 0.75
    for ink, stroke, paper in ((True, 0.25, 1.0), (False, 0.75, 0.0)):
        ax = Figure().subplots()
        strips.strip(ax, images, ink)
        shown = np.asarray(ax.get_images()[0].get_array())
        assert shown[:, [1, 6]].tolist()[1] == [stroke, stroke]
        assert (shown[0, [0, 1, 2, 3, 5]] == paper).all()
        assert (shown[:, 4] == 1).all()  # the gap


def test_every_point_lies_inside_the_axes(rendered):
    """Points are shifted so as not to hide each other, never out of sight."""
    results = read(rendered[0], ROLES)
    results.summary.loc[results.summary["code_size"] == 5, "code_size"] = 300
    figure = figures.draw("code-size", results, "mnist")
    for ax in figure.axes:
        low, high = ax.get_xlim()
        for line in ax.get_lines():
            assert (low < np.asarray(line.get_xdata())).all()
            assert (np.asarray(line.get_xdata()) < high).all()


def test_code_maps_leave_out_constant_codes(rendered):
    found = texts(figures.draw("code-maps", read(rendered[0], ROLES), "mnist"))
    assert "deep-rbm" in found
    assert "kNN accuracy 0." in found
    assert "mean" not in found
    assert "zero" in found


def test_many_classes_are_put_together_by_the_first_part_of_their_name(rendered):
    results = read(rendered[0], ROLES)
    results.facts["mnist"]["classes"] = [f"{'ab'[i % 2]}.{i}" for i in range(12)]
    _, legend = code_maps.class_colours(results, "mnist")
    assert list(legend) == ["a", "b"]


def test_many_unrelated_classes_keep_the_most_frequent(rendered):
    results = read(rendered[0], ROLES)
    results.facts["mnist"]["classes"] = [f"class {i}" for i in range(12)]
    colours, legend = code_maps.class_colours(results, "mnist")
    assert len(legend) == 10
    assert list(legend)[-1] == "other classes"
    assert legend["class 0"] == colours[0]


def test_several_topics_an_item_go_by_the_rarest():
    labels = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1], [1, 1, 0]], dtype=np.uint8)
    assert list(code_maps._rarest_label(labels)) == [1, 0, 2, 1]
    alike = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]], dtype=np.uint8)
    assert list(code_maps._rarest_label(alike)) == [0, 0, 0]  # the first of equally rare ones


def test_pretraining_is_apart_from_fine_tuning(rendered):
    results = read(rendered[0], ROLES)
    figure = figures.draw("training", results, "mnist")
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == [
        "pretraining\nsquared error of a layer",
        "fine-tuning\ncross entropy loss, train",
    ]
    layers = figure.axes[0].get_lines()
    assert [list(line.get_xdata()) for line in layers] == [[1, 2], [3, 4]]


def built_in_variants():
    files = sorted((ROOT / "workflow" / "variants").glob("*.smk"))
    return [file.stem for file in files]


def test_built_in_variants_differ():
    """The reason for palette's salts. A variant file that comes to clash may need a new one."""
    first = [
        "mean",
        "random-projection",
        "pca",
        "lsa-tfidf",
        "lsa-log",
        "deep",
        "deep-rbm",
        "hinton-2006",
        "hinton-2006-no-pretraining",
    ]
    assert len({palette.colour(name) for name in first}) == len(first)
    families = {"deep": palette.WARM, "hinton": palette.WARM, "lsa": palette.COOL}
    for name in first:
        colours = families.get(name.split("-")[0])
        assert colours is None or palette.colour(name) in colours
    looks = {(palette.colour(name), palette.marker(name)) for name in built_in_variants()}
    assert len(looks) == len(built_in_variants())


def test_a_new_variant_has_a_look_that_stays():
    assert palette.colour("my-method") == palette.colour("my-method")
    assert palette.colour("my-method") in palette.COLOURS
    assert palette.marker("my-method") in palette.MARKERS


@pytest.fixture
def figure(rendered):
    return figures.draw("code-maps", read(rendered[0], ROLES), "mnist")


def test_every_format_is_that_format_at_the_width_of_the_page(figure, tmp_path):
    figures.save(figure, tmp_path / "map")
    begins = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "webp": b"RIFF"}
    assert list(begins) == list(FORMATS)
    for suffix, begin in begins.items():
        assert (tmp_path / f"map.{suffix}").read_bytes().startswith(begin)
    for suffix in ("png", "webp"):
        with Image.open(tmp_path / f"map.{suffix}") as picture:
            assert picture.width == 1216


def test_a_pdf_embeds_truetype_and_has_no_date(figure, tmp_path):
    figures.save(figure, tmp_path / "map")
    pdf = (tmp_path / "map.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"Date" not in pdf


def test_the_picture_of_the_page_is_exact_where_it_has_few_colours_and_small_anyway(tmp_path):
    rng = np.random.default_rng(0)
    flat = np.full((200, 300, 3), 255, np.uint8)
    flat[50:60] = (213, 94, 0)
    noise = rng.integers(0, 256, (400, 400, 3)).astype(np.uint8)
    for pixels, exact in ((flat, True), (noise, False)):
        Image.fromarray(pixels).save(tmp_path / "x.png")
        webp = files.webp(tmp_path / "x.png")
        with Image.open(io.BytesIO(webp)) as picture:
            assert np.array_equal(picture.convert("RGB"), pixels) == exact
        assert len(webp) < pixels.nbytes / 2


def test_reconstructions_are_of_pca_and_of_the_best(tmp_path, monkeypatch):
    """PCA is the worst of all here; the last network is the best."""
    networks = [f"deep-{number:02}" for number in range(12)]
    for role, kept in (("autoencoder", 8), ("baseline", 5)):
        monkeypatch.setattr(conftest, "ROLES", {"pca": "baseline"} | dict.fromkeys(networks, role))
        folder = tmp_path / role
        conftest.write_results(folder, ("pca", *networks), (), seeds=(0,), sizes=(5,))
        for facts in (folder / "mnist" / "pca").rglob("run.json"):
            facts.write_text(json.dumps(json.loads(facts.read_text()) | {"estimator": "PCA"}))
        found = texts(figures.draw("reconstructions", read(folder, conftest.ROLES), "mnist"))
        assert found.count("deep-") == kept
        assert "deep-11" in found
        assert "pca" in found


def test_each_line_of_critical_differences_has_the_look_of_its_variant():
    variants = ["deep", "denoising-masking", "pca", "nmf", "ica"]
    assert palette.colour("pca") == palette.colour("denoising-masking")  # told by their markers
    means = {name: {v: float(place) for place, v in enumerate(variants)} for name in "xyz"}
    found = statistics.average_ranks(means, dict.fromkeys(means, True))
    ax = Figure().subplots()
    critical_differences._critical_difference(ax, "Compressing", found)
    lines = [line for line in ax.get_lines() if len(line.get_ydata()) == 3]
    looks = {(line.get_ydata()[0], line.get_color(), line.get_marker()) for line in lines}
    labels = {text.get_text(): text.get_position()[1] for text in ax.texts}
    for variant in variants:
        height = next(y for words, y in labels.items() if variant in words)
        assert (height, palette.colour(variant), palette.marker(variant)) in looks
