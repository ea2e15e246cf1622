"""Where model files are, and what is said of one that fails; none is run here, and torch not waited for."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from corticalnet import shipped
from corticalnet.errors import ModelError, unknown
from corticalnet.store import expanded

#: What the names of modules made of model files begin with.
MODULES = "corticalnet_model_"


def model_files() -> dict[str, Path]:
    """Return the model files by name: those in ``./models``, then those that come with the package."""
    found: dict[str, Path] = {}
    for folder in (Path("models"), shipped.folder("models")):
        for path in sorted(folder.glob("[!_]*.py")):
            if path.is_file():
                found.setdefault(path.stem, path.resolve())
    return found


def is_path(text: str) -> bool:
    """Return whether a word means a file rather than a name."""
    return text.endswith(".py") or Path(text).name != text


def find_model(name_or_path: str | Path) -> Path:
    """Find the file that a name or a path means.

    Raises:
        ModelError: there is no such file.
    """
    text = str(name_or_path)
    if is_path(text):
        path = expanded(text)
        try:
            if not path.is_file():
                what = "a regular file" if path.exists() else "there"
                raise ModelError(f"there is no model file '{text}': it is not {what}")
            if path.suffix != ".py":
                raise ModelError(f"a model file is a Python file, NAME.py, not '{text}'")
            return path.resolve()
        except OSError as error:
            raise ModelError(f"there is no model file '{text}': {error.strerror or error}") from error
    files = model_files()
    if text not in files:
        raise ModelError(
            f"{unknown('model', text, files)} (of ./models and of the package; or give a .py file's path)"
        )
    return files[text]


def blame_file(error: BaseException) -> str | None:
    """Describe an error that came through a model file's code, as :func:`load_model` would.

    Returns:
        One line: the file, the last line of it that ran, and what went wrong; None if it was in none.
    """
    passed = {frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)}
    for name, module in list(sys.modules.items()):
        if name.startswith(MODULES) and (file := getattr(module, "__file__", None)) in passed:
            return blame(Path(file), error)
    return None


def blame(path: Path, error: BaseException) -> str:
    """Describe in one line the file, the last line of it that ran, and what went wrong there."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    try:
        cause = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    except Exception:  # a __str__ of the user's own
        cause = ""
    return f"{path}{f', line {line}' if line else ''}: {type(error).__name__}: {cause or 'no message'}"
