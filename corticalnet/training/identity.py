"""Which run a checkpoint belongs to, and with what it was made.

A run is its network, its rule and the settings that decide its course. With the same versions, device and
number of threads the same bits come out.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from corticalnet import about, shipped
from corticalnet.errors import CheckpointError
from corticalnet.network import Network
from corticalnet.training.model import Model
from corticalnet.training.schedule import resolved
from corticalnet.training.settings import Settings

Versions = dict[str, str | None]

#: Settings that may differ when a run is resumed: how long it goes on, and where.
FREE = ("epochs", "patience", "min_improvement", "device", "data_folder")


def identity(model: Model, content: dict[str, str]) -> dict[str, Any]:
    """Return, as data for JSON, all that must be equal for a run to be resumed.

    Args:
        model: its network, rule and settings.
        content: what the run is shown, see :attr:`corticalnet.data.Data.content`.
    """
    settings = model.settings.model_dump(mode="json")
    if settings["schedule"] is not None:  # (of which the number of epochs, that is free, may decide a part)
        settings["schedule"] = resolved(settings["schedule"], model.settings.epochs)
    settings["precision"] = settings["precision"] or _format(model.network)
    return {
        "network": str(model.network),
        "weights": {name: list(t.shape) for name, t in model.network.state_dict().items()},
        "rule": describe(model.rule),
        "settings": {key: value for key, value in settings.items() if key not in FREE},
        "content": content,
    }


#: What a rule works out from its parts, or says for people.
_DERIVED = ("equation", "needs_full_precision")


def describe(part: object) -> str:
    """Format a rule's parts and their numbers in one line: ``Sweep()``, ``Reward(exploration=0.02, …)``."""
    words = []
    for key, value in sorted(vars(part).items()):
        if key.startswith("_") or key in _DERIVED or callable(value):
            continue
        if value is None or isinstance(value, bool | int | float | str):
            words.append(f"{key}={value!r}")
        elif type(value).__module__.startswith("corticalnet."):
            words.append(f"{key}={describe(value)}")
    return f"{type(part).__name__}({', '.join(words)})"


def check_identity(path: Path, there: dict[str, Any], here: dict[str, Any]) -> None:
    """Compare the identity in a checkpoint with that of the model at hand.

    Raises:
        CheckpointError: they differ; the message says in what.
    """
    # Settings that are younger than a checkpoint were then as they are unless told otherwise.
    usual = Settings().model_dump(mode="json", exclude=set(FREE))
    there = {**there, "settings": usual | there["settings"]}
    for key, kind in (("settings", "a run with other settings"), ("weights", "another network")):
        for name in sorted(there[key].keys() | here[key].keys()):
            was, now = there[key].get(name), here[key].get(name)
            if was != now:
                way = f"; {_other_course(path)}" if key == "settings" else ""
                raise CheckpointError(f"{path} is of {kind}: {name} is {was} there and {now} here{way}")
    shown = there.get("content", {})
    for name in sorted(shown.keys() | here["content"].keys()):
        was, now = shown.get(name, "unknown"), here["content"].get(name, "none")
        if was != now:
            raise CheckpointError(f"{path} is of a run with other data: {name} is {was} there and {now} here")
    if there["rule"] != here["rule"]:
        raise CheckpointError(
            f"{path} is of another rule: {there['rule']} there, {here['rule']} here; {_other_course(path)}"
        )
    if there["network"] != here["network"]:
        was, now = _first_difference(there["network"], here["network"])
        raise CheckpointError(f"{path} is of another network: '{was}' there, '{now}' here")


def _other_course(path: Path) -> str:
    """Return how to go on with other settings: a run that is resumed keeps its own."""
    return (
        "only how long a run goes on, and where, may change: begin another run with another out= (--out), in "
        f"Python from these weights if you like: cn.training.load_weights(model.network, {str(path)!r})"
    )


def _format(net: Network) -> str:
    """Return the number format of a network's weights."""
    return str(next(net.parameters()).dtype).removeprefix("torch.")


def _first_difference(there: str, here: str) -> tuple[str, str]:
    """Return the first lines that differ, without the padding of tables."""
    was, now = ([" ".join(line.split()) for line in text.splitlines()] for text in (there, here))
    pairs = zip(was, now, strict=False)
    return next(((a, b) for a, b in pairs if a != b), (was[-1], now[-1]))


def versions(device: str) -> Versions:
    """Return the versions of Python and packages, and the source, device and threads in use."""
    cuda = device.startswith("cuda")
    instructions = torch.backends.cpu.get_cpu_capability()
    return {
        "corticalnet": about.VERSION,
        "source": _source(about.FOLDER),
        "commit": _commit(about.FOLDER),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": torch.cuda.get_device_name() if cuda else f"cpu ({platform.machine()}, {instructions})",
        "threads": str(torch.get_num_threads()),
    }


def continued(path: Path, periods: list[dict[str, Any]], now: Versions, epoch: int, allowed: bool) -> list:
    """Return the periods of a run, each with its versions, with a new one if the versions have changed.

    Args:
        path: its checkpoint.
        periods: what the checkpoint says: :func:`versions` and ``from_epoch`` of each.
        now: the present ones.
        epoch: the next.
        allowed: whether they may differ.

    Raises:
        CheckpointError: they differ and may not.
    """
    last = {key: value for key, value in periods[-1].items() if key != "from_epoch"}
    if last == now:
        return periods
    # (a commit is for people; "source" says whether the code is the same)
    other = [
        f"{key} {last.get(key)} there and {now[key]} here"
        for key in now
        if key != "commit" and now[key] != last.get(key)
    ]
    if other and not allowed:
        raise CheckpointError(
            f"{path} was made with {', '.join(other)}, so it would not go on bit for bit; "
            "go on with the same, or all the same with other_versions=True (--other-versions)"
        )
    return [*periods, {"from_epoch": epoch, **now}]


@cache
def _source(folder: Path) -> str:
    """Hash the code of this package."""
    code = hashlib.sha256()
    others = {shipped.folder("models"), shipped.folder("simulations")}  # (once installed, in the folder)
    for path in sorted(folder.rglob("*.py")):
        if others & {*path.parents}:
            continue
        code.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return code.hexdigest()[:16]


def _commit(folder: Path) -> str | None:
    """Return the git commit of a checkout, with "+" if files differ from it; None where there is none."""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty=+"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
