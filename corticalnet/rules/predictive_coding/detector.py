"""The change detector φ of a column: has its error just left rest, while its own prediction was quiet?

active_t = |ε_t| > threshold            moved_t = |Δμ_t| > threshold
φ_t      = active_t, and not active for the last t_d steps, and (with a gate) not moved_t

sent down:  ε          without a gate
            ε · open   gate="prediction": open from φ until μ moves
            φ ε        gate="pulse"
"""

from __future__ import annotations

import torch
from torch import Tensor


class ChangeDetector:
    """The φ cells of one area (or its one φ cell), and the gate of its feedback.

    Before the trial everything has been at rest for long.

    Args:
        gate, silence, threshold, pooled: see :class:`~corticalnet.rules.predictive_coding.fa_z_il.FaZIL`.
    """

    def __init__(
        self, gate: str = "none", silence: int = 4, threshold: float = 0.0, pooled: bool = False
    ) -> None:
        self.gated, self.pulsed = gate != "none", gate == "pulse"
        self.silence, self.threshold, self.pooled = silence, threshold, pooled
        self._silent: Tensor | None = None  # for how many steps each error has been zero
        self._open: Tensor | None = None  # whose feedback passes

    def watch(
        self, error: Tensor | None, shift: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Make one step; return φ, the pulse φ ε, and the signal that the error cells send down.

        Args:
            error: the error cells, None if they are all at rest.
            shift: how far predictions moved in this step, None if none did.
        """
        if error is None:
            return None, None, None
        active = self._leaves_rest(error)
        moved = None if shift is None or not self.gated else self._leaves_rest(shift)
        phi = active if self._silent is None else active & (self._silent >= self.silence)
        if moved is not None:
            phi = phi & ~moved
        before = self._silent
        if before is None:
            before = torch.full_like(active, self.silence, dtype=torch.int32)
        self._silent = (before + 1).masked_fill_(active, 0)
        # On a CPU it costs little to see that nobody fired, and saves a product; a GPU would have to wait.
        pulse = error * phi if phi.is_cuda or phi.any() else None
        return phi, pulse, self._sent(error, moved, phi, pulse)

    def _leaves_rest(self, signal: Tensor) -> Tensor:
        """Return whether a signal exceeds the threshold: per column, or per sample ``[batch, 1, …]``."""
        if self.pooled:
            signal = signal.abs().flatten(1).sum(1).view(-1, *(1,) * (signal.dim() - 1))
        return signal != 0 if not self.threshold else signal.abs() > self.threshold

    def _sent(self, error: Tensor, moved: Tensor | None, phi: Tensor, pulse: Tensor | None) -> Tensor | None:
        if not self.gated:
            return error
        if self.pulsed:
            return pulse
        still = self._open if self._open is None or moved is None else self._open & ~moved
        self._open = phi if still is None else phi | still
        return error * self._open
