"""Predictive-coding columns: value and error cells that infer, all areas at once, step by step.

In the words of Song et al. 2020 (their layers count down from the input; our areas count up):

    μ_l = Σ W f(x_{l−1})                       prediction: the drive from below
    ε_l = x_l − μ_l                            error cell
    x_l ← x_l + γ (−ε_l + f'(x_l) ⊙ Wᵀ ε_{l+1})      value cell, every area from the same old state

The output area's value is clamped by the teacher: its error is that of the teaching signal at the
output's present prediction, ``f'(μ) ⊙ (t − f(μ))`` for the squared loss, so any loss will do.

Two things make it exact and cheap. The error cell holds its own drive (``ε ← ε + Δx − Δμ``) instead of
subtracting two large numbers, so small errors survive float32 and cells at rest are exactly at zero.
And an error travels one link per step, so areas that it cannot have reached yet are left alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from corticalnet.rules.trial import Trial


class PredictiveCodingState:
    """Value and error cells of every area in one trial, starting from the feedforward sweep (C1).

    Lists go by node of the trial's wiring. An error of None is exactly zero everywhere.

    Args:
        trial: a trial whose network has fired and whose loss is known.
        noise: s.d. of Gaussian noise on the initial values of hidden areas (C1 broken on purpose).
    """

    def __init__(self, trial: Trial, noise: float = 0.0) -> None:
        self.trial, self.wiring = trial, trial.wiring
        activity, nodes = trial.activity, len(trial.wiring.areas)
        self.values, self.predictions = list(activity.drives), list(activity.drives)
        self.rates, self.traces = list(activity.rates), list(activity.traces)
        self.errors: list[Tensor | None] = [None] * nodes
        #: How far predictions moved in the last step (None: none did).
        self.moved: list[Tensor | None] = [None] * nodes
        if noise:
            self._perturb(noise)
        self._update_output_error()
        self._notify()

    @property
    def hidden(self) -> range:
        """Return the nodes between input and output."""
        return range(1, self.wiring.output)

    def teach(self, errors: list[Tensor | None]) -> None:
        """Accumulate ``error × rate`` for links into areas whose error is given, at the present state."""
        plasticity, wiring = self.trial.plasticity, self.wiring
        # Homeostasis learns with the links that leave its area; read them before they change.
        for node in self.hidden:
            area = wiring.area(node)
            if area.learns:
                signal = self.trial.feedback.into(wiring, node, errors)
                if signal is not None:
                    area.backward(signal, self.traces[node])
                    plasticity.credit(area.parameter_gradients(self.traces[node]))
        if errors[-1] is not None:
            plasticity.credit(wiring.area(-1).parameter_gradients(self.traces[-1]))
        for node in range(1, wiring.output + 1):
            error = errors[node]
            if error is not None:
                for source, link in wiring.arriving[node]:
                    plasticity.hebbian(link, self.rates[source], error)

    def move(
        self, rate: float, sent: list[Tensor | None] | None = None, weights_change: bool = False
    ) -> None:
        """Make one inference step of every value cell; then update predictions and errors.

        Args:
            rate: γ.
            sent: what error cells send down; their errors if not given.
            weights_change: let the optimizer step after feedback was read and before predictions are.
        """
        sent = self.errors if sent is None else sent
        changes = [self._change(node, sent) for node in range(self.wiring.output)]  # per γ
        if weights_change and self.trial.change_weights is not None:
            self.trial.change_weights()
        else:
            weights_change = False
        for node in self.hidden:
            change = changes[node]
            if change is not None:
                self.values[node] = torch.add(self.values[node], change, alpha=rate)
                error = self.errors[node]
                self.errors[node] = rate * change if error is None else torch.add(error, change, alpha=rate)
                area = self.wiring.area(node)
                self.rates[node], self.traces[node] = area.forward(self.values[node], self.traces[node])
        for node in range(1, self.wiring.output + 1):
            sources = self.wiring.arriving[node]
            if weights_change or any(changes[source] is not None for source, _ in sources):
                self._predict(node)
            else:
                self.moved[node] = None
        self._update_output_error()
        self._notify()

    def _change(self, node: int, sent: list[Tensor | None]) -> Tensor | None:
        """Compute the change ``−ε + f'(x) ⊙ feedback`` of values, per γ; None where no error has arrived."""
        if node == 0:
            return None
        signal, error = self.trial.feedback.into(self.wiring, node, sent), self.errors[node]
        if signal is not None:
            signal = self.wiring.area(node).backward(signal, self.traces[node])
            signal = signal if error is None else signal - error
        elif error is not None:
            signal = -error
        return signal

    def _predict(self, node: int) -> None:
        prediction = self.wiring.drive(node, self.rates)
        shift = prediction - self.predictions[node]
        self.moved[node] = shift
        self.predictions[node] = prediction
        if node != self.wiring.output:
            error = self.errors[node]
            self.errors[node] = -shift if error is None else error - shift

    def _update_output_error(self) -> None:
        """Update the output's error at its present prediction."""
        area, prediction = self.wiring.area(-1), self.predictions[-1]
        if self.moved[-1] is not None:
            self.rates[-1], self.traces[-1] = area.forward(prediction, self.traces[-1])
        elif self.errors[-1] is not None:
            return
        self.errors[-1] = area.backward(self.trial.loss.error(self.rates[-1]), self.traces[-1])

    def _notify(self) -> None:
        """Notify the observer that a step is over."""
        cells: dict[str, Sequence[Tensor | None]] = {
            "rate": self.rates,
            "value": self.values,
            "prediction": self.predictions,
            "error": self.errors,
            "shift": self.moved,
        }
        self.trial.observer.snapshot(self.wiring, cells)

    def _perturb(self, noise: float) -> None:
        for node in self.hidden:
            shift = noise * torch.randn_like(self.values[node])
            self.values[node] = self.values[node] + shift
            self.errors[node] = shift
            area = self.wiring.area(node)
            self.rates[node], self.traces[node] = area.forward(self.values[node], self.traces[node])
        for node in range(2, self.wiring.output + 1):
            self._predict(node)
