"""Where results go: the folder is tried before the work; what the disk refuses is written elsewhere."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corticalnet.errors import CorticalnetError, OutputError
from corticalnet.store import make_folder, write_json, write_whole

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

#: The words of the command that runs.
words: ContextVar[tuple[str, ...]] = ContextVar("words", default=())
#: The file that says how results were made.
COMMAND = "command.json"
#: Writes one file at the path that it is given.
Writer = Callable[[Path], object]


def try_folder(folder: Path, *names: str) -> None:
    """Check that files can be written to a folder; one that was made for the check is removed again.

    Args:
        folder: where results will go.
        names: of files that will be written there.

    Raises:
        OutputError: it cannot be made or written to, or a folder is where a file will be.
    """
    new = [path for path in (folder, *folder.parents) if not os.path.exists(path)]
    try:
        make_folder(folder)
    finally:
        for path in new:
            with suppress(OSError):
                path.rmdir()
    for name in names:
        if (folder / name).is_dir():
            raise OutputError(f"cannot write {folder / name}: it is a folder")


@contextmanager
def making(path: Path) -> Iterator[None]:
    """Make a folder and a file in it; what was there, and how it was, comes back if no file is made.

    Raises:
        OutputError: the folder cannot be made or written to.
    """
    new = [folder for folder in path.parents if not os.path.exists(folder)]
    make_folder(path.parent)
    old = path.with_name(f".{secrets.token_hex(8)}.part")
    with suppress(FileNotFoundError):
        path.rename(old)
    try:
        yield
    finally:
        if not os.path.lexists(path):
            with suppress(FileNotFoundError):
                old.rename(path)
            for folder in new:
                with suppress(OSError):
                    folder.rmdir()
        old.unlink(missing_ok=True)


@dataclass(frozen=True)
class Written:
    """What became of the results of a command.

    Attributes:
        paths: of what is in its place.
        trouble: what was refused, and where it is instead; empty if all is in its place.
    """

    paths: list[Path]
    trouble: str = ""

    def check(self) -> None:
        """Raise OutputError if something could not be written; the numbers are printed before."""
        if self.trouble:
            raise OutputError(self.trouble)


class _NotDrawnError(OutputError):
    """A figure cannot be drawn, wherever it goes."""


def write(folder: Path, files: Mapping[str, Writer]) -> Written:
    """Write results, and the command that made them; what the folder refuses is written elsewhere.

    Args:
        folder: their place.
        files: what writes each file, by its name.
    """
    with suppress(OutputError):  # each file will say so
        make_folder(folder)
    done, troubles = [], []
    refused: dict[str, Writer] = {}
    for name, writer in files.items():
        try:
            writer(folder / name)
            done.append(folder / name)
        except _NotDrawnError as error:
            troubles.append(str(error))
        except (OSError, CorticalnetError) as error:
            if not refused:
                ours = isinstance(error, CorticalnetError)
                troubles.insert(0, str(error) if ours else f"cannot write {folder / name}: {error}")
            refused[name] = writer
    if not refused:
        try:
            write_json(folder / COMMAND, _command(), indent=1)
        except OutputError as error:
            troubles.append(str(error))
    return Written(done, "; ".join(troubles + _elsewhere(refused)))


def _command() -> dict[str, Any]:
    """Return the command and the versions with which it runs."""
    from corticalnet.training.identity import versions

    return {"command": ["corticalnet", *words.get()], "versions": versions("cpu")}


def _elsewhere(files: dict[str, Writer]) -> list[str]:
    """Write files elsewhere; return sentences about what was saved and what is lost."""
    said = []
    for place in _places():
        if not files:
            break
        try:
            new = Path(tempfile.mkdtemp(prefix="corticalnet-", dir=place))
        except OSError:
            continue
        saved = [name for name, writer in files.items() if _succeeds(writer, new / name)]
        files = {name: writer for name, writer in files.items() if name not in saved}
        if saved:
            said.append(f"in {new} instead: {', '.join(saved)}")
        else:
            shutil.rmtree(new, ignore_errors=True)
    return [*said, *([f"lost: {', '.join(files)}"] if files else [])]


def _succeeds(writer: Writer, path: Path) -> bool:
    try:
        writer(path)
    except (OSError, CorticalnetError):
        return False
    return True


def _places() -> Iterator[Path]:
    """Yield other places where there may be room."""
    for place in (tempfile.gettempdir, os.getcwd, Path.home):
        with suppress(OSError, RuntimeError):
            yield Path(place())


def as_json_file(content: Any) -> Writer:
    """Return a writer of ``content`` as JSON."""
    return lambda path: write_json(path, content, indent=1)


def as_figures(draw: Callable[[], Mapping[str, Figure]]) -> dict[str, Writer]:
    """Return writers of the figures that ``draw`` makes, by the names ``NAME.png``.

    Numbers can be such that no figure is possible; they are results all the same.
    """
    try:
        return {f"{name}.png": partial(_write_figure, figure) for name, figure in draw().items()}
    except Exception as error:
        return {"figures": partial(_say_not_drawn, error)}


def _write_figure(figure: Figure, path: Path) -> None:
    from corticalnet import plotting  # matplotlib is slow to import

    try:
        plotting.save({path.stem: figure}, path.parent)
    except (OSError, CorticalnetError):
        raise
    except Exception as error:
        _say_not_drawn(error, path)


def _say_not_drawn(error: Exception, path: Path) -> None:
    raise _NotDrawnError(f"cannot draw {path.name}: {type(error).__name__}: {error}") from error


def as_netcdf(recording: xr.Dataset) -> Writer:
    """Return a writer of a recording.

    HDF5 ends the process by a signal if the disk is full when it closes a file: it writes to memory.
    """

    def writer(path: Path) -> None:
        image = io.BytesIO()
        recording.to_netcdf(image, engine="h5netcdf")
        with image.getbuffer() as content:  # left to an error's traceback, it ends Python 3.12 by a signal
            write_whole(path, content)

    return writer
