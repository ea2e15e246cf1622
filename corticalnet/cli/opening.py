"""Opening a model from the command line: its settings, its weights, its images."""

from __future__ import annotations

import ast
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import corticalnet as cn
from corticalnet.cli.completion import datasets, models, rules
from corticalnet.errors import SettingError

if TYPE_CHECKING:
    from corticalnet.data import Data

#: What commands about a model take.
MODEL_HELP = "A model file, or the name of one in ./models or of the package; see `corticalnet list`."
MODEL = typer.Argument(..., autocompletion=models, help=MODEL_HELP)
RULE = typer.Option(None, autocompletion=rules, help="Learning rule; see `corticalnet list`.")
DATA = typer.Option(None, autocompletion=datasets, help="Data set; see `corticalnet data list`.")
#: The largest seed that every generator takes.
MOST_SEED = 2**63 - 1
#: Runs of one command.
MOST_SEEDS = 10_000
#: Spiking cells for each column: more do not fit into a machine's memory.
MOST_CELLS = 100_000


def finite(value: float) -> float:
    """Check that an option's value is a finite number (typer takes "inf" and "nan" for numbers).

    Raises:
        BadParameter: it is one of these.
    """
    if not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def parse_sets(sets: list[str]) -> dict[str, Any]:
    """Parse ``--set key=value`` options; values are Python literals, or else strings.

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
        settings[key.strip()] = _literal(value.strip())
    return settings


def _literal(text: str) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # Python warns of a stray backslash
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):  # the last for what is too deep
        return text


def open_model(model: str, sets: list[str], **named: Any) -> cn.Model:
    """Load the model of a file or name; options that were given (not None) win over ``--set``.

    Raises:
        ModelError, SettingError: there is no such model, or it does not take a setting.
    """
    return cn.training.load_model(
        model, **(parse_sets(sets) | {k: v for k, v in named.items() if v is not None})
    )


def open_weights(model: cn.Model, weights: Path | None) -> None:
    """Load the weights of a run's folder or of a checkpoint, if one is named.

    Raises:
        CheckpointError: it is missing, damaged, or of another network.
    """
    from corticalnet.training.run_folder import RunFolder

    if weights is not None:
        cn.training.load_weights(model.network, RunFolder(weights).best if weights.is_dir() else weights)


def open_images(model: cn.Model) -> Data:
    """Load the model's data set, on the CPU.

    Raises:
        DataError: it is not at hand.
        ShapeError: it does not fit the network.
    """
    import torch

    from corticalnet.training.preparation import check_fit, load_data

    images = load_data(model.settings, torch.device("cpu"))
    check_fit(model, images)
    return images
