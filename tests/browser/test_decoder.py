"""The live decoder shows what Python decodes, however its sliders came to stand as they do."""

import json

import numpy as np
import pytest
from playwright.sync_api import expect

from aebench import datasets, models
from aebench.metrics.sampling import in_rounds
from aebench.report.decoder import decode_int8, quantise, read
from aebench.report.live_decoder import MOST_IMAGES

INT8 = 0.03  # of a pixel in [0, 1]: how far weights of 8 bits may be from the model itself
ROUNDING = 1.001 / 255  # of a pixel on a canvas
SIZE = 5
STATE = """box => ({
  sliders: [...box.querySelectorAll(".decoder-units input")].map(slider => slider.valueAsNumber),
  pixels: (canvas => [...canvas.getContext("2d")
    .getImageData(0, 0, canvas.width, canvas.height).data].filter((_, i) => i % 4 === 0))(
      box.querySelector(".decoder-decoded")),
  error: Number(box.querySelector(".decoder-error").textContent),
})"""


class Side:
    """A model on the page and the same model in Python."""

    def __init__(self, page, number, report):
        results = report.parent / "results"
        data = datasets.read(results / "mnist" / "data.npz")
        self.box = page.locator(".decoder-model").nth(number)
        self.name = self.box.locator("h4").inner_text()
        folder = results / "mnist" / self.name / f"d{SIZE}" / "seed-0"
        self.model = models.load(folder)
        self.small = quantise(read(folder))
        self.images = data.test[in_rounds(data.test_labels, MOST_IMAGES)]
        self.codes = self.model.transform(self.images)
        self.ink = bool(np.quantile(self.images, 0.25) == 0)

    def sliders(self):
        return np.array(self.box.evaluate(STATE)["sliders"])

    def check(self, code, image):
        """Canvas and error are those of a code against a shown image."""
        code = np.asarray(code, dtype=np.float64)[None]
        state = self.box.evaluate(STATE)
        seen = np.array(state["pixels"]) / 255
        seen = 1 - seen if self.ink else seen
        found, exact = decode_int8(self.small, code)[0], self.model.inverse_transform(code)[0]
        np.testing.assert_allclose(seen, found.clip(0, 1), atol=ROUNDING)
        np.testing.assert_allclose(seen, exact.clip(0, 1), atol=ROUNDING + INT8)
        error = ((found - self.images[image]) ** 2).sum()
        assert state["error"] == pytest.approx(error, abs=0.0051)


@pytest.fixture
def opened(page_of, report):
    """Return a function that opens the report at its decoder, with both sides of it."""

    def open_(**options):
        page = page_of(report / "index.html", **options)
        page.locator(".decoder").scroll_into_view_if_needed()
        page.locator(".decoder[data-ready]").wait_for()
        return page, [Side(page, number, report) for number in (0, 1)]

    return open_


def test_the_first_image_is_decoded_by_both(opened):
    _, sides = opened()
    assert [side.name for side in sides] == ["deep", "pca"]
    for side in sides:
        side.check(side.codes[0], 0)


def test_picked_images_are_decoded(opened):
    page, sides = opened()
    for image in (7, 13):
        button = page.locator(".decoder-images button").nth(image)
        button.focus()
        page.keyboard.press("Enter")
        assert button.get_attribute("aria-pressed") == "true"
        assert page.locator(".decoder-images [aria-pressed=true]").count() == 1
        for side in sides:
            side.check(side.codes[image], image)


def test_sliders_turn_by_keyboard_and_reset_turns_back(opened):
    page, sides = opened()
    code = sides[0].codes[0].astype(np.float64)
    for unit, keys in ((1, ["ArrowRight"] * 9), (3, ["Home"]), (4, ["End", "ArrowLeft"])):
        slider = sides[0].box.locator(".decoder-units input").nth(unit)
        slider.focus()
        before = slider.evaluate("slider => slider.valueAsNumber")
        for key in keys:
            page.keyboard.press(key)
        code[unit] = slider.evaluate("slider => slider.valueAsNumber")
        assert code[unit] != before
        shown = sides[0].box.locator(".decoder-units output").nth(unit).inner_text()
        assert shown == f"{code[unit]:.2f}".replace("-", "\u2212")
        sides[0].check(code, 0)
    sides[1].check(sides[1].codes[0], 0)  # the other model was not touched
    page.get_by_role("button", name="Reset").press("Enter")
    sides[0].check(sides[0].codes[0], 0)


def test_the_way_to_another_image_can_be_gone_by_hand(opened):
    page, sides = opened()
    page.locator(".decoder-target").select_option("6")
    way = page.locator(".decoder-way input")
    way.focus()
    for _ in range(3):
        page.keyboard.press("PageUp")
    share = way.evaluate("way => way.valueAsNumber") / 100
    assert 0 < share < 1
    assert page.locator(".decoder-way output").inner_text() == f"{share:.0%}"
    for side in sides:
        side.check((1 - share) * side.codes[0] + share * side.codes[6], 0)


def test_a_walk_ends_at_the_other_image(opened):
    page, sides = opened()
    page.locator(".decoder-target").select_option("4")
    page.locator(".decoder-walk").press("Enter")
    expect(page.locator(".decoder-way output")).not_to_have_text("0%")
    between = [side.sliders() for side in sides]
    arrived = page.locator(".decoder-images button").nth(4)
    expect(arrived).to_have_attribute("aria-pressed", "true", timeout=10_000)
    for side, passed in zip(sides, between, strict=True):
        side.check(side.codes[4], 4)
        assert np.abs(passed - side.sliders()).max() > 0.01


def test_who_wants_less_motion_arrives_at_once(opened):
    page, sides = opened(reduced_motion="reduce")
    page.locator(".decoder-target").select_option("4")
    page.locator(".decoder-walk").click()
    for side in sides:
        side.check(side.codes[4], 4)


def test_the_error_is_said_aloud_when_the_hand_rests(opened):
    page, sides = opened()
    status = page.locator(".decoder [role=status]")
    page.wait_for_timeout(700)  # longer than a hand has to rest
    assert status.text_content() == ""  # nothing has happened yet
    page.locator(".decoder-images button").nth(2).click()
    errors = [side.box.locator(".decoder-error").inner_text() for side in sides]
    words = f"Squared error against the picked image: deep {errors[0]}, pca {errors[1]}."
    expect(status).to_have_text(words)


def test_every_control_has_a_name(opened):
    page, _ = opened()
    names = page.locator(".decoder :is(button, input, select)").evaluate_all(
        "all => all.map(e => e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent)"
    )
    assert len(names) > 2 * SIZE + 20
    assert all(name and name.strip() for name in names)


def test_weights_are_unpacked_only_when_the_decoder_comes_near(page_of, report):
    page = page_of(report / "index.html", height=300)
    page.wait_for_timeout(100)
    assert page.locator(".decoder[data-ready]").count() == 0
    canvas = page.locator(".decoder-images canvas").first
    assert json.loads(canvas.evaluate("c => JSON.stringify([c.width, c.height])")) != [28, 28]


@pytest.mark.parametrize("width", [360, 1920])
def test_columns_stand_side_by_side_where_there_is_room(opened, width):
    _, sides = opened(width=width)
    first, second = (side.box.bounding_box() for side in sides)
    assert (first["y"] == second["y"]) == (width == 1920)
    assert (first["x"] == second["x"]) == (width == 360)
