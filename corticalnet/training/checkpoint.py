"""Checkpoints: one safetensors file that is either whole or not there.

A checksum over everything tells damage.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from corticalnet.errors import CheckpointError
from corticalnet.network import Network
from corticalnet.store import expanded, read_whole, write_whole

Tensors = dict[str, Tensor]


def write_checkpoint(path: Path, tensors: Tensors, about: dict[str, Any]) -> None:
    """Write tensors, and data for JSON, to one file."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(about)
    write_whole(path, save(stored, {"about": text, "checksum": _checksum(stored, text)}), CheckpointError)


def read_checkpoint(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Read what :func:`write_checkpoint` wrote.

    Raises:
        CheckpointError: the file is missing, damaged, or not one of ours.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}")
    try:
        # (a mapped file would change, or end the process, when somebody writes into it)
        content = read_whole(path)
        tensors = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"checkpoint {path} is damaged: {' '.join(str(error).split())}") from error
    metadata = header.get("__metadata__") or {}
    if "checksum" not in metadata or "about" not in metadata:
        raise CheckpointError(f"{path} is no checkpoint of corticalnet")
    if metadata["checksum"] != _checksum(tensors, metadata["about"]):
        raise CheckpointError(f"checkpoint {path} is damaged: its checksum does not match")
    try:
        about = json.loads(metadata["about"])
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"checkpoint {path} is damaged: what it says is no JSON ({error})") from error
    if not isinstance(about, dict):
        raise CheckpointError(f"checkpoint {path} is damaged: what it says is no table")
    return tensors, about


def _checksum(tensors: Tensors, text: str) -> str:
    checksum = zlib.crc32(text.encode())
    for name in sorted(tensors):
        checksum = zlib.crc32(name.encode(), checksum)
        checksum = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, checksum)
    return f"{checksum:08x}"


def prefixed(prefix: str, tensors: Tensors) -> Tensors:
    """Prepend ``prefix.`` to every name."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def under(prefix: str, tensors: Tensors) -> Tensors:
    """Return the tensors whose names begin with ``prefix.``, without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}


def load_weights(net: Network, path: str | Path) -> None:
    """Load into a network the weights of a checkpoint file, or the best weights of a run folder.

    Raises:
        CheckpointError: there is no sound checkpoint, or it is of another network.
    """
    place = expanded(path)
    file = place / "best.safetensors" if place.is_dir() else place
    tensors, _ = read_checkpoint(file)
    give_weights(net, under("network", tensors), file)


def give_weights(net: Network, tensors: Tensors, file: Path | str) -> None:
    """Copy a state into a network; its parameters keep their memory layout, device and format.

    Raises:
        CheckpointError: names, shapes or kinds of number differ, or a weight is no finite number.
    """
    check_weights(net, tensors, file)
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            tensor.copy_(tensors[name])


def check_weights(net: Network, tensors: Tensors, file: Path | str, exact: bool = False) -> None:
    """Check that a state fits a network; with ``exact`` in the same number format.

    Raises:
        CheckpointError: names, shapes or kinds of number differ, or a weight is no finite number.
    """
    own = net.state_dict()
    for name in [*own, *tensors]:
        there = tuple(tensors[name].shape) if name in tensors else "nothing"
        here = tuple(own[name].shape) if name in own else "nothing"
        if there != here:
            raise CheckpointError(f"{file} is of another network: {name} is {there} there and {here} here")
        was, now = tensors[name].dtype, own[name].dtype
        if was != now and (exact or not (was.is_floating_point and now.is_floating_point)):
            kinds = (str(kind).removeprefix("torch.") for kind in (was, now))
            raise CheckpointError(f"{file} is of another network: {name} is {' there and '.join(kinds)} here")
    for name, _ in net.named_parameters():
        if not tensors[name].isfinite().all():
            raise CheckpointError(f"{file} is damaged: {name} holds what is no finite number")
