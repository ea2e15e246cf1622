"""How like two changes are, and what is held still while they are made.

    cosine            ⟨a, b⟩ / (‖a‖ ‖b‖)        direction
    ratio             ‖a‖ / ‖b‖                 size
    relative error    ‖a − b‖ / ‖b‖             both

A change is looked at on a float64 copy of a network, with random numbers from a seed, by a rule that is
afterwards what it was: nothing that is measured is changed, and every measurement can be repeated.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

#: Flat.
Vector = TypeVar("Vector", Tensor, NDArray[np.float64])
Module = TypeVar("Module", bound=nn.Module)


class Stateful(Protocol):
    """Anything with a state that lasts from trial to trial, and can be saved and restored."""

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return the tensors that last from trial to trial."""

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned."""


def cosine(found: Vector, wanted: Vector) -> float:
    """Compute the cosine, −1 to 1; NaN where a vector is zero or not finite."""
    lengths = size(found) * size(wanted)
    product = float(found @ wanted) / lengths if 0 < lengths < math.inf else math.nan
    return product if math.isnan(product) else min(1.0, max(-1.0, product))


def ratio(found: Vector, wanted: Vector) -> float:
    """Compute the ratio of norms, found to wanted; NaN where the wanted vector is zero."""
    scale = size(wanted)
    return size(found) / scale if scale else math.nan


def relative_error(found: Vector, wanted: Vector) -> float:
    """Compute ‖found − wanted‖ / ‖wanted‖; where the wanted is zero, 0 or infinity if something was found."""
    away, scale = size(found - wanted), size(wanted)
    return away / scale if scale else math.inf if away else 0.0


def size(vector: Tensor | NDArray[np.float64]) -> float:
    """Compute the Euclidean norm."""
    return float(vector.norm() if isinstance(vector, Tensor) else np.linalg.norm(vector))


def float64_copy(module: Module) -> Module:
    """Copy a network, on its device, in float64: changes are compared to the last digit."""
    return copy.deepcopy(module).double()


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch's generators for everything drawn inside (dropout, exploration), and restore them.

    Args:
        seed: of torch's generators, which are afterwards where they were.
        device: that draws, too, beside the CPU.
    """
    with torch.random.fork_rng(devices=[device] if device is not None and device.type == "cuda" else []):
        # (torch.manual_seed would also write down a stack trace for CUDA's generators, a tenth of an audit)
        torch.default_generator.manual_seed(seed)
        if device is not None and device.type == "cuda":
            torch.cuda.manual_seed(seed)
        yield


@contextmanager
def restored(rule: Stateful) -> Iterator[None]:
    """Restore afterwards the state that the rule keeps between trials (unless it met another network)."""
    before = {name: tensor.clone() for name, tensor in rule.state_dict().items()}
    yield
    if {name: t.shape for name, t in before.items()} == {n: t.shape for n, t in rule.state_dict().items()}:
        rule.load_state_dict(before)
