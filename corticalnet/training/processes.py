"""Data parallel training: several processes, each with its share of every batch, and one update of them all.

    torchrun --nproc-per-node 2 -m corticalnet train zil_mlp --data digits

    Δw = Σ_p (B_p / B) Δw_p        B_p of the batch's B samples are process p's

Changes of most rules are means over samples, each computed alone: their weighted mean over processes is what
one process would have made of the whole batch. It is taken (all-reduce, by gloo or NCCL) just before the
optimizer's step, which is the same in all; so weights stay the same, too, to the bit. Rules whose samples
meet within a trial are refused, and so are homeostases.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from corticalnet.data import chance
from corticalnet.errors import SettingError
from corticalnet.network import Network
from corticalnet.network.homeostasis import Homeostasis
from corticalnet.rules.base import LearningRule


class Processes:
    """The processes that train one model together; one alone, where nobody has started others.

    Attributes:
        rank: number of this one; the first writes files and shows progress.
        size: how many there are.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size
        self._weight = 1.0

    @property
    def first(self) -> bool:
        """Return whether this process is the one that writes and shows."""
        return self.rank == 0

    def seed(self, seed: int) -> int:
        """Return the seed of what this process draws: masks, exploration, noise."""
        return seed if self.first else chance.number(seed, "process", self.rank)

    def check(self, net: Network, rule: LearningRule) -> None:
        """Check that a batch can be shared.

        Raises:
            SettingError: samples of a batch meet within a trial.
        """
        if self.size == 1:
            return
        if not rule.by_sample:
            raise SettingError(
                f"{rule.name} cannot share a batch between {self.size} processes: its changes are no sum "
                "over samples that are computed alone; start one process"
            )
        for node, area in net.wiring.above_input:
            if any(isinstance(stage, Homeostasis) for stage in area.sequence):
                raise SettingError(
                    f"area '{net.wiring.name(node)}' has a homeostasis, whose statistics are of a whole "
                    f"batch, and {self.size} processes see a share each; use homeostasis=None, or one process"
                )

    def share(self, batch: Tensor) -> Tensor:
        """Return this process's samples of a batch: one piece, nearly as long as those of others."""
        return batch if self.size == 1 else batch.tensor_split(self.size)[self.rank]

    def weigh(self, batch: Tensor) -> int:
        """Keep what part of a batch this process has; return how many samples come before its own."""
        if self.size == 1:
            return 0
        parts = [len(part) for part in batch.tensor_split(self.size)]
        self._weight = parts[self.rank] / len(batch)
        return sum(parts[: self.rank])

    def sum(self, numbers: Tensor) -> Tensor:
        """Return the sums over all processes, of what each has counted."""
        if self.size > 1:
            numbers = numbers.clone()
            dist.all_reduce(numbers)
        return numbers

    def join(self, optimizer: torch.optim.Optimizer) -> None:
        """Let an optimizer step by the mean over processes."""
        if self.size > 1:
            optimizer.register_step_pre_hook(self._combine)

    def idle(self, rule: LearningRule, net: Network, optimizer: torch.optim.Optimizer) -> None:
        """Make the step of a process that has no sample of a (last, short) batch."""
        for p in _learning(optimizer):
            p.zero_()
        rule._step(net, optimizer)

    def _combine(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        # (all at once, and none is copied: two thirds of the time of a single long sum)
        for sum_ in [dist.all_reduce(own.mul_(self._weight), async_op=True) for own in _learning(optimizer)]:
            sum_.wait()

    def wait(self) -> None:
        """Wait until all processes have come here."""
        if self.size > 1:
            dist.barrier()


def _learning(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Return the gradients of all weights that have one, in the order of the groups."""
    return [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]


#: That of a process that nobody has started others beside.
ALONE = Processes()


@contextmanager
def processes(device: torch.device) -> Iterator[Processes]:
    """Join the processes that ``torchrun`` has started (it sets WORLD_SIZE, RANK, …), until the block ends.

    Where the caller has made a process group already it is used, and kept.

    Args:
        device: that the weights are on: gloo for a CPU, NCCL for CUDA.
    """
    if dist.is_available() and dist.is_initialized():
        yield Processes(dist.get_rank(), dist.get_world_size())
    elif int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ:
        if device.type == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        try:
            yield Processes(dist.get_rank(), dist.get_world_size())
        finally:
            dist.destroy_process_group()
    else:
        yield ALONE
