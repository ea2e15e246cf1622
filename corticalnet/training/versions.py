"""What a run is made with, for its folder: the bits that come out hang on it."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from corticalnet import about
from corticalnet.errors import CheckpointError

Versions = dict[str, str | None]


def versions(device: str) -> Versions:
    """Versions of Python and the packages that matter, of this package's source, the device, the threads."""
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
    """What a run was made with, from its first epoch on, and is made with from ``epoch`` on.

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
            "go on with the same, or all the same with --other-versions"
        )
    return [*periods, {"from_epoch": epoch, **now}]


@cache
def _source(folder: Path) -> str:
    """A word that changes with the code of this package."""
    code = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        code.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return code.hexdigest()[:16]


def _commit(folder: Path) -> str | None:
    """The git commit of a checkout, with "+" if files differ from it; None where there is none."""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty=+"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
