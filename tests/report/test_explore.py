"""What the interactive parts are told: few items, exact neighbours, text that stays text."""

import base64
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from aebench import datasets
from aebench.errors import AebenchError
from aebench.report import explore, palette
from aebench.report.figures import code_maps
from aebench.report.figures.strips import is_ink

from .conftest import ROLES
from .exploration import HOSTILE, payloads, results_of, results_to_explore, write_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return results_to_explore(tmp_path_factory.mktemp("explore") / "results")


@pytest.fixture(scope="module")
def images(folder):
    return explore.payload(results_of(folder), "mnist")


@pytest.fixture(scope="module")
def documents(folder):
    return explore.payload(results_of(folder), "20newsgroups")


def unpacked(text):
    return np.frombuffer(base64.b64decode(text), "<u2")


def picture(sprite):
    kind, _, data = sprite["url"].partition(",")
    assert kind in ("data:image/webp;base64", "data:image/png;base64")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    return np.asarray(image.convert("L"))


def tile(sprite, n):
    row, column = divmod(n, sprite["columns"])
    height, width = sprite["height"], sprite["width"]
    return picture(sprite)[row * height :][:height, column * width :][:, :width]


def as_shown(pixels):
    """Grey values of a made-up image, which is ink on paper."""
    return 255 - np.rint(pixels.clip(0, 1) * 255).reshape(8, 8)


# ---------------------------------------------------------------- nearest items


def by_brute_force(codes, item, most):
    """One query, one item at a time; ties in the order given."""
    if codes.dtype == np.uint8:
        distances = [int((codes[item] != other).sum()) for other in codes]
    else:
        units = [code / (np.linalg.norm(code) or 1) for code in codes.astype(np.float64)]
        distances = [-round(float(units[item] @ other), 9) for other in units]
    others = [other for other in range(len(codes)) if other != item]
    return sorted(others, key=lambda other: (distances[other], other))[:most]


@pytest.mark.parametrize("n", [2, 3, 11, 12, 200])
@pytest.mark.parametrize("size", [1, 2, 30])
def test_neighbours_are_those_of_brute_force(n, size):
    codes = np.random.default_rng([n, size]).normal(size=(n, size)).astype(np.float32)
    found = explore.nearest(codes, 10)
    assert found.tolist() == [by_brute_force(codes, item, 10) for item in range(n)]


shapes = st.tuples(st.integers(2, 20), st.integers(1, 4))
binary_codes = arrays(np.uint8, shapes, elements=st.integers(0, 1))


@settings(deadline=None)
@given(binary_codes)
def test_ties_of_binary_codes_stand_in_the_order_of_the_items(codes):
    found = explore.nearest(codes, 10)
    assert found.tolist() == [by_brute_force(codes, item, 10) for item in range(len(codes))]


def test_equal_and_empty_codes_tie():
    codes = np.zeros((5, 3), np.float32)
    assert explore.nearest(codes, 3)[4].tolist() == [0, 1, 2]
    codes[:] = [0.1, 0.7, 0.3]
    codes *= np.arange(1, 6, dtype=np.float32)[:, None]  # one direction
    assert explore.nearest(codes, 4)[2].tolist() == [0, 1, 3, 4]


def test_the_payload_has_the_neighbours_of_the_codes_on_disk(folder, images):
    run = folder / "mnist" / "pca" / "d5" / "seed-0"
    codes = np.load(run / "codes.npz")["test"][images["positions"]]
    (pca,) = (one for one in images["methods"] if one["variant"] == "pca")
    found = unpacked(pca["nearest"]).reshape(30, 10)
    assert found.tolist() == [by_brute_force(codes, item, 10) for item in range(30)]
    assert (pca["code_size"], pca["binary"], pca["role"]) == (5, False, "baseline")
    score = results_of(folder).row("mnist", "pca", 5, "mean_average_precision")["mean"]
    assert pca["score"] == f"{score:.3f}"


