"""Opening a model from the command line: its settings, its weights, its images."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import torch

from corticalnet.data import Data
from corticalnet.errors import SettingError
from corticalnet.training import Model, load_model
from corticalnet.training.checkpoint import load_weights
from corticalnet.training.preparation import check_fit, load_data
from corticalnet.training.run_folder import RunFolder


def parse_sets(sets: list[str]) -> dict[str, Any]:
    """Settings of ``--set key=value`` options; values are Python literals, or else strings.

    Raises:
        SettingError: an option without "=".

    >>> parse_sets(["lr=0.1", "patience=None", "optimizer=adam"])
    {'lr': 0.1, 'patience': None, 'optimizer': 'adam'}
    """
    settings: dict[str, Any] = {}
    for text in sets:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise SettingError(f"--set takes key=value, not '{text}'")
        try:
            settings[key.strip()] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            settings[key.strip()] = value.strip()
    return settings


def open_model(model: str, sets: list[str], **named: Any) -> Model:
    """The model of a file or name; options that were given (not None) win over ``--set``.

    Raises:
        ModelError, SettingError: there is no such model, or it does not take a setting.
    """
    return load_model(model, **(parse_sets(sets) | {k: v for k, v in named.items() if v is not None}))


def open_weights(model: Model, weights: Path | None) -> None:
    """Weights of a run's folder or of a checkpoint, if one is named.

    Raises:
        CheckpointError: it is missing, damaged, or of another network.
    """
    if weights is not None:
        load_weights(model.network, RunFolder(weights).best if weights.is_dir() else weights)


def open_images(model: Model) -> Data:
    """The model's data set, on the CPU.

    Raises:
        DataError: it is not at hand.
        ShapeError: it does not fit the network.
    """
    images = load_data(model.settings, torch.device("cpu"))
    check_fit(model, images)
    return images
