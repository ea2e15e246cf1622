"""Learning rates over epochs: torch's schedules by name, and none that a run could lose when it goes on.

    "StepLR(step_size=10, gamma=0.5)"        as torch.optim.lr_scheduler has it, one step after each epoch
    "CosineAnnealingLR"                      over all epochs, if no T_max is given

The rate of an epoch follows from the settings and the epochs before it alone, so a run that goes on has
the rates of one that never stopped.
"""

from __future__ import annotations

import ast
import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch.optim import lr_scheduler

from corticalnet.errors import SettingError, unknown

#: Those of torch that step once an epoch and change the learning rate alone.
SCHEDULES = (
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LinearLR",
    "MultiStepLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "StepLR",
)
#: What we give it ourselves, or what would tie it to a state of its own.
_OURS = ("optimizer", "last_epoch", "verbose")


def resolved(text: str, epochs: int) -> str:
    """Return a schedule with what the number of epochs decides: ``T_max`` of a cosine.

    >>> resolved("CosineAnnealingLR", 30)
    'CosineAnnealingLR(T_max=30)'
    """
    name, arguments = parse(text)
    if name == "CosineAnnealingLR":
        arguments.setdefault("T_max", epochs)
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the arguments of a schedule; it is read, not run.

    Raises:
        SettingError: it is no schedule of these, or has other arguments.

    >>> parse("StepLR(step_size=10)")
    ('StepLR', {'step_size': 10})
    """
    try:
        call = ast.parse(text.strip(), mode="eval").body
        named = call.func if isinstance(call, ast.Call) else call
        name = named.id if isinstance(named, ast.Name) else None
        if name is None or (isinstance(call, ast.Call) and call.args):
            raise ValueError
        given = call.keywords if isinstance(call, ast.Call) else []
        arguments = {str(each.arg): ast.literal_eval(each.value) for each in given}
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise SettingError(
            f"setting 'schedule' must be a name, or a name with arguments by name, such as "
            f"StepLR(step_size=10, gamma=0.5), not {text!r}"
        ) from None
    if name not in SCHEDULES:
        raise SettingError(unknown("schedule", name, SCHEDULES))
    takes = [key for key in inspect.signature(getattr(lr_scheduler, name)).parameters if key not in _OURS]
    for key in arguments:
        if key not in takes:
            raise SettingError(f"schedule {name}: {unknown('argument', key, takes)}")
    return name, arguments


def scheduled_rate(text: str, lr: float, epochs: int, scores: Sequence[float | None], rising: bool) -> float:
    """Return the learning rate of the next epoch.

    Args:
        text: the schedule.
        lr: rate of the first epoch.
        epochs: how many there will be.
        scores: of validation, one for every epoch until now; None where nothing was held out.
        rising: whether larger scores are better.

    Raises:
        SettingError: torch refuses the schedule's arguments, or it needs scores that are not there.
    """
    name, arguments = parse(resolved(text, epochs))
    plateau = name == "ReduceLROnPlateau"
    if plateau:
        arguments.setdefault("mode", "max" if rising else "min")
        if None in scores:
            raise SettingError(f"schedule {name} goes by validation scores; set validation above 0")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=lr)
    with warnings.catch_warnings(action="ignore"):  # (torch warns of steps that no optimizer's went before)
        try:
            schedule = getattr(lr_scheduler, name)(optimizer, **arguments)
            for score in scores:
                schedule.step(*([score] if plateau else []))
        except (TypeError, ValueError, ArithmeticError, IndexError) as error:
            reason = " ".join(str(error).split())
            raise SettingError(f"schedule {text}: {reason.partition('__init__() ')[2] or reason}") from None
    rate = float(optimizer.param_groups[0]["lr"])
    if not 0 <= rate < float("inf"):
        raise SettingError(f"schedule {text}: the rate of epoch {len(scores) + 1} would be {rate:g}")
    return rate
