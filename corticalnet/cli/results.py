"""Where results go: the folder is tried before the work; what the disk refuses is written elsewhere."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corticalnet import plotting
from corticalnet.errors import CorticalnetError, OutputError
from corticalnet.store import make_folder, write_json, write_whole

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

#: Writes one file at the path that it is given.
Writer = Callable[[Path], object]


def try_folder(folder: Path, *names: str) -> None:
    """See that files can be written to a folder; one that was not there is not there afterwards either.

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


@dataclass(frozen=True)
class Written:
    """What became of results.

    Attributes:
        paths: of what is in its place.
        trouble: what the disk refused, and where it is instead; empty if all is in its place.
    """

    paths: list[Path]
    trouble: str = ""

    def check(self) -> None:
        """Raise OutputError if there was trouble; the numbers are printed before."""
        if self.trouble:
            raise OutputError(self.trouble)


def write(folder: Path, files: Mapping[str, Writer]) -> Written:
    """Write results; what cannot be written to their folder goes to a new one elsewhere.

    Args:
        folder: their place.
        files: what writes each file, by its name.
    """
    try:
        make_folder(folder)
    except OutputError as error:
        return _elsewhere(folder, files, error)
    done: list[Path] = []
    refused: dict[str, Writer] = {}
    first: Exception | None = None
    for name, writer in files.items():
        try:
            writer(folder / name)
            done.append(folder / name)
        except (OSError, CorticalnetError) as error:
            refused[name], first = writer, first or error
    return Written(done) if first is None else Written(done, _elsewhere(folder, refused, first).trouble)


def _elsewhere(folder: Path, files: Mapping[str, Writer], error: Exception) -> Written:
    reason = str(error) if isinstance(error, CorticalnetError) else f"cannot write to {folder}: {error}"
    names = ", ".join(files)
    for place in _places():
        try:
            new = Path(tempfile.mkdtemp(prefix="corticalnet-", dir=place))
        except OSError:
            continue
        try:
            for name, writer in files.items():
                writer(new / name)
        except (OSError, CorticalnetError):
            shutil.rmtree(new, ignore_errors=True)
        else:
            return Written([], f"{reason}; in {new} instead: {names}")
    return Written([], f"{reason}; lost: {names}")


def _places() -> Iterator[Path]:
    """Where there may be room."""
    for place in (tempfile.gettempdir, os.getcwd, Path.home):
        with suppress(OSError, RuntimeError):
            yield Path(place())


def as_json_file(content: Any) -> Writer:
    """What writes ``content`` as JSON."""
    return lambda path: write_json(path, content, indent=1)


def as_figures(figures: Mapping[str, Figure]) -> dict[str, Writer]:
    """What writes figures, as ``NAME.png`` each."""
    return {f"{name}.png": partial(_write_figure, figure) for name, figure in figures.items()}


def _write_figure(figure: Figure, path: Path) -> None:
    plotting.save({path.stem: figure}, path.parent)


def as_netcdf(recording: xr.Dataset) -> Writer:
    """What writes a recording.

    HDF5 ends the process by a signal if the disk is full when it closes a file: it writes to memory.
    """

    def writer(path: Path) -> None:
        image = io.BytesIO()
        recording.to_netcdf(image, engine="h5netcdf")
        write_whole(path, image.getbuffer())

    return writer
