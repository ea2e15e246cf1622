"""The state of a run: all that decides how it goes on, as tensors and JSON, and back.

What a history decides (the best epoch, when to stop) depends on nothing else, so resuming changes nothing.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from corticalnet.errors import CheckpointError, CorticalnetError
from corticalnet.store import validated
from corticalnet.training.checkpoint import (
    Tensors,
    check_weights,
    give_weights,
    prefixed,
    read_checkpoint,
    under,
    write_checkpoint,
)
from corticalnet.training.identity import check_identity, continued, identity, versions
from corticalnet.training.model import Model
from corticalnet.training.objective import CLASSES, Objective
from corticalnet.training.schemas import StateAbout
from corticalnet.training.settings import Settings

#: One epoch in numbers (:class:`~corticalnet.training.schemas.EpochAbout`), and one for each epoch from 1 on.
Record = dict[str, Any]
History = list[Record]


def best_epoch(history: History, objective: Objective = CLASSES) -> int:
    """Return the first epoch with the best validation score; the last epoch if nothing was held out."""
    if not history:
        return 0
    scores = [record[objective.validation] for record in history]
    if scores[-1] is None:
        return len(history)
    best = 0
    for k, score in enumerate(scores):
        best = k if objective.better(score, scores[best]) else best
    return 1 + best


def finished(history: History, settings: Settings) -> bool:
    """Return whether all epochs are done, or validation has not improved for ``patience`` epochs.

    It has improved when it is better by more than ``min_improvement`` than the last value that counted.
    """
    objective = settings.objective
    if len(history) >= settings.epochs:
        return True
    if settings.patience is None or not history or history[-1][objective.validation] is None:
        return False
    reached, risen = None, 0
    for record in history:
        score = record[objective.validation]
        if reached is None or objective.better(score, reached, settings.min_improvement):
            reached, risen = score, record["epoch"]
    return len(history) - risen >= settings.patience


@dataclass
class State:
    """The state of a training run: all that it is resumed from.

    Attributes:
        model: the model.
        optimizer: its optimizer.
        device: where it is.
        content: what it is shown.
        history: a record for each epoch.
        best: the weights of its best epoch.
        periods: with what versions it has been trained, and from which epoch on.
    """

    model: Model
    optimizer: torch.optim.Optimizer
    device: torch.device
    content: dict[str, str]
    history: History = field(default_factory=list)
    best: Tensors = field(default_factory=dict)
    periods: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.periods = self.periods or [{"from_epoch": 1, **versions(str(self.device))}]

    @property
    def best_epoch(self) -> int:
        """Return the first epoch with the best validation score, counted from 1."""
        return best_epoch(self.history, self.model.settings.objective)

    def weights(self) -> Tensors:
        """Return a copy of the network's present state."""
        return {name: tensor.detach().clone() for name, tensor in self.model.network.state_dict().items()}

    def remember_best(self) -> bool:
        """Keep the present weights if the last epoch is the best so far; return whether it is."""
        is_best = self.best_epoch == len(self.history)
        if is_best:
            self.best = self.weights()
        return is_best

    def save(self, path: Path) -> None:
        """Save the state to one file."""
        moving, numbers = _flat(self.optimizer.state_dict()["state"])
        tensors = prefixed("network", self.model.network.state_dict())
        tensors |= prefixed("optimizer", moving)
        tensors |= prefixed("random", self._random())
        tensors |= prefixed("rule", self.model.rule.state_dict())
        if self.best_epoch != len(self.history):
            tensors |= prefixed("best", self.best)
        about = {
            "identity": identity(self.model, self.content),
            "history": self.history,
            "optimizer": numbers,
            "tensors": sorted(tensors),
            "versions": self.periods,
        }
        write_checkpoint(path, tensors, about)

    def save_best(self, path: Path) -> None:
        """Save the weights of the best epoch, for users."""
        best = self.best_epoch
        about = {"network": str(self.model.network), "record": self.history[best - 1]}
        write_checkpoint(path, prefixed("network", self.best), about)

    def load(self, path: Path, other_versions: bool = False) -> None:
        """Restore the state from a file.

        Args:
            path: the file.
            other_versions: go on even where other bits may come out.

        Raises:
            CheckpointError: it is missing, damaged, holds what :meth:`save` would not write, is of another
                network, rule or settings, or was made with other versions.
        """
        tensors, about = read_checkpoint(path)
        if not {"identity", "history", "optimizer"} <= about.keys():
            raise CheckpointError(f"{path} holds weights only; a run resumes from last.safetensors")
        validated(about, StateAbout, f"checkpoint {path} is damaged", CheckpointError)
        check_identity(path, about["identity"], identity(self.model, self.content))
        history, now = about["history"], versions(str(self.device))
        periods = continued(path, about["versions"], now, len(history) + 1, other_versions)
        try:
            self._check(tensors, about)
            self._give_random(under("random", tensors))
            self.model.rule.load_state_dict(under("rule", tensors))
            self._give_optimizer(under("optimizer", tensors), about["optimizer"])
        except CorticalnetError as error:
            raise CheckpointError(f"{path}: {error}") from error
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            # What torch and rules say to a state that they have never written.
            reason = " ".join(str(error).split())
            raise CheckpointError(
                f"checkpoint {path} is damaged: {type(error).__name__}: {reason}"
            ) from error
        weights = under("network", tensors)
        give_weights(self.model.network, weights, path)
        self.history, self.periods = history, periods
        self.best = under("best", tensors) or weights

    def _check(self, tensors: Tensors, about: dict[str, Any]) -> None:
        """Check that tensors are those that :meth:`save` would have written.

        Raises:
            CheckpointError: one is missing, or of another shape, type or kind, or no number.
        """
        for name in sorted({*tensors, *about["tensors"]}):
            if name not in tensors or name not in about["tensors"]:
                raise CheckpointError(f"its tensor '{name}' is {'extra' if name in tensors else 'missing'}")
            if name.split(".", 1)[0] not in ("network", "best", "optimizer", "random", "rule"):
                raise CheckpointError(f"its tensor '{name}' is of no known kind")
        net, history, objective = self.model.network, about["history"], self.model.settings.objective
        scores = [record.get(objective.validation, "nothing") for record in history]
        if not (set(scores) == {None} or all(type(s) in (int, float) and math.isfinite(s) for s in scores)):
            raise CheckpointError(f"its history has {objective.validation} {scores}")
        check_weights(net, under("network", tensors), "it", exact=True)
        best = under("best", tensors)
        if (best_epoch(history, objective) != len(history)) != bool(best):
            raise CheckpointError("its history and its best weights do not belong together")
        if about["versions"][-1]["from_epoch"] > len(history):
            raise CheckpointError(f"its versions are of epochs after the {len(history)} of its history")
        if best:
            check_weights(net, best, "it", exact=True)
        own = {**prefixed("random", self._random()), **prefixed("rule", self.model.rule.state_dict())}
        for name in own.keys() & tensors.keys():
            if _form(tensors[name]) != _form(own[name]):
                raise CheckpointError(
                    f"its '{name}' is {_form(tensors[name])} and should be {_form(own[name])}"
                )
        self._check_optimizer(under("optimizer", tensors), about["optimizer"])

    def _check_optimizer(self, tensors: Tensors, numbers: dict[str, dict[str, Any]]) -> None:
        """Check that an optimizer of this kind could have this state."""
        twin = copy.deepcopy(self.optimizer)
        for parameter in (p for group in twin.param_groups for p in group["params"]):
            parameter.grad = torch.zeros_like(parameter)
        twin.step()
        usual, others = _flat(twin.state_dict()["state"])
        for key, tensor in tensors.items():
            form, wanted = _form(tensor), _form(usual[key]) if key in usual else "nothing"
            if form != wanted:
                raise CheckpointError(f"its 'optimizer.{key}' is {form} and should be {wanted}")
            if key.endswith(".step") and not tensor >= 1:
                raise CheckpointError(f"its 'optimizer.{key}' is {float(tensor)} and should be at least 1")
        for index in {key.split(".", 1)[0] for key in tensors}:
            for key in usual:
                if key.startswith(f"{index}.") and key not in tensors:
                    raise CheckpointError(f"its tensor 'optimizer.{key}' is missing")
        words = [{(index, name) for index, own in one.items() for name in own} for one in (numbers, others)]
        if not words[0] <= words[1]:
            raise CheckpointError(f"its optimizer has {numbers} and should have {others}")

    def _parameters(self) -> list[Tensor]:
        """Return all parameters that the optimizer moves, in its order."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def _random(self) -> Tensors:
        """Return the states of torch's generators, which dropout and exploration draw from."""
        states = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self.device)
        return states

    def _give_random(self, states: Tensors) -> None:
        torch.set_rng_state(states["cpu"])
        if self.device.type == "cuda" and "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], self.device)

    def _give_optimizer(self, tensors: Tensors, numbers: dict[str, dict[str, Any]]) -> None:
        parameters = self._parameters()
        state: dict[int, dict[str, Any]] = {int(index): dict(own) for index, own in numbers.items()}
        for key, tensor in tensors.items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = _laid_out(tensor, parameters[int(index)])
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _form(tensor: Tensor) -> str:
    """Format the number format and shape of a tensor."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _flat(state: dict[int, dict[str, Any]]) -> tuple[Tensors, dict[str, dict[str, Any]]]:
    """Split an optimizer's state into tensors by ``index.name``, and the rest by index and name."""
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
    """Copy a tensor into the memory layout of its parameter, where it has its shape."""
    return torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape and tensor.dim() else tensor
