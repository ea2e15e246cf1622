"""What tests of run folders share."""

from __future__ import annotations

import pytest

from corticalnet.errors import CheckpointError

#: Nothing is learned, so the first epoch is the best, and the last checkpoint holds two sets of weights.
ADAM = {"optimizer": "adam", "lr": 1e-7, "epochs": 3}


def contents(folder):
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(words, function, *arguments, **more):
    """One sentence, with these words."""
    with pytest.raises(CheckpointError, match=words) as error:
        function(*arguments, progress=False, **more)
    assert "\n" not in str(error.value)
