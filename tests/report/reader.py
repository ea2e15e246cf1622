"""Reads a page as a browser's accessibility tree would, and says what is wrong with it."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise

#: Elements that have no end.
VOID = {"meta", "img", "br", "link"}
#: Attributes by which a page may ask for something from elsewhere.
ADDRESSES = {"src", "href", "srcset", "data", "action", "poster", "background"}


class PageReader(HTMLParser):
    """Headings, tables, pictures, texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.pictures: list[dict[str, str | None]] = []
        self.addresses: list[str] = []
        self.names: set[str] = set()
        self.tables: dict[str, list[list[str]]] = {}
        self.scopes: set[str | None] = set()
        self.text = ""
        self._rows: list[list[str]] = []
        self._caption = ""
        self.feed(html)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.names.add(tag)
        self.addresses += [value or "" for key, value in attrs if key in ADDRESSES]
        if tag == "img":
            self.pictures.append(attributes)
        elif tag == "th":
            self.scopes.add(attributes.get("scope"))
        elif tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.headings.append((int(tag[1]), ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another"
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.text += data
        if self.open and self.open[-1] in ("h1", "h2", "h3", "h4", "h5", "h6"):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)
        elif "caption" in self.open:
            self._caption += data
        elif {"td", "th"} & set(self.open):
            self._rows[-1][-1] += data

    def table(self, words: str) -> list[list[str]]:
        """The rows of the table whose caption has these words."""
        return next(rows for caption, rows in self.tables.items() if words in caption)


def sound(html: str) -> PageReader:
    """Read a page and see that everybody can."""
    page = PageReader(html)
    levels = [level for level, _ in page.headings]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    assert all(text.strip() for _, text in page.headings)
    assert all(len(picture["alt"] or "") > 20 for picture in page.pictures)
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert page.scopes <= {"col", "row"}
    assert not page.names & {"script", "iframe", "object", "embed", "form", "link", "base"}
    assert all(len({len(row) for row in rows}) == 1 for rows in page.tables.values())
    assert all(page.tables)
    return page
