"""Persistent states: a free phase that begins where the sample's last one ended (Scellier & Bengio 2017).

Weights have changed little since, so that few steps suffice. What that hides:

    1. Samples of the first epoch, of the test set, and samples that are changed whenever they are shown (by
       augmentation, noise) begin with a sweep: with steps that suffice for known samples alone, theirs do not
       settle. They are warned of as always, and the residual of known samples says nothing about them.
    2. An equilibrium that a sweep does not lead to: where there are several, training goes on in that of the
       past, and what the network answers in a test is another.
    3. Memory: a state for each column and sample.

A sample is known again by its numbers (a hash of them), whatever the order in which samples come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from corticalnet.errors import RuleError
from corticalnet.rules.equilibrium.phase import RelaxationPhase, fire


class Visits:
    """The states of all samples at the end of their last free phase."""

    def __init__(self) -> None:
        self._place: dict[bytes, int] = {}
        self._states: list[Tensor] = []  # of each area: [samples, *columns]

    def restore(self, phase: RelaxationPhase) -> None:
        """Set the states of known samples to where they were left; others stay as they are."""
        known = [(k, self._place[key]) for k, key in enumerate(_keys(phase)) if key in self._place]
        if not known or not self._fit(phase):
            return
        here, there = (
            torch.tensor(index, device=phase.rates[0].device) for index in zip(*known, strict=True)
        )
        for (node, area), kept in zip(phase.wiring.above_input, self._states, strict=True):
            state = phase.states[node].clone()
            state[here] = kept.to(state)[there]
            phase.states[node] = state
            phase.rates[node], phase.traces[node] = fire(area, state, phase.traces[node])

    def keep(self, phase: RelaxationPhase) -> None:
        """Keep the states of all samples of a phase."""
        states = [phase.states[node] for node, _ in phase.wiring.above_input]
        if not self._fit(phase):  # another network
            self._place, self._states = {}, [state[:0].clone() for state in states]
        keys = _keys(phase)
        new = [key for key in dict.fromkeys(keys) if key not in self._place]
        self._place |= {key: len(self._place) + k for k, key in enumerate(new)}
        where = torch.tensor([self._place[key] for key in keys], device=states[0].device)
        for k, state in enumerate(states):
            kept = self._states[k].to(state)
            self._states[k] = torch.cat([kept, state.new_zeros(len(new), *state.shape[1:])])
            self._states[k][where] = state

    def _fit(self, phase: RelaxationPhase) -> bool:
        """Return whether kept states are of such columns."""
        shapes = [phase.states[node].shape[1:] for node, _ in phase.wiring.above_input]
        return [state.shape[1:] for state in self._states] == shapes

    # Checkpoints ---------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Tensor]:
        """Return keys ``[samples, 16]`` and states by name; nothing before the first sample."""
        if not self._place:
            return {}
        keys = torch.tensor([list(key) for key in self._place], dtype=torch.uint8)
        return {"visits.keys": keys} | {f"visits.{k}": state for k, state in enumerate(self._states)}

    def load_state_dict(self, name: str, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            RuleError: it is something else; nothing is changed then. The message begins with ``name``.
        """
        names = ["visits.keys", *(f"visits.{k}" for k in range(len(state) - 1))]
        if state and set(state) != set(names):
            raise RuleError(f"{name}: {', '.join(state)} are no persistent states; they are of another rule")
        keys, *states = [state[one] for one in names] if state else [torch.zeros(0, 16, dtype=torch.uint8)]
        if keys.dtype != torch.uint8 or keys.shape[1:] != (16,):
            raise RuleError(f"{name}: keys of persistent states are {tuple(keys.shape)}, not [samples, 16]")
        for one in states:
            if len(one) != len(keys) or not one.is_floating_point() or not bool(one.isfinite().all()):
                raise RuleError(f"{name}: persistent states are no numbers of {len(keys)} samples")
        self._place = {bytes(key): k for k, key in enumerate(keys.tolist())}
        self._states = [one.clone() for one in states]


def _keys(phase: RelaxationPhase) -> list[bytes]:
    """Return a hash of each sample's numbers."""
    rows = phase.rates[0].flatten(1).cpu().numpy()
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows]
