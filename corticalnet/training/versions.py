"""What a run was made with, for its folder."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import numpy as np
import torch

from corticalnet import about


def versions(device: str) -> dict[str, str | None]:
    """Versions of Python and the packages that matter, the commit of this package, the device's name."""
    cuda = device.startswith("cuda")
    return {
        "corticalnet": about.VERSION,
        "commit": _commit(about.FOLDER),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": torch.cuda.get_device_name() if cuda else f"cpu ({platform.machine()})",
        "threads": str(torch.get_num_threads()),
    }


def _commit(folder: Path) -> str | None:
    """The git commit of a checkout, with "+" if files differ from it; None where there is none."""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty=+"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
