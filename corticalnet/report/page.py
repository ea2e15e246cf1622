"""Building blocks of a page, and the page made of them: one HTML file that asks for nothing else.

page(title, sentence, [Section("Curves", [Picture(…), Table(…)])])

Every text is escaped: a block holds words, never HTML. A browser that reads the page is told to fetch nothing
and to run nothing, whatever stands in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Any, ClassVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from corticalnet import about
from corticalnet.errors import printable

#: By this a report is known from other files of its name.
GENERATOR = "corticalnet report"


class PagePart:
    """Something on a page; ``macro`` in page.html writes it."""

    macro: ClassVar[str]


@dataclass(frozen=True)
class Words(PagePart):
    """A paragraph of a report's page."""

    text: str
    macro = "words"


@dataclass(frozen=True)
class Callout(PagePart):
    """What a reader must not miss: a ``warning``, or else something to know."""

    text: str
    warning: bool = False
    macro = "callout"


@dataclass(frozen=True)
class Lines(PagePart):
    """Lines as they were printed; ``label`` is read to those who do not see them."""

    text: str
    label: str
    macro = "code"


@dataclass(frozen=True)
class Tiles(PagePart):
    """The few numbers that matter, each below its name."""

    pairs: Sequence[tuple[str, str]]
    macro = "tiles"


@dataclass(frozen=True)
class TableCell:
    """A cell of a table that is more than its text.

    Attributes:
        text: in it.
        shade: how strongly it is coloured, 0 to 1.
        marked: it differs from its neighbours.
        mark: of an audit: "yes", "some", "no" or "none".
        title: said when one points at it.
    """

    text: str
    shade: float | None = None
    marked: bool = False
    mark: str = ""
    title: str = ""


@dataclass(frozen=True)
class Table(PagePart):
    """A table: the first row and the first cell of each row are headings.

    Attributes:
        caption: what it shows.
        header: of the columns.
        rows: of texts, numbers, or :class:`TableCell`.
        footer: rows that sum up the others.
        kind: "plain", "matrix" (square cells) or "settings" (long texts).
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    footer: Sequence[Sequence[Any]] = ()
    kind: str = "plain"
    macro = "table"

    @cached_property
    def numeric(self) -> list[bool]:
        """Return for each column whether it holds numbers, which are then aligned."""
        texts = [[str(getattr(cell, "text", cell)) for cell in row] for row in self.rows]
        return [bool(texts) and all(map(_number, column)) for column in zip(*texts, strict=True)]


@dataclass(frozen=True)
class Picture(PagePart):
    """A figure of a report's page.

    Attributes:
        source: a ``data:`` URI.
        alt: what is to be seen in it, for those who do not.
        caption: below it.
        width: in inches, as it was drawn.
    """

    source: str
    alt: str
    caption: str
    width: float
    macro = "picture"


@dataclass(frozen=True)
class Folded(PagePart):
    """Blocks that are shown on demand, and in print."""

    title: str
    blocks: Sequence[PagePart]
    macro = "folded"


@dataclass(frozen=True)
class Section(PagePart):
    """Blocks under a heading; its level is how deep it lies."""

    title: str
    blocks: Sequence[PagePart]
    macro = "section"


@dataclass(frozen=True)
class Page:
    """A page before it is written.

    Attributes:
        kind: what it is about, in a word or two.
        title: its one heading of the first level.
        sentence: what came out.
        blocks: sections, and what stands before them.
        status: of a run: a word, and whether it is good news.
    """

    kind: str
    title: str
    sentence: str
    blocks: Sequence[PagePart]
    status: tuple[str, str] = ("", "")
    where: str = ""

    def as_section(self) -> Section:
        """Return the page as a section of another."""
        head = [Words(self.sentence), *([Words(self.where)] if self.where else [])]
        return Section(self.title, [*head, *self.blocks])

    def to_html(self) -> str:
        """Render the page as one self-contained HTML document."""
        now = datetime.now()
        made = f"{now.day} {now:%B %Y, %H:%M}"
        html: str = _template().render(page=self, version=about.VERSION, generator=GENERATOR, made=made)
        return html.encode(errors="replace").decode()


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("corticalnet.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _number(text: str) -> bool:
    return text[:1].isdigit() or text[:1] in "-−–∞"


def _shown(value: Any) -> Any:
    """Convert a value to text without control characters; None becomes empty."""
    if isinstance(value, Markup):
        return value
    return "" if value is None else "\n".join(map(printable, str(value).split("\n")))
