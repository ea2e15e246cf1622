"""The documentation is a site that builds without a warning, in which every link holds."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import corticalnet as cn
from simulations.parts.results import published

ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """What a page has (anchors), leads to (links) and loads (pictures, scripts, styles)."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors.add(given.get("id"))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.append(given["href"])
        elif given.get("src"):
            self.loaded.append(given["src"])


def faults(site):
    """Links of a site that lead nowhere, and what its pages would load from elsewhere."""
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    found = []
    for path, page in pages.items():
        for link in page.links + page.loaded:
            url = urlsplit(link)
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if url.scheme or url.netloc:
                wrong = link in page.loaded
            elif url.fragment and target in pages:
                wrong = unquote(url.fragment) not in pages[target].anchors
            else:
                wrong = not target.is_file()
            if wrong:
                found.append(f"{path.relative_to(site.resolve())}: {link}")
    return found


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_every_public_name_and_link_is_there(site):
    assert faults(site) == []

    entries = set().union(*(Page(path).anchors for path in (site / "api").glob("*.html")))
    assert {f"corticalnet.{name}" for name in cn.__all__} <= entries
    rooms = {name for name in dir(cn) if name not in cn.__all__ and not name.startswith("_")}
    assert {f"module-corticalnet.{room}" for room in rooms} <= entries

    shown = Page(site / "index.html").loaded
    assert "_images/plasticity_over_time.png" in shown
    documents = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    assert [path for path in documents if not (site / f"{path}.html").is_file()] == []


@pytest.mark.slow
def test_the_gallery_shows_every_simulation_with_its_source_and_its_figure(site):
    page = Page(site / "gallery.html")
    for one in published():
        assert one.name.replace("_", "-") in page.anchors
        assert f"code/simulations/{one.name}.html" in page.links
        assert one.figure is None or f"_images/{Path(one.figure).name}" in page.loaded


def test_links_that_lead_nowhere_are_found(tmp_path):
    (tmp_path / "there.html").write_text('<p id="a">')
    links = ["there.html", "there.html#a", "there.html#b", "gone.html", "#c", "https://example.org"]
    images = ["gone.png", "https://example.org/a.png"]
    text = "".join(f'<a href="{link}">' for link in links)
    text += "".join(f'<img src="{image}">' for image in images)
    (tmp_path / "page.html").write_text(text)
    wrong = ["there.html#b", "gone.html", "#c", "gone.png", "https://example.org/a.png"]
    assert faults(tmp_path) == [f"page.html: {link}" for link in wrong]
