"""Figures as parts of a page: drawn now, as SVG, or taken from the folder of a run, as PNG."""

from __future__ import annotations

import base64
import io
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from corticalnet.report.page import Callout, PagePart, Picture
from corticalnet.store import read_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Bytes of a figure that a page takes in; those that commands draw have less than one million.
MOST_BYTES = 16 * 2**20
#: In which commands save figures.
_DOTS_PER_INCH = 150


def drawn(figure: Figure, alt: str, caption: str) -> Picture:
    """Convert a figure to SVG, with letters as outlines, so that it looks the same everywhere."""
    from matplotlib import rc_context

    image = io.BytesIO()
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": alt}):  # the same figure, the same file
        figure.savefig(image, format="svg", metadata={"Date": None})
    return Picture(_uri("svg+xml", image.getvalue()), alt, caption, float(figure.get_figwidth()))


def saved(path: Path, alt: str, caption: str) -> PagePart:
    """Read a figure that a command has saved; a note instead if it cannot be shown."""
    try:
        content = read_whole(path)
    except OSError as error:
        return Callout(f"{path.name} cannot be shown: {error.strerror or error}.")
    if not content.startswith(_SIGNATURE) or len(content) < 24 or len(content) > MOST_BYTES:
        return Callout(f"{path.name} cannot be shown: it is no PNG file, or too large.")
    (width,) = struct.unpack(">I", content[16:20])
    return Picture(_uri("png", content), alt, caption, width / _DOTS_PER_INCH)


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
