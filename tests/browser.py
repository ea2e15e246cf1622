"""Built pages, opened in headless Chromium: what a reader's browser would complain of.

A test takes the fixture ``browser`` (tests/conftest.py) and asserts ``browser.faults(path) == []``; to look
for more than that, ``with browser.open(path) as page`` gives Playwright's page. Nothing leaves the machine:
what a page asks of a network is refused, and is a fault. Without Chromium such tests are skipped; on CI,
which installs it (.ci/run), they fail.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
#: What is asked of a network, in Playwright's words.
NETWORK = re.compile(r"^(?!file:|data:|blob:|about:)")

#: What only the page itself knows, once every picture has had its chance.
LOOK = """async () => {
    const pictures = [...document.images];
    for (const picture of pictures) picture.loading = "eager";
    await Promise.allSettled(pictures.map(picture => picture.decode()));
    const page = document.documentElement;
    return {
        pictures: pictures.filter(p => !p.naturalWidth).map(p => p.getAttribute("src")),
        links: [...document.querySelectorAll("a[href]")].map(a => [a.getAttribute("href"), a.href]),
        anchors: [...document.querySelectorAll("[id]")].map(e => e.id),
        wide: page.scrollWidth - page.clientWidth,
        empty: !document.body.innerText.trim(),
    };
}"""


def executable(playwright: Playwright) -> str | None:
    """The system's Chromium, or the one that Playwright has installed."""
    own = playwright.chromium.executable_path
    return next(filter(None, map(shutil.which, NAMES)), own if Path(own).is_file() else None)


@cache
def anchors(path: Path) -> set[str]:
    """The anchors of a file to which other pages may lead; not those that a script would add."""
    return {unescape(name) for name in re.findall(r'\bid="([^"]+)"', path.read_text(encoding="utf-8"))}


class Browser:
    """Headless Chromium without a network, and one page in it, for one page's files after another's."""

    def __init__(self, playwright: Playwright, chromium: str):
        self._chromium = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        self._page = page = self._chromium.new_page()
        self._faults: list[str] = []
        page.route(NETWORK, lambda route: route.abort())
        page.on("console", lambda said: said.type == "error" and self._found(f"console: {said.text}"))
        page.on("pageerror", lambda error: self._found(f"script: {error}"))
        page.on("requestfailed", lambda request: self._found(f"not loaded: {request.url}"))

    def _found(self, fault: str) -> None:
        if fault not in self._faults:
            self._faults.append(fault)

    @contextmanager
    def open(self, path: Path, width: int = 1280, faults: list[str] | None = None) -> Iterator[Page]:
        """A page on the disk, loaded, in a window so many pixels wide; its faults are added to ``faults``."""
        self._faults = [] if faults is None else faults
        self._page.set_viewport_size({"width": width, "height": 900})
        self._page.goto(path.resolve().as_uri())
        yield self._page
        self._page.goto("about:blank")  # the next page's faults are its own

    def faults(self, path: Path, width: int = 1280) -> list[str]:
        """All that is wrong with a page, a sentence each: scripts, requests, pictures, links, width."""
        found: list[str] = []
        with self.open(path, width, found) as page:
            seen = page.evaluate(LOOK)
        found += [f"no picture: {source}" for source in seen["pictures"]]
        found += [f"leads nowhere: {said}" for said, link in seen["links"] if not leads(path, link, seen)]
        found += ["nothing to read"] if seen["empty"] else []
        return found + ([f"{seen['wide']} pixels wider than its window"] if seen["wide"] > 0 else [])

    def close(self) -> None:
        """End Chromium."""
        self._chromium.close()


def leads(path: Path, link: str, seen: dict) -> bool:
    """Whether a link's file is there, and the anchor in it; other people's pages are taken as they are."""
    url = urlsplit(link)
    if url.scheme != "file":
        return url.scheme in ("http", "https", "mailto", "data", "blob")
    target, anchor = Path(url2pathname(url.path)), unquote(url.fragment)
    if not target.is_file():
        return False
    return not anchor or anchor in (seen["anchors"] if target == path.resolve() else anchors(target))


def absent(reason: str) -> NoReturn:
    """The end of a test that has no browser."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium while it lasts; where there is none, see ``absent``."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("Playwright is not installed: pip install -e '.[dev]'")
    with sync_playwright() as playwright:
        chromium = executable(playwright)
        if chromium is None:
            absent(f"no Chromium on this machine: {', '.join(NAMES)}")
        found = Browser(playwright, chromium)
        try:
            yield found
        finally:
            found.close()