def test_methods_are_the_best_of_each_role_and_of_the_main_code_size_first(tmp_path, monkeypatch):
    def told(most, others):
        monkeypatch.setattr(explore, "MOST_OF_A_ROLE", most)
        monkeypatch.setattr(explore, "MOST_OF_OTHER_SIZES", others)
        methods = explore.payload(results_of(folder), "mnist")["methods"]
        return [(one["variant"], one["code_size"]) for one in methods]

    folder = results_to_explore(tmp_path / "results", documents=())
    every = [("deep-rbm", 5), ("deep", 5), ("pca", 5), ("mean", 5)]
    assert told(5, 2) == every
    assert told(1, 2) == [every[0], *every[2:]]
    # Without the main code size a variant comes after all that have it, however good it is.
    rows = (folder / "metrics.csv").read_text().splitlines()
    kept = [row for row in rows if not row.startswith("mnist,deep-rbm,5,")]
    assert len(kept) < len(rows)
    (folder / "metrics.csv").write_text("\n".join(kept))
    assert told(5, 2) == [("deep", 5), ("deep-rbm", 2), ("pca", 5), ("mean", 5)]
    assert told(5, 0) == [("deep", 5), ("pca", 5), ("mean", 5)]


# ---------------------------------------------------------------- items


def test_items_are_few_and_a_fixed_choice():
    many = explore._shown(10_000, {}, 600)
    assert len(many) == len(set(many.tolist())) == 600
    assert many.tolist() == explore._shown(10_000, {}, 600).tolist()
    assert (np.diff(many) < 0).any()  # in random order: ties must not follow the classes
    assert sorted(explore._shown(30, {}, 600).tolist()) == list(range(30))
    kept = dict.fromkeys(range(0, 4000, 4), "words")
    chosen = explore._shown(4000, kept, 500)
    assert len(chosen) == 500
    assert set(chosen.tolist()) <= set(kept)


