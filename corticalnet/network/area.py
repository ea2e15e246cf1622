"""Areas: sheets of cortical columns with the links that drive them and the stages they fire through."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from corticalnet.activations import Activation
from corticalnet.checks import shown
from corticalnet.errors import NetworkError
from corticalnet.network.homeostasis import Homeostasis, homeostasis
from corticalnet.network.links import Link
from corticalnet.network.stages import AvgPool, Dropout, Fire, MaxPool, Stage
from corticalnet.replay import GuardedList, GuardedModule

Shape = tuple[int, ...]
#: For each stage: its input, its output, its memory.
Trace = list[tuple[Tensor, Tensor, Any]]

_RECTIFYING = {"relu", "leaky-relu", "elu", "softplus"}


class Area(GuardedModule):
    """A cortical area: columns that sum their links' drives and fire.

    Args:
        links: the link, or links, that arrive here; several add up.
        activation: firing rate of a column given its drive (see :mod:`corticalnet.activations`).
        name: how others refer to it; ``area1``, ``area2``, … and ``output`` if not given.

    Other:
        homeostasis: "batch" (batch normalisation; not local), "slow" (local), or None.
        pool: max-pooling over this many columns in each direction, or a pool: ``MaxPool(3, stride=2)``,
            ``AvgPool(2)``, ``AvgPool()`` (the mean of each channel).
        dropout: probability that a column is silent in a training trial.
        stages: the whole sequence of stages, for another order; replaces all of the above.

    Homeostasis, pool and dropout act in this order after the activation (Pozzi et al. 2020).

    >>> import corticalnet as cn
    >>> Area(cn.Dense(20), "tanh", "hidden", dropout=0.1).name
    'hidden'
    """

    def __init__(
        self,
        links: Link | Sequence[Link],
        activation: str | Activation = "relu",
        name: str | None = None,
        *,
        homeostasis: str | Homeostasis | None = None,
        pool: int | MaxPool | AvgPool | None = None,
        dropout: float = 0.0,
        stages: Sequence[Stage] | None = None,
    ) -> None:
        super().__init__()
        arriving = list(links) if isinstance(links, Iterable) and not isinstance(links, str) else [links]
        for link in arriving:
            if not isinstance(link, Link):
                kinds = "Dense, Convolution, Local, Identity"
                raise NetworkError(f"an area is made of links ({kinds}), not {shown(link)}")
        if not arriving:
            raise NetworkError("an area needs at least one link that drives it")
        # As plain tuples, typed and quick to walk along, and as modules for torch.
        self.arriving: tuple[Link, ...] = tuple(copy.deepcopy(arriving))
        if not (name is None or isinstance(name, str)):
            raise NetworkError(f"an area's name is a plain word, not {shown(name)}")
        through = _standard(activation, homeostasis, pool, dropout) if stages is None else stages
        wrong = (
            [s for s in through if not isinstance(s, Stage)] if isinstance(through, Iterable) else [through]
        )
        if wrong:
            raise NetworkError(f"an area's stages are Fire, MaxPool, Dropout, …, not {shown(wrong[0])}")
        self.sequence: tuple[Stage, ...] = tuple(copy.deepcopy(list(through)))
        self.links, self.stages = GuardedList(self.arriving), GuardedList(self.sequence)
        self.name = name
        self.learns = False  # whether stages have parameters of their own
        self.drive_shape: Shape = ()
        self.shape: Shape = ()

    @property
    def rectifying(self) -> bool:
        """Return whether the first activation is of the ReLU kind (this decides the default weights)."""
        firing = next((s for s in self.sequence if isinstance(s, Fire)), None)
        return firing is not None and firing.activation.name in _RECTIFYING

    def forward(self, drive: Tensor, before: Trace | None = None) -> tuple[Tensor, Trace]:
        """Pass a drive ``[batch, *drive_shape]`` through the stages; return rates and trace.

        ``before`` is the trace of an earlier pass of the same trial: dropout keeps its mask and slow
        statistics stay as they were.
        """
        trace: Trace = []
        for k, stage in enumerate(self.sequence):
            rate, memory = stage.forward(drive, None if before is None else before[k][2])
            trace.append((drive, rate, memory))
            drive = rate
        return drive, trace

    def freeze_statistics(self, trace: Trace) -> Trace:
        """Return the trace with all statistics frozen, so that samples do not depend on each other.

        Batch homeostasis then keeps its mean and variance in ``forward(drive, trace)``, and ``backward`` does
        not go through them.
        """
        pairs = zip(self.sequence, trace, strict=True)
        return [(x, y, stage.freeze_statistics(memory)) for stage, (x, y, memory) in pairs]

    def backward(self, signal: Tensor, trace: Trace, to: int = 0) -> Tensor:
        """Compute the stages' vector-Jacobian product: ``f'(drive) * signal`` for a signal at the rates.

        ``to``: the stage that it comes down to (what that one was given); all of them if not given.
        """
        if trace and signal.stride() != trace[-1][1].stride():  # take the rates' memory layout
            signal = torch.empty_like(trace[-1][1]).copy_(signal)
        for k in range(len(trace) - 1, to - 1, -1):
            x, y, memory = trace[k]
            if signal.dtype != x.dtype:  # under autocast, stages may differ in precision
                signal = signal.to(x.dtype)
            signal = self.sequence[k].backward(signal, x, y, memory)
        return signal

    # What columns hold, before pools, homeostasis and silence ----------------------------------
    @property
    def fires_first(self) -> bool:
        """Return whether the activation is the first stage: columns hold rates, otherwise drives."""
        return bool(self.sequence) and isinstance(self.sequence[0], Fire)

    def state(self, drive: Tensor, trace: Trace) -> Tensor:
        """Return the state of the columns: their activation, or their drive unless :attr:`fires_first`."""
        return trace[0][1] if self.fires_first else drive

    def state_of(self, drive: Tensor) -> Tensor:
        """Return the state that columns would have at another drive."""
        return self.sequence[0].forward(drive)[0] if self.fires_first else drive

    def to_state(self, signal: Tensor, trace: Trace) -> Tensor:
        """Map a signal at the rates back to the state of the columns."""
        return self.backward(signal, trace, int(self.fires_first))

    def to_drive(self, signal: Tensor, trace: Trace) -> Tensor:
        """Map a signal at the state of the columns back to their drive: times ``f'`` if they hold rates."""
        return self.sequence[0].backward(signal, *trace[0]) if self.fires_first else signal

    def parameter_gradients(self, trace: Trace) -> list[tuple[nn.Parameter, Tensor]]:
        """Return the stages' own parameters with their batch-summed gradients, by ``backward``."""
        pairs = zip(self.sequence, trace, strict=True)
        return [pair for stage, (_, _, memory) in pairs for pair in stage.parameter_gradients(memory)]


def _standard(
    activation: str | Activation,
    homeo: str | Homeostasis | None,
    pool: int | MaxPool | AvgPool | None,
    dropout: float,
) -> list[Stage]:
    stages: list[Stage] = [Fire(activation)]
    if homeo is not None:
        stages.append(homeostasis(homeo))
    if pool is not None:
        stages.append(pool if isinstance(pool, MaxPool | AvgPool) else MaxPool(pool))
    silent = Dropout(dropout)
    return [*stages, silent] if silent.p else stages
