"""A real browser without a network, and a small report that has everything for it to show."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, Page, Route, sync_playwright
from report.conftest import CONFIG, ROLES, add_models, write_results

NAMES = ("chromium", "chromium-browser", "google-chrome")
OF_THE_PAGE = ("file:", "data:", "blob:", "about:")
HOSTILE = """</script><script>document.title='broken'</script>"quoted" 'words' & <b>bold</b>"""


def chromium() -> str:
    """Where the browser lies; without one tests are skipped, but fail where CI is set."""
    for name in (os.environ.get("CHROMIUM"), *NAMES):
        if found := shutil.which(name or ""):
            return found
    message = (
        f"no browser: CHROMIUM does not name one and none of {', '.join(NAMES)} is on PATH; "
        "get one, such as by `apt-get install chromium`."
    )
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    path = chromium()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path)
        yield opened
        opened.close()


@pytest.fixture
def page_of(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a file; see `pages`."""
    yield from pages(browser)


def pages(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Give a function that opens a file from disk with the network off.

    The test fails when a page says an error on its console, raises one or asks for anything that
    is not in its file. Further arguments are playwright's, such as `reduced_motion="reduce"`.
    """
    contexts, faults = [], []

    def check(route: Route) -> None:
        if route.request.url.startswith(OF_THE_PAGE):
            route.continue_()
        else:
            faults.append(f"asks for {route.request.url}")
            route.abort()

    def open_(
        path: Path, width: int = 1280, height: int = 900, theme: str = "light", **options: Any
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, **options
        )
        contexts.append(context)
        context.set_offline(True)
        context.route("**/*", check)
        page = context.new_page()
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(Path(path).resolve().as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not faults, "\n".join(faults)


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a report of images of 28 x 28 in ten classes and of documents that mean ill.

    Its results lie in `results` beside it. It is made once for all processes that run tests.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "browser"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "made").exists():
            _make(folder)
            (folder / "made").touch()
    return folder / "report"


def _make(folder: Path) -> None:
    from aebench.report import render

    classes = ["zero", "one", "two", HOSTILE, "four", "five", "six", "seven", "eight", "nine"]
    results = add_models(write_results(folder / "results", classes=classes, side=28))
    excerpts = {str(place): f"{HOSTILE} of document {place}" for place in range(30)}
    (results / "20newsgroups" / "excerpts.json").write_text(json.dumps(excerpts))
    render(results, folder / "report", "smoke", CONFIG, ROLES, {"variants": list(ROLES)})
