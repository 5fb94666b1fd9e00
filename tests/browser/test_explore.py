"""The interactive parts do what they say, in a real browser without a network."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page
from report.exploration import HOSTILE, payloads, results_to_explore, write_page

from .test_whole import OVERLAPS, SHARE, serious_faults

IMAGES, DOCUMENTS = "#data-mnist-explore", "#data-20newsgroups-explore"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return results_to_explore(tmp_path_factory.mktemp("explore") / "results")


@pytest.fixture(scope="module")
def path(folder) -> Path:
    return write_page(folder, "mnist", "20newsgroups", path=folder / "page.html")


@pytest.fixture(scope="module")
def data(path) -> dict[str, dict]:
    """Return what the page was told, by the element that shows it."""
    return dict(zip((IMAGES, DOCUMENTS), payloads(path.read_text()), strict=True))


def opened(page: Page, name: str) -> Locator:
    """Scroll to an explorer and wait until it is drawn."""
    section = page.locator(name)
    section.scroll_into_view_if_needed()
    page.wait_for_selector(f"{name}[data-ready]")
    if section.locator(".ex-chart").count():
        page.wait_for_selector(f"{name}[data-maps=drawn]")
        section.locator(".ex-chart").first.scroll_into_view_if_needed()
        page.wait_for_timeout(300)  # Bokeh paints in frames of its own
    return section


@pytest.fixture(params=[IMAGES, DOCUMENTS])
def name(request) -> str:
    return request.param


def state(section: Locator, key: str) -> str | None:
    return section.get_attribute(f"data-{key}")


def becomes(page: Page, name: str, key: str, value: object) -> None:
    words = "([name, key, value]) => document.querySelector(name).dataset[key] === value"
    page.wait_for_function(words, arg=[name, key, str(value)], timeout=5000)


def variants_of(shown: Locator) -> list[str | None]:
    return [one.get_attribute("data-variant") for one in shown.all()]


def place(section: Locator, panel: int, item: int) -> tuple[float, float]:
    found = section.evaluate("(e, [panel, item]) => e.placeOf(panel, item)", [panel, item])
    return found["x"], found["y"]


def alone(section: Locator, items: int = 30, least: float = 22) -> list[int]:
    """Items that no other one covers, in either panel."""
    places = np.array([[place(section, p, item) for item in range(items)] for p in (0, 1)])
    apart = np.linalg.norm(places[:, :, None] - places[:, None], axis=-1)
    apart[:, range(items), range(items)] = np.inf
    return np.flatnonzero(apart.min(axis=(0, 2)) > least).tolist()


def colour(page: Page, x: float, y: float) -> np.ndarray:
    """Return the colour seen at a place of the window."""
    shot = page.screenshot(clip={"x": x - 1, "y": y - 1, "width": 3, "height": 3})
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), dtype=float)[1, 1]


def strength(page: Page, section: Locator, item: int) -> list[float]:
    """How far from white an item is drawn, in either panel."""
    return [float((255 - colour(page, *place(section, p, item))).sum()) for p in (0, 1)]


def group_of(facts: dict, item: int) -> int:
    return facts["classes"]["group_of_items"][item]


def test_nothing_is_built_before_it_is_needed(path, page_of):
    page = page_of(path)
    assert page.locator("[data-ready]").count() == 0
    assert page.evaluate("typeof window.Bokeh") == "undefined"
    opened(page, IMAGES)
    assert page.evaluate("typeof window.Bokeh") == "object"


def test_hovering_shows_the_item(path, page_of, data, name):
    page = page_of(path)
    section, facts = opened(page, name), data[name]
    tips = section.locator(".ex-tip")
    for panel, item in ((0, 3), (1, 8), (0, 21)):
        page.mouse.move(*place(section, panel, item))
        becomes(page, name, "hovered", item)
        assert tips.nth(panel).is_visible()
        assert tips.nth(1 - panel).is_hidden()
        words = tips.nth(panel).inner_text()
        assert facts["classes"]["names"][facts["classes"]["of_items"][item][0]] in words
        assert f"test item {facts['positions'][item]}" in words
        if facts["texts"]:
            assert tips.nth(panel).locator("q").text_content() == facts["texts"][item]
        else:
            assert drawn(tips.nth(panel).locator("canvas")) == thumbnail(facts["sprite"], item)
    page.mouse.move(5, 5)
    becomes(page, name, "hovered", "")
    assert tips.nth(0).is_hidden()


def drawn(canvas: Locator) -> list[int]:
    """Grey values of a canvas."""
    return canvas.evaluate(
        """async e => { await new Promise(r => setTimeout(r, 50));
        const data = e.getContext("2d").getImageData(0, 0, e.width, e.height).data;
        return [...data].filter((_, i) => i % 4 === 0); }"""
    )


def thumbnail(sprite: dict, n: int) -> list[int]:
    whole = Image.open(io.BytesIO(base64.b64decode(sprite["url"].partition(",")[2]))).convert("L")
    row, column = divmod(n, sprite["columns"])
    height, width = sprite["height"], sprite["width"]
    box = (column * width, row * height, (column + 1) * width, (row + 1) * height)
    return np.asarray(whole.crop(box)).ravel().tolist()


def test_picking_a_class_dims_the_rest_in_both_maps(path, page_of, data, name):
    page = page_of(path)
    section, facts = opened(page, name), data[name]
    items = alone(section)
    before = {item: strength(page, section, item) for item in items}
    button = section.get_by_role("button", name="one", exact=True)
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    section.locator(".ex-chart").first.scroll_into_view_if_needed()
    page.wait_for_timeout(200)
    assert button.get_attribute("aria-pressed") == "true"
    chosen = [item for item in range(30) if group_of(facts, item) == 1]
    assert state(section, "selected") == str(len(chosen)) == "10"
    assert "Selected: 10 items (10 of one)." in section.locator("[aria-live]").first.inner_text()
    assert {group_of(facts, item) == 1 for item in items} == {True, False}
    for item in items:
        for old, new in zip(before[item], strength(page, section, item), strict=True):
            if item in chosen:
                assert new == pytest.approx(old, abs=30)
            else:
                assert new < 0.4 * old
    button.click()
    assert state(section, "selected") == "30"
    assert button.get_attribute("aria-pressed") == "false"


def test_items_selected_in_one_map_are_highlighted_in_the_other(path, page_of):
    page = page_of(path)
    section = opened(page, IMAGES)
    items = alone(section)
    before = {item: strength(page, section, item) for item in items}
    box = section.locator(".ex-chart").first.bounding_box()
    middle = box["x"] + box["width"] / 2
    inside = [item for item in range(30) if place(section, 0, item)[0] < middle]
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(middle / 2, box["y"] + 100, steps=4)
    page.mouse.move(middle, box["y"] + box["height"] - 10, steps=4)
    page.mouse.up()
    assert 0 < len(inside) < 30
    becomes(page, IMAGES, "selected", len(inside))
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    for item in items:
        old, new = before[item][1], strength(page, section, item)[1]  # in the OTHER map
        assert new == pytest.approx(old, abs=30) if item in inside else new < 0.4 * old
    section.locator(".ex-chart").first.press("Escape")
    assert state(section, "selected") == "30"


def test_keys_and_buttons_step_through_the_items(path, page_of, data, name):
    page = page_of(path)
    section, facts = opened(page, name), data[name]
    chart = section.get_by_role("application").first
    chart.focus()
    for key, item in (("ArrowRight", 1), ("ArrowDown", 2), ("ArrowLeft", 1), ("ArrowUp", 0)):
        page.keyboard.press(key)
        assert state(section, "picked") == str(item)
        assert state(section, "position") == str(facts["positions"][item])
    page.keyboard.press("ArrowLeft")
    assert state(section, "picked") == "29"
    section.get_by_role("button", name="Next").first.press("Enter")
    assert state(section, "picked") == "0"
    # Within a class, when one is picked.
    section.get_by_role("button", name="two", exact=True).press("Enter")
    for _ in range(3):
        section.get_by_role("button", name="Next").first.click()
        assert group_of(facts, int(state(section, "picked"))) == 2
    picked = int(state(section, "picked"))
    live = section.locator("[aria-live]").first.inner_text()
    assert f"Picked: test item {facts['positions'][picked]}; class two" in live


def test_a_click_picks_an_item_as_the_query(path, page_of, data):
    page = page_of(path)
    section = opened(page, IMAGES)
    item = next(item for item in alone(section) if item)
    page.mouse.click(*place(section, 1, item))
    becomes(page, IMAGES, "picked", item)
    query = section.get_by_role("group", name="Query").inner_text()
    assert f"test item {data[IMAGES]['positions'][item]}" in query


def test_a_map_shows_the_variant_chosen(path, page_of, data):
    page = page_of(path)
    section = opened(page, IMAGES)
    assert (state(section, "left"), state(section, "right")) == ("deep-rbm", "pca")
    before = place(section, 0, 5)
    right = place(section, 1, 5)
    accuracy = data[IMAGES]["maps"][2]["accuracy"]
    section.get_by_label("Left map").select_option(label="pca")
    assert state(section, "left") == "pca"
    corners = [section.locator(".ex-chart").nth(n).bounding_box() for n in (0, 1)]
    now = place(section, 0, 5)
    assert now != before
    assert now[0] - corners[0]["x"] == pytest.approx(right[0] - corners[1]["x"], abs=0.5)
    shown = section.locator(".ex-map").first.locator("output").inner_text()
    assert shown == f"kNN accuracy {accuracy}, all test items, mean over seeds"


def test_the_nearest_items_are_those_of_the_query(path, page_of, data, folder, name):
    page = page_of(path)
    section, facts = opened(page, name), data[name]
    dataset = name[len("#data-") : -len("-explore")]
    labels = [own[0] for own in facts["classes"]["of_items"]]
    for picked in (0, 1, 2):
        assert state(section, "picked") == str(picked)
        shown = section.locator("article").all()
        assert len(shown) == 3  # an autoencoder, a baseline, a control
        for article in shown:
            variant = article.get_attribute("data-variant")
            file = folder / dataset / variant / "d5" / "seed-0" / "codes.npz"
            codes = np.load(file)["test"][facts["positions"]].astype(np.float64)
            codes /= np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-9)
            cosine = np.round(codes @ codes[picked], 9)
            cosine[picked] = -2
            expected = np.argsort(-cosine, kind="stable")[:10]
            found = [int(item) for item in article.get_attribute("data-items").split()]
            assert found == expected.tolist()
            right = [labels[item] == labels[picked] for item in found]
            hits = article.locator("li").all()
            assert [hit.get_attribute("class") for hit in hits] == [
                "ex-right" if one else "ex-wrong" for one in right
            ]
            assert [hit.locator(".ex-sign").inner_text() for hit in hits] == [
                "✓" if one else "✗" for one in right
            ]
            (score,) = (m["score"] for m in facts["methods"] if m["variant"] == variant)
            words = article.locator("p").inner_text()
            assert f"{sum(right)} of 10 right, MAP {score}" in words
        section.get_by_role("button", name="Next").nth(1).click()


def test_methods_are_chosen_by_checkboxes(folder, page_of, tmp_path, monkeypatch):
    from aebench.report import explore

    monkeypatch.setattr(explore, "MOST_METHODS", 3)
    page = page_of(write_page(folder, "mnist", path=tmp_path / "page.html"))
    section = opened(page, IMAGES)
    names = ("deep", "pca")
    boxes = {name: section.get_by_role("checkbox", name=name, exact=True) for name in names}
    assert boxes["deep"].is_disabled()  # three are chosen
    boxes["pca"].uncheck()
    assert variants_of(section.locator("article")) == ["deep-rbm", "mean"]
    boxes["deep"].check()
    assert variants_of(section.locator("article")) == ["deep-rbm", "deep", "mean"]
    assert boxes["pca"].is_disabled()


def test_a_test_image_shows_every_reconstruction_and_error(path, page_of, data):
    page = page_of(path)
    section, facts = opened(page, IMAGES), data[IMAGES]["reconstructions"]
    tiles = section.locator(".ex-tiles li[data-variant]")
    for image in (0, 2, 1):
        section.get_by_role("radio").nth(image).check()
        assert state(section, "image") == str(facts["positions"][image])
        errors = {one["variant"]: one["errors"][image] for one in facts["variants"]}
        assert variants_of(tiles) == sorted(errors, key=errors.get)
        for tile in tiles.all():
            variant = tile.get_attribute("data-variant")
            assert f"{errors[variant]:.2f}" in tile.inner_text()
            row = 1 + [one["variant"] for one in facts["variants"]].index(variant)
            expected = thumbnail(facts["sprite"], row * len(facts["positions"]) + image)
            assert drawn(tile.locator("canvas")) == expected
    section.get_by_label("Sort variants by").select_option("name")
    assert variants_of(tiles) == sorted(variants_of(tiles))


def test_radio_buttons_take_arrow_keys(path, page_of, data):
    page = page_of(path)
    section = opened(page, IMAGES)
    section.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowRight")
    assert state(section, "image") == str(data[IMAGES]["reconstructions"]["positions"][1])


def test_documents_that_mean_ill_show_as_text(path, page_of, data):
    page = page_of(path)
    page.on("dialog", lambda dialog: pytest.fail(f"a document ran: {dialog.message}"))
    section, facts = opened(page, DOCUMENTS), data[DOCUMENTS]
    texts = section.locator(".ex-item q").first
    assert texts.text_content() == facts["texts"][0] == f"{HOSTILE} {facts['positions'][0]}"
    hit = section.locator("article li q").first.text_content()
    assert hit.startswith("<script>alert(1)</script>")
    scripts = page.locator("script").evaluate_all("all => all.map(e => e.textContent)")
    assert not any(text.startswith("alert(1)") for text in scripts)


def test_parts_without_data_say_why(page_of, tmp_path):
    folder = results_to_explore(
        tmp_path / "results", images=("pca",), documents=("pca",), sizes=(5,), seeds=(0,)
    )
    for file in ("codes.npz", "samples.npz"):
        (folder / "mnist" / "pca" / "d5" / "seed-0" / file).unlink()
    page = page_of(write_page(folder, "mnist", "20newsgroups", path=tmp_path / "page.html"))
    section = opened(page, IMAGES)
    assert section.get_by_text("no variant has a continuous 2-D code here").is_visible()
    assert section.get_by_text("retrieval was not measured here").is_visible()
    assert section.get_by_text("Reconstructions").count() == 0
    assert opened(page, DOCUMENTS).locator("article").count() == 1
    assert page.evaluate("typeof window.Bokeh") == "undefined"  # no map, no library


def test_without_scripts_a_sentence_stands_there(path, page_of):
    page = page_of(path, java_script_enabled=False)
    assert page.locator("noscript p").first.is_visible()
    assert "This part needs JavaScript." in page.locator(IMAGES).inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1920])
def test_explorers_fit_and_are_accessible(path, page_of, width, theme):
    page = page_of(path, width, theme=theme)
    for one in (IMAGES, DOCUMENTS):
        section = opened(page, one)
        section.get_by_role("button", name="one", exact=True).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERLAPS, SHARE) == []
    serious = serious_faults(page)
    assert not serious, "\n".join(serious)


def test_every_control_shows_that_it_has_the_focus(path, page_of):
    page = page_of(path)
    section = opened(page, IMAGES)
    section.locator("button:enabled").first.focus()
    seen = set()
    for _ in range(40):
        inside = page.evaluate(
            """() => { const e = document.activeElement;
            if (!e.closest(".ex")) return null;
            const shown = e.type === "radio" ? e.nextElementSibling : e;
            const style = getComputedStyle(shown);
            return [e.className || e.tagName + e.type,
                    style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0]; }"""
        )
        if inside:
            assert inside[1], inside[0]
            seen.add(inside[0])
        page.keyboard.press("Tab")
    assert {"ex-chart", "BUTTONbutton", "SELECTselect-one", "INPUTcheckbox", "INPUTradio"} <= seen


def test_a_finger_picks_an_item_and_still_scrolls(path, page_of):
    page = page_of(path, 360, has_touch=True, is_mobile=True)
    section = opened(page, IMAGES)
    item = next(item for item in alone(section, least=12) if item)
    page.touchscreen.tap(*place(section, 0, item))
    becomes(page, IMAGES, "picked", item)
    assert state(section, "selected") == "30"


def test_the_report_has_an_explorer_for_every_data_set(report, page_of):
    page = page_of(report / "index.html")
    for name in (IMAGES, DOCUMENTS):
        section = opened(page, name)
        assert section.locator("article").count() == 3
        assert section.get_by_role("button", name="zero", exact=True).is_visible()
    assert "alert" not in page.title()
