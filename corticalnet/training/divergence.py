"""Why a loss stopped being finite: the likely cause, for the error message."""

from __future__ import annotations

from corticalnet.training.model import Model


def explain(model: Model, epoch: int, lr: float) -> str:
    """One sentence: when, by which rule, the likely cause, and what is left."""
    settings = model.settings
    cause = f"lr={lr:g} is too high for {settings.optimizer} (try a tenth of it)"
    if model.rule.may_diverge:
        cause += f", or {model.rule.may_diverge}"
    if settings.momentum:
        cause += (
            f"; momentum={settings.momentum:g} makes each step {1 / (1 - settings.momentum):.0f} times longer"
        )
    left = f"the checkpoint of epoch {epoch - 1} is sound" if epoch > 1 else "no epoch was completed"
    return f"the loss is no longer finite in epoch {epoch} (rule {model.rule.name}); likely {cause}; {left}"
