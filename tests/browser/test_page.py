"""What a reader may do with the page: sort, filter, pick claims, change colours, find the way."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

VALUES = """([table, column]) => [...document.querySelector(table).tBodies].map(body =>
  [...body.rows].filter(row => !row.classList.contains("group")).map(row =>
    row.cells[column].dataset.value === undefined ? null : Number(row.cells[column].dataset.value)))
"""
TABLE = "#data-mnist table[data-sortable]"


@pytest.fixture
def page(report: Path, page_of) -> Page:
    return page_of(report / "index.html")


def values(page: Page, column: int, table: str = TABLE) -> list[list[float | None]]:
    """Numbers of a column, a list for each group of rows."""
    return page.evaluate(VALUES, [table, column])


def head(page: Page, column: int):
    return page.locator(TABLE).first.locator("thead th").nth(column)


def shown(page: Page, table: str = TABLE) -> list[str]:
    """Variants of the rows that can be seen."""
    rows = page.locator(table).first.locator("tbody tr:not(.group):visible th")
    return [text.strip() for text in rows.all_inner_texts()]


# ---------------------------------------------------------------- sorting


def test_a_head_sorts_better_first_then_the_other_way_then_back(page):
    before = values(page, 1)
    assert len(before) == 2
    button = head(page, 1).get_by_role("button")
    expect(button).to_have_text("squared error ↓")
    button.click()
    assert head(page, 1).get_attribute("aria-sort") == "ascending"
    assert values(page, 1) == [sorted(group) for group in before]
    button.click()
    assert head(page, 1).get_attribute("aria-sort") == "descending"
    assert values(page, 1) == [sorted(group, reverse=True) for group in before]
    button.click()
    assert head(page, 1).get_attribute("aria-sort") is None
    assert values(page, 1) == before


def test_where_more_is_better_the_largest_comes_first_and_one_head_is_sorted_at_a_time(page):
    head(page, 1).get_by_role("button").click()
    head(page, 2).get_by_role("button").click()
    assert head(page, 1).get_attribute("aria-sort") is None
    assert head(page, 2).get_attribute("aria-sort") == "descending"
    for group in values(page, 2):
        assert group == sorted(group, reverse=True)


def test_numbers_are_sorted_as_numbers_and_missing_ones_come_last(page):
    page.evaluate(
        """table => {
          const rows = [...document.querySelector(table).tBodies[0].rows].slice(1);
          const cells = rows.map(row => row.cells[1]);
          ["1000", "9", "-20"].forEach((value, i) => { cells[i].dataset.value = value; });
          delete cells[3].dataset.value;
        }""",
        TABLE,
    )
    button = head(page, 1).get_by_role("button")
    button.click()
    assert values(page, 1)[0] == [-20, 9, 1000, None]
    button.click()
    assert values(page, 1)[0] == [1000, 9, -20, None]


def test_words_are_sorted_by_the_alphabet_and_groups_stay_together(page):
    head(page, 0).get_by_role("button").click()
    names = shown(page)
    half = len(names) // 2
    assert names == sorted(names[:half]) + sorted(names[half:])
    headings = page.locator(TABLE).first.locator("tr.group")
    assert headings.all_inner_texts() == ["code size 2", "code size 5"]
    assert page.locator(TABLE).first.locator("tbody tr:first-child.group").count() == 2


# ---------------------------------------------------------------- filtering


def controls(page: Page, part: str = "#data-mnist"):
    return page.locator(f"{part} > .controls").first


def test_variants_are_found_by_parts_of_their_names(page):
    assert set(shown(page)) == {"mean", "pca", "deep", "deep-rbm"}
    controls(page).get_by_role("searchbox").fill("PCA, rbm")
    assert set(shown(page)) == {"pca", "deep-rbm"}
    expect(controls(page).get_by_role("status")).to_have_text("4 of 8 rows")
    controls(page).get_by_role("searchbox").fill("")
    assert len(shown(page)) == 8
    expect(controls(page).get_by_role("status")).to_have_text("")


def test_a_name_that_no_variant_has_leaves_no_heading(page):
    controls(page).get_by_role("searchbox").fill("nothing is called so")
    assert shown(page) == []
    assert page.locator(f"{TABLE} tr.group:visible").count() == 0


def test_roles_and_code_sizes_are_chosen(page):
    controls(page).get_by_label("role").select_option("autoencoder")
    assert set(shown(page)) == {"deep", "deep-rbm"}
    controls(page).get_by_label("code size").select_option("5")
    assert sorted(shown(page)) == ["deep", "deep-rbm"]
    assert page.locator(TABLE).first.locator("tr.group:visible").all_inner_texts() == [
        "code size 5"
    ]


def test_a_filter_is_of_its_part_of_the_page_and_outlasts_sorting(page):
    controls(page).get_by_role("searchbox").fill("rbm")
    head(page, 1).get_by_role("button").click()
    assert shown(page) == ["deep-rbm", "deep-rbm"]
    assert len(shown(page, "#data-20newsgroups table[data-sortable]")) > 2
    costs = controls(page, "#costs")
    costs.get_by_role("searchbox").fill("mean")
    assert set(shown(page, "#costs table[data-sortable]")) == {"mean"}


# ---------------------------------------------------------------- claims


def test_pills_pick_claims_by_status(page):
    rows = page.locator("#claims tbody tr")
    total = rows.count()
    pills = page.locator("#tally button")
    assert pills.count() > 1
    counts = {}
    for pill in pills.all():
        counts[pill.get_attribute("data-status")] = int(pill.inner_text().split()[1])
        assert pill.get_attribute("aria-pressed") == "false"
    assert sum(counts.values()) == total == page.locator("#claims tbody tr:visible").count()
    picked = []
    for pill in pills.all()[:2]:  # a second one adds its claims to those of the first
        pill.click()
        assert pill.get_attribute("aria-pressed") == "true"
        picked.append(pill.get_attribute("data-status"))
        visible = page.locator("#claims tbody tr:visible")
        assert visible.count() == sum(counts[status] for status in picked)
    for pill in pills.all()[:2]:
        pill.click()
    assert page.locator("#claims tbody tr:visible").count() == total


# ---------------------------------------------------------------- colours, ways, paper


def paper(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("system", ["light", "dark"])
def test_colours_go_round(report, page_of, system):
    page = page_of(report / "index.html", theme=system)
    button = page.locator("[data-theme-button]")
    looks = {}
    for theme in ("auto", "light", "dark", "auto"):
        expect(button).to_contain_text(theme)
        assert page.evaluate("document.documentElement.dataset.theme || 'auto'") == theme
        looks.setdefault(theme, paper(page))
        button.click()
    assert looks["light"] != looks["dark"]
    assert looks["auto"] == looks[system]


def test_without_storage_colours_change_all_the_same(report, page_of):
    page = page_of(report / "index.html")
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw Error('denied') }})"
    )
    page.reload()
    page.locator("[data-theme-button]").click()
    page.locator("[data-theme-button]").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_every_link_of_the_contents_leads_somewhere_and_is_marked_there(report, page_of):
    page = page_of(report / "index.html", reduced_motion="reduce")
    links = page.locator(".bar nav a[href^='#']")
    assert links.count() >= 7
    for link in links.all():
        link.click()
        expect(link).to_have_attribute("aria-current", "true")
        top = page.locator(link.get_attribute("href")).bounding_box()["y"]
        bar = page.locator(".bar").bounding_box()
        assert bar["y"] == 0
        assert top >= bar["height"] - 1 or page.evaluate(
            "scrollY + innerHeight >= document.documentElement.scrollHeight - 2"
        )


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_can_be_used_by_keyboard_alone(report, page_of, width):
    page = page_of(report / "index.html", width)
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    head(page, 1).get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head(page, 1).get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"


def test_what_is_folded_opens_for_printing(page):
    settings = page.locator("#provenance details")
    assert not settings.evaluate("each => each.open")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert settings.evaluate("each => each.open")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not settings.evaluate("each => each.open")


def test_paper_has_no_controls_and_whole_tables(page):
    page.emulate_media(media="print")
    for gone in (".bar", ".controls", ".skip"):
        assert page.locator(f"{gone}:visible").count() == 0
    assert page.locator(".scroll").evaluate_all(
        "each => each.every(e => getComputedStyle(e).maxHeight === 'none')"
    )


def test_nothing_may_be_loaded(report, browser):
    """By the page's own policy: what others might write into it cannot call home."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto((report / "index.html").as_uri())
    refused = """ask => new Promise(done => {
      addEventListener("securitypolicyviolation", event => done(event.effectiveDirective));
      eval(ask);
    })"""
    image = "new Image().src = 'https://example.org/a.png'"
    assert page.evaluate(refused, "fetch('https://example.org/').catch(() => 0)") == "connect-src"
    assert page.evaluate(refused, image) == "img-src"
    context.close()


def test_without_scripts_the_page_reads_the_same(report, page_of):
    page = page_of(report / "index.html", java_script_enabled=False)
    expect(page.locator("h1")).to_be_visible()
    assert page.locator(":is(thead button, .controls, #tally button):visible").count() == 0
    assert page.locator("[data-theme-button]:visible").count() == 0
    assert page.locator(f"{TABLE} tbody tr:visible").count() > 8


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_the_first_screen_answers(report, page_of, width, height):
    page = page_of(report / "index.html", width, height)
    for part in (".budget", "h1", ".answer >> nth=2", ".lead table"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] + box["height"] <= height, part
