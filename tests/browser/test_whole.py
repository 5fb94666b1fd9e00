"""Whole pages: they open, fit and are accessible, on phones and projectors, day and night."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from .conftest import pages

WIDTHS = (360, 1920)
PAGES = ("index.html", "lecture.html")
SHARE = 0.35  # of a line's height: what closely set lines may reach into each other

AXE = {"resultTypes": ["violations"]}

# Boxes of visible lines of text, controls and pictures, as far as scrolling parts show them; then
# the pairs of which neither is inside the other and which lie on each other.
OVERLAPS = """(share) => {
  const pictures = "button, input, select, canvas, img, svg, video, [role=slider]";
  const clips = element => getComputedStyle(element).overflow !== "visible";
  const shown = (rect, element, inside = element.parentElement) => {
    let [left, top, right, bottom] = [rect.left, rect.top, rect.right, rect.bottom];
    for (let e = inside; e; e = e.parentElement) {
      if (!clips(e) || e === document.body || e === document.documentElement) continue;
      const r = e.getBoundingClientRect();
      [left, top] = [Math.max(left, r.left), Math.max(top, r.top)];
      [right, bottom] = [Math.min(right, r.right), Math.min(bottom, r.bottom)];
    }
    return {left, top, right, bottom, element};
  };
  const seen = element => element.checkVisibility({opacityProperty: true, visibilityProperty: true,
    contentVisibilityAuto: false});
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || parent.closest("svg, math, script, style, option")) continue;
    if (!seen(parent)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) boxes.push(shown(rect, parent, parent));
  }
  for (const element of document.querySelectorAll(pictures))
    if (seen(element)) boxes.push(shown(element.getBoundingClientRect(), element));
  const solid = boxes.filter(b => b.right - b.left > 2 && b.bottom - b.top > 2);
  solid.sort((a, b) => a.top - b.top);
  const say = b => `${b.element.tagName.toLowerCase()} “${
    (b.element.textContent || b.element.getAttribute("aria-label") || "").trim().slice(0, 40)}”`;
  const found = [];
  solid.forEach((a, i) => {
    for (const b of solid.slice(i + 1)) {
      if (b.top >= a.bottom) break;
      if (a.element.contains(b.element) || b.element.contains(a.element)) continue;
      const height = Math.min(a.bottom, b.bottom) - b.top;
      const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      if (width > 2 && height > share * Math.min(a.bottom - a.top, b.bottom - b.top))
        found.push(`${say(a)} and ${say(b)}`);
    }
  });
  return found;
}"""


def serious_faults(page):
    """What axe-core calls serious or critical, a line a fault with the first places."""
    return [
        f"{fault['id']}: {fault['help']}: {[node['html'][:160] for node in fault['nodes'][:3]]}"
        for fault in Axe().run(page, options=AXE).response["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


@pytest.fixture(params=PAGES)
def path(request, report: Path) -> Path:
    """A page of the report."""
    return report / request.param


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_opens_and_nothing_overflows_or_overlaps(path, page_of, width, theme):
    """That it opens without an error and without a network is what `page_of` checks."""
    page = page_of(path, width, theme=theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERLAPS, SHARE) == []


def test_overlaps_are_found(page_of, tmp_path):
    path = tmp_path / "bad.html"
    path.write_text(
        "<!doctype html><title>bad</title><p>first</p>"
        "<p style='margin-top:-1.6em'>second, on the first</p><p>third <button>fourth</button></p>"
    )
    assert page_of(path).evaluate(OVERLAPS, SHARE) == ["p “first” and p “second, on the first”"]


def test_pages_that_ask_for_more_are_caught(browser, tmp_path):
    path = tmp_path / "bad.html"
    path.write_text(
        "<!doctype html><title>bad</title><img src='https://example.org/a.png' alt=''>"
        "<script>throw Error('raised')</script>"
    )
    opening = pages(browser)
    next(opening)(path)
    with pytest.raises(AssertionError, match="raised") as caught:
        next(opening)
    assert "example.org" in str(caught.value)


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (360, "light")])
def test_no_serious_accessibility_fault(path, page_of, width, theme):
    serious = serious_faults(page_of(path, width, theme=theme))
    assert not serious, "\n".join(serious)


def test_hostile_words_show_as_text(report, page_of):
    page = page_of(report / "index.html")
    assert "broken" not in page.title()
    scripts = page.locator("script").evaluate_all("all => all.map(each => each.textContent)")
    assert not any(script.lstrip().startswith("document.title='broken'") for script in scripts)
    assert page.locator("b", has_text="bold").count() == 0
