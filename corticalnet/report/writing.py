"""Making and writing the page of folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from corticalnet.errors import OutputError
from corticalnet.report.kinds import kinds_of
from corticalnet.report.page import GENERATOR, Page
from corticalnet.report.words import count
from corticalnet.store import make_folder, read_whole, write_whole

#: A report is known by what stands in its first bytes.
_HEAD = 1000


def page_of(folders: Sequence[Path]) -> Page:
    """Make the page of a folder, or of several: compared if they are of one kind, in sequence if not.

    Raises:
        CheckpointError: one of them holds no results.
    """
    found = [(kind, folder) for folder in folders for kind in kinds_of(folder)]
    if len(found) == 1:
        kind, folder = found[0]
        return kind.page(folder)
    compare = {kind.compare for kind, _ in found}
    if len(compare) == 1 and (together := compare.pop()) is not None:
        return together([folder for _, folder in found])
    pages = [kind.page(folder) for kind, folder in found]
    names = ", ".join(dict.fromkeys(kind.name for kind, _ in found))
    title = f"Results in {folders[0]}" if len(folders) == 1 else f"{count(len(folders), 'folder')} of results"
    return Page("Several results", title, f"{names}.", [page.as_section() for page in pages])


def write(folders: Sequence[Path], out: Path | None = None) -> Path:
    """Make and write the page of some folders.

    Args:
        folders: of runs.
        out: the file, or a folder for it; if not given, ``report.html`` in the folder of a single run, and
            ``comparison.html`` in the working directory for several.

    Returns:
        Where it is.

    Raises:
        CheckpointError: a folder holds no results.
        OutputError: the page cannot be written, or another file would be lost.
    """
    name = "report.html" if len(folders) == 1 else "comparison.html"
    path = out or (folders[0] / name if len(folders) == 1 else Path(name))
    path = path / name if path.is_dir() else path
    _check(path)
    html = page_of(folders).to_html()
    make_folder(path.parent)
    write_whole(path, html)
    return path


def _check(path: Path) -> None:
    """Check that nothing at a path would be lost but an earlier report.

    Raises:
        OutputError: something else is.
    """
    if not path.exists():
        return
    try:
        head = read_whole(path)[:_HEAD]
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    if f'content="{GENERATOR}"'.encode() not in head:
        raise OutputError(f"{path} is no report, and would be lost; give another out= (--out)")
