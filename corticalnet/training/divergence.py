"""Why a loss stopped being finite: the likely cause, for the error message."""

from __future__ import annotations

from corticalnet.rules.inference_learning import IL
from corticalnet.training.model import Model


def explain(model: Model, epoch: int, lr: float) -> str:
    """One sentence: when, by which rule, the likely cause, and what is left."""
    settings, trigger = model.settings, getattr(model.rule, "trigger", None)
    cause = f"lr={lr:g} is too high for {settings.optimizer} (try a tenth of it)"
    if isinstance(trigger, IL) and trigger.steps:
        cause += (
            f", or γ={trigger.rate:g} makes the {trigger.steps} inference steps unstable (lower its rate)"
        )
    if settings.momentum:
        cause += (
            f"; momentum={settings.momentum:g} makes each step {1 / (1 - settings.momentum):.0f} times longer"
        )
    left = f"the checkpoint of epoch {epoch - 1} is sound" if epoch > 1 else "no epoch was completed"
    return f"the loss is no longer finite in epoch {epoch} (rule {model.rule.name}); likely {cause}; {left}"
