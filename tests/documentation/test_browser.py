"""The built site in a browser: pages load, pictures are there, links hold, no script complains."""

import pytest

from tests.browser import absent

#: Folders of which one page is like the other, and long.
ALIKE = ("code", "decisions")
PHONE = 390


def chosen(site):
    """Every page, and of those that are alike two."""
    pages = sorted(path.relative_to(site) for path in site.rglob("*.html"))
    alike = {folder: [path for path in pages if path.parts[0] == folder] for folder in ALIKE}
    assert all(alike.values())
    more = [path for found in alike.values() for path in (found[0], found[-1])]
    return [path for path in pages if path.parts[0] not in ALIKE] + more


@pytest.mark.slow
def test_every_kind_of_page_loads_whole_in_a_browser(site, browser):
    found = {str(path): browser.faults(site / path) for path in chosen(site)}
    assert {path: faults for path, faults in found.items() if faults} == {}


@pytest.mark.slow
def test_the_front_page_fits_a_phone_and_searching_finds_a_public_name(site, browser):
    assert browser.faults(site / "index.html", width=PHONE) == []
    with browser.open(site / "index.html") as page:
        page.fill(".sidebar-search", "simulate")
        page.press(".sidebar-search", "Enter")
        page.wait_for_selector("ul.search li a")
        assert "corticalnet.simulate" in page.inner_text("ul.search")


def test_each_fault_of_a_page_is_found(tmp_path, browser):
    (tmp_path / "there.html").write_text('<p id="a">a')
    good = (
        '<p id="here">words</p><a href="#here">1</a><a href="there.html#a">2</a><a href="https://a.org">3</a>'
    )
    (tmp_path / "page.html").write_text(good)
    assert browser.faults(tmp_path / "page.html") == []

    parts = [
        '<img src="gone.png">',
        '<img src="data:image/png;base64,AAAA">',
        '<a href="gone.html">1</a><a href="#gone">2</a><a href="there.html#gone">3</a>',
        '<link rel="stylesheet" href="https://a.org/style.css">',
        "<script>console.error('said')</script><script>throw new Error('raised')</script>",
        '<style>body { margin: 0 }</style><div style="width: 1500px">wide</div>',
    ]
    (tmp_path / "page.html").write_text("".join(parts))
    found = browser.faults(tmp_path / "page.html")
    assert {fault for fault in found if not fault.startswith("console: Failed to load")} == {
        f"not loaded: {(tmp_path / 'gone.png').as_uri()}",
        "not loaded: https://a.org/style.css",
        "console: said",
        "script: raised",
        "no picture: gone.png",
        "no picture: data:image/png;base64,AAAA",
        "leads nowhere: gone.html",
        "leads nowhere: #gone",
        "leads nowhere: there.html#gone",
        "220 pixels wider than its window",
    }
    (tmp_path / "empty.html").write_text("<p>")
    assert browser.faults(tmp_path / "empty.html") == ["nothing to read"]


@pytest.mark.parametrize(("ci", "verdict"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_without_chromium_a_developer_skips_what_ci_fails(monkeypatch, ci, verdict):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(verdict, match="no Chromium"):
        absent("no Chromium")
