"""Which run a checkpoint belongs to: the network, the rule and the settings that decide its course."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from corticalnet.errors import CheckpointError
from corticalnet.network import Network
from corticalnet.training.model import Model
from corticalnet.training.settings import Settings

#: Settings that may differ when a run is resumed: how long it goes on, and where.
FREE = ("epochs", "patience", "min_improvement", "device", "data_folder")


def identity(model: Model, content: dict[str, str]) -> dict[str, Any]:
    """All that must be equal for a run to go on as if it had never stopped; JSON can hold it.

    Args:
        model: its network, rule and settings.
        content: what the run is shown, see :attr:`corticalnet.data.Data.content`.
    """
    settings = model.settings.model_dump(mode="json")
    settings["precision"] = settings["precision"] or _format(model.network)
    return {
        "network": str(model.network),
        "weights": {name: list(t.shape) for name, t in model.network.state_dict().items()},
        "rule": describe(model.rule),
        "settings": {key: value for key, value in settings.items() if key not in FREE},
        "content": content,
    }


def describe(part: object) -> str:
    """A rule's parts and their numbers in one line: ``Sweep()``, ``Reward(exploration=0.02, …)``."""
    words = []
    for key, value in sorted(vars(part).items()):
        if key.startswith("_") or key == "equation" or callable(value):
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
                raise CheckpointError(f"{path} is of {kind}: {name} is {was} there and {now} here")
    shown = there.get("content", {})
    for name in sorted(shown.keys() | here["content"].keys()):
        was, now = shown.get(name, "unknown"), here["content"].get(name, "none")
        if was != now:
            raise CheckpointError(f"{path} is of a run with other data: {name} is {was} there and {now} here")
    if there["rule"] != here["rule"]:
        raise CheckpointError(f"{path} is of another rule: {there['rule']} there, {here['rule']} here")
    if there["network"] != here["network"]:
        was, now = _first_difference(there["network"], here["network"])
        raise CheckpointError(f"{path} is of another network: '{was}' there, '{now}' here")


def _format(net: Network) -> str:
    """The number format of a network's weights."""
    return str(next(net.parameters()).dtype).removeprefix("torch.")


def _first_difference(there: str, here: str) -> tuple[str, str]:
    """The first lines that differ, without the padding of the table."""
    was, now = ([" ".join(line.split()) for line in text.splitlines()] for text in (there, here))
    pairs = zip(was, now, strict=False)
    return next(((a, b) for a, b in pairs if a != b), (was[-1], now[-1]))