def test_the_page_says_how_many_of_how_many(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(explore, "IMAGES", 12)
    html = write_page(folder, "mnist", path=tmp_path / "page.html").read_text()
    assert "Shown are 12 of the 30 test items" in html
    (payload,) = payloads(html)
    assert payload["shown"] == len(payload["positions"]) == 12
    assert len(unpacked(payload["methods"][0]["nearest"])) == 12 * 10
    assert len(unpacked(payload["maps"][0]["codes"])) == 12 * 2
    assert max(unpacked(payload["methods"][0]["nearest"])) < 12


def test_thumbnails_are_the_items(folder, images):
    test = datasets.read(folder / "mnist" / "data.npz").test
    for item, position in enumerate(images["positions"]):
        assert (tile(images["sprite"], item) == as_shown(test[position])).all()


def test_ink_is_shown_dark_on_white():
    ink = np.zeros((2, 4, 4), np.float32)
    ink[1, 1, 2] = 1
    assert is_ink(ink)
    sprite = explore._sprite(ink, 3, ink=True)
    assert (tile(sprite, 0) == 255).all()
    assert tile(sprite, 1)[1, 2] == 0
    assert (tile(sprite, 2) == 255).all()  # the empty place of the last row


def test_pictures_beyond_what_webp_can_hold_are_shown_too():
    pixels = np.random.default_rng(0).random((3, 2, 4)).astype(np.float32)
    tall = explore._sprite(np.tile(pixels, (2731, 1, 1)), 1, ink=False)
    assert tall["url"].startswith("data:image/png")
    assert (tile(tall, 8192) == np.rint(pixels[2] * 255)).all()
    few = explore._sprite(np.tile(pixels, (2730, 1, 1)), 1, ink=False)
    assert few["url"].startswith("data:image/webp")


def test_classes_and_colours_are_those_of_the_figure(folder, images):
    labels = datasets.read(folder / "mnist" / "data.npz").test_labels
    colours, legend = code_maps.class_colours(results_of(folder), "mnist")
    classes = images["classes"]
    assert {one["name"]: one["colour"] for one in classes["groups"]} == legend
    for item, position in enumerate(images["positions"]):
        assert classes["of_items"][item] == [labels[position]]
        group = classes["groups"][classes["group_of_items"][item]]
        assert group["colour"] == colours[position]


def test_items_of_several_classes(folder):
    results = results_of(folder)
    items = results.items("20newsgroups")
    items.test_labels = np.eye(3, dtype=np.uint8)[items.test_labels] | [1, 0, 0]
    items.test_labels[0] = 0
    payload = explore.payload(results, "20newsgroups")
    place = payload["positions"].index
    assert payload["classes"]["of_items"][place(0)] == []
    assert payload["classes"]["of_items"][place(5)] == [0, 2]


def test_one_class_is_no_class(folder):
    results = results_of(folder)
    results.items("mnist").test_labels[:] = 1
    assert explore.payload(results, "mnist")["classes"] is None


# ---------------------------------------------------------------- maps and reconstructions


def test_maps_are_the_codes_in_a_frame(folder, images):
    accuracies = results_of(folder).means("mnist", "knn_accuracy", 2)
    shown = [(one["variant"], one["role"], one["accuracy"]) for one in images["maps"]]
    assert shown == [  # no mean: it has one code for everything
        (variant, ROLES[variant], f"{accuracies[variant]:.3f}")
        for variant in ("deep-rbm", "deep", "pca")
    ]
    codes = np.load(folder / "mnist" / "deep" / "d2" / "seed-0" / "codes.npz")["test"]
    places = unpacked(images["maps"][1]["codes"]).reshape(-1, 2) / 65535
    low, high = np.quantile(codes, [0.005, 0.995], axis=0)
    expected = ((codes - low) / (high - low)).clip(0, 1)[images["positions"]]
    np.testing.assert_allclose(places, expected, atol=1e-5)


def test_reconstructions_and_their_errors(folder, images):
    found = images["reconstructions"]
    test = datasets.read(folder / "mnist" / "data.npz").test
    assert found["positions"] == [0, 1, 2]
    assert found["classes"] == ["zero", "one", "two"]
    for n, position in enumerate(found["positions"]):
        assert (tile(found["sprite"], n) == as_shown(test[position])).all()
    assert {one["variant"] for one in found["variants"]} == {"mean", "pca", "deep", "deep-rbm"}
    for row, one in enumerate(found["variants"], start=1):
        run = folder / "mnist" / one["variant"] / "d5" / "seed-0"
        made = np.load(run / "samples.npz")["reconstructions"]
        errors = ((made.astype(np.float64) - test[:3]) ** 2).sum(axis=1)
        np.testing.assert_allclose(one["errors"], errors, atol=6e-4)
        assert one["colour"] == palette.colour(one["variant"])
        assert (tile(found["sprite"], 3 * row + 2) == as_shown(made[2])).all()


def test_many_variants_show_fewer_images(folder, monkeypatch):
    monkeypatch.setattr(explore, "MOST_TILES", 11)  # of four variants and the original
    found = explore.payload(results_of(folder), "mnist")["reconstructions"]
    assert found["positions"] == [0, 1]
    assert picture(found["sprite"]).shape == (5 * 8, 2 * 8)
    assert all(len(one["errors"]) == 2 for one in found["variants"])


# ---------------------------------------------------------------- size


class Noise:
    """Data sets of images that nothing can compress, reconstructed by many variants."""

    kind = staticmethod(lambda dataset: "images")
    main_code_size = staticmethod(lambda dataset: 30)

    def __init__(self, count, variants=45):
        self.datasets = [f"noise-{n}" for n in range(count)]
        self.facts = {name: {"image_shape": [28, 28]} for name in self.datasets}
        self.roles = {f"deep-{n}": "autoencoder" for n in range(variants)}
        self.made = np.random.default_rng(0).random((1000, 784)).astype(np.float32)

    def items(self, dataset):
        return SimpleNamespace(test=self.made, test_labels=np.zeros(1000, int))

    def variants(self, dataset):
        return list(self.roles)

    def runs(self, dataset, variant):
        samples = (np.arange(40), self.made[:40])
        run = SimpleNamespace(variant=variant, code_size=30, seed=0, samples=lambda: samples)
        return [run]

    def pictures(self, dataset):
        """Return bytes of the pictures in a data set's payload, and how many images each has."""
        shown = explore._shown(1000, {}, explore._share(self, explore.IMAGES))
        made = explore._reconstructions(self, dataset)
        urls = (explore._thumbnails(self, dataset, shown)["url"], made["sprite"]["url"])
        return sum(map(len, urls)), len(shown), len(made["positions"])


@pytest.mark.parametrize(("count", "shown", "browsed"), [(1, 600, 26), (2, 600, 26), (4, 300, 13)])
def test_pictures_of_all_data_sets_together_stay_small(count, shown, browsed):
    noise = Noise(count)
    size, *counts = noise.pictures("noise-0")
    assert counts == [shown, browsed]
    assert count * size < 4e6  # of the 15 MB of a page; of real images it is about a third


def test_data_sets_of_images_share_the_items_shown(folder, monkeypatch):
    monkeypatch.setattr(explore, "IMAGES", 12)
    monkeypatch.setattr(explore, "DOCUMENTS", 12)
    results = results_of(folder)
    results.facts |= {f"other-{n}": results.facts["mnist"] for n in range(3)}
    assert explore.payload(results, "mnist")["shown"] == 6
    assert explore.payload(results, "20newsgroups")["shown"] == 12


# ---------------------------------------------------------------- what is missing


def test_parts_without_data_are_empty(tmp_path):
    folder = results_to_explore(tmp_path / "results", documents=(), images=("pca",), sizes=(5,))
    payload = explore.payload(results_of(folder), "mnist")
    assert payload["maps"] == []
    assert [one["variant"] for one in payload["methods"]] == ["pca"]
    for file in folder.glob("mnist/pca/d5/seed-*/*.npz"):
        file.unlink()
    payload = explore.payload(results_of(folder), "mnist")
    assert (payload["methods"], payload["reconstructions"]) == ([], None)
    assert payload["sprite"] is not None


def test_documents_have_no_pictures(documents):
    assert documents["sprite"] is None
    assert documents["reconstructions"] is None


def test_older_results_have_no_first_words(tmp_path):
    folder = results_to_explore(tmp_path / "results", images=())
    (folder / "20newsgroups" / "excerpts.json").unlink()
    html = write_page(folder, "20newsgroups", path=tmp_path / "page.html").read_text()
    assert "made without the first words" in html
    assert payloads(html)[0]["texts"] is None
    assert payloads(html)[0]["shown"] == 30


@pytest.mark.parametrize("content", ['{"30": "beyond the end"}', '{"x": "no position"}', "[]"])
def test_first_words_of_other_data_are_refused(tmp_path, content):
    folder = results_to_explore(tmp_path / "results", images=())
    (folder / "20newsgroups" / "excerpts.json").write_text(content)
    with pytest.raises(AebenchError, match=r"excerpts\.json"):
        explore.payload(results_of(folder), "20newsgroups")


# ---------------------------------------------------------------- the page


def test_hostile_text_ends_no_element(folder, documents, tmp_path):
    html = write_page(folder, "20newsgroups", path=tmp_path / "page.html").read_text()
    assert HOSTILE not in html
    assert "<script>alert" not in html
    assert payloads(html) == [documents]
    assert documents["texts"][0] == f"{HOSTILE} {documents['positions'][0]}"


def test_equal_results_give_equal_payloads(folder, images):
    again = explore.payload(results_of(folder), "mnist")
    assert json.dumps(again) == json.dumps(images)


def test_the_library_is_bokehs_and_cannot_end_its_element():
    text = explore.library().lower()
    assert "bokeh" in text
    assert "</script" not in text
    assert "<!--" not in text


def test_a_library_that_is_not_there_is_one_message(monkeypatch, tmp_path):
    monkeypatch.setattr(explore, "SCRIPTS", ("missing.js",))
    with pytest.raises(AebenchError, match="cannot read Bokeh's browser part"):
        explore.library.__wrapped__()
    monkeypatch.setattr(explore.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AebenchError, match="pip install bokeh"):
        explore.library.__wrapped__()
