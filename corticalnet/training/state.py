"""The state of a run: all that decides how it goes on, as tensors and JSON, and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from corticalnet.errors import CheckpointError
from corticalnet.training.checkpoint import (
    Tensors,
    give_weights,
    prefixed,
    read_checkpoint,
    under,
    write_checkpoint,
)
from corticalnet.training.history import History, best_epoch
from corticalnet.training.identity import check_identity, identity
from corticalnet.training.model import Model


@dataclass
class State:
    """A model on its way: its optimizer, what it is shown, its history, and the weights of its best epoch."""

    model: Model
    optimizer: torch.optim.Optimizer
    device: torch.device
    content: dict[str, str]
    history: History = field(default_factory=list)
    best: Tensors = field(default_factory=dict)

    @property
    def best_epoch(self) -> int:
        """The first with the best validation score, counted from 1."""
        return best_epoch(self.history, self.model.settings.goal)

    def weights(self) -> Tensors:
        """A copy of the network's present state."""
        return {name: tensor.detach().clone() for name, tensor in self.model.network.state_dict().items()}

    def remember_best(self) -> bool:
        """Keep the present weights if the last epoch is the best yet; whether it is."""
        is_best = self.best_epoch == len(self.history)
        if is_best:
            self.best = self.weights()
        return is_best

    def save(self, path: Path) -> None:
        """Write all of it to one file."""
        moving, numbers = _flat(self.optimizer.state_dict()["state"])
        tensors = prefixed("network", self.model.network.state_dict())
        tensors |= prefixed("optimizer", moving)
        tensors |= prefixed("random", self._random())
        tensors |= prefixed("rule", self._rule())
        if self.best_epoch != len(self.history):
            tensors |= prefixed("best", self.best)
        about = {
            "identity": identity(self.model, self.content),
            "history": self.history,
            "optimizer": numbers,
        }
        write_checkpoint(path, tensors, about)

    def save_best(self, path: Path) -> None:
        """Write the weights of the best epoch, for users."""
        best = self.best_epoch
        about = {"network": str(self.model.network), "record": self.history[best - 1]}
        write_checkpoint(path, prefixed("network", self.best), about)

    def load(self, path: Path) -> None:
        """Go back to the state in a file.

        Raises:
            CheckpointError: it is missing, damaged, or of another network, rule or settings.
        """
        tensors, about = read_checkpoint(path)
        if not {"identity", "history", "optimizer"} <= about.keys():
            raise CheckpointError(f"{path} holds weights only; a run resumes from last.safetensors")
        check_identity(path, about["identity"], identity(self.model, self.content))
        weights = under("network", tensors)
        give_weights(self.model.network, weights, path)
        self._give_optimizer(under("optimizer", tensors), about["optimizer"])
        self._give_random(under("random", tensors))
        if hasattr(self.model.rule, "load_state_dict"):
            self.model.rule.load_state_dict(under("rule", tensors))
        self.history = about["history"]
        self.best = under("best", tensors) or weights

    def _random(self) -> Tensors:
        """The states of torch's generators, which dropout and exploration draw from."""
        states = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self.device)
        return states

    def _give_random(self, states: Tensors) -> None:
        torch.set_rng_state(states["cpu"])
        if self.device.type == "cuda" and "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], self.device)

    def _rule(self) -> Tensors:
        """What a rule with state of its own has learned."""
        rule = self.model.rule
        return rule.state_dict() if hasattr(rule, "state_dict") else {}

    def _give_optimizer(self, tensors: Tensors, numbers: dict[str, dict[str, Any]]) -> None:
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        state: dict[int, dict[str, Any]] = {int(index): dict(own) for index, own in numbers.items()}
        for key, tensor in tensors.items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = _laid_out(tensor, parameters[int(index)])
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _flat(state: dict[int, dict[str, Any]]) -> tuple[Tensors, dict[str, dict[str, Any]]]:
    """An optimizer's state as tensors by ``index.name``, and the rest by index and name."""
    tensors: Tensors = {}
    numbers: dict[str, dict[str, Any]] = {}
    for index, own in state.items():
        for name, value in own.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{name}"] = value
            else:
                numbers.setdefault(str(index), {})[name] = value
    return tensors, numbers


def _laid_out(tensor: Tensor, like: Tensor) -> Tensor:
    """The tensor in the memory layout of its parameter, where it has its shape."""
    return torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape and tensor.dim() else tensor
