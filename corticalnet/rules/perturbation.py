"""Learning without feedback: perturb, and learn by the change of the loss, a global scalar (neuromodulator).

    weight perturbation    w̃ = w + ξ            Δw = −(L̃ − L) ξ / σ²
    node perturbation      r̃ = f(Σ w r̃) + ξ     Δw = ⟨−(L̃ − L) ξ / σ² ⊙ f'(drive) × r⟩
    REINFORCE              r = f(Σ w r) + ξ     Δw = ⟨−(L − b) ξ / σ² ⊙ f'(drive) × r⟩

with a ξ of its own for every synapse, or for every column. The first two compare with an undisturbed sweep:
in expectation they are the gradient of L up to terms of order σ², with the same dropout masks and the same
homeostasis in both sweeps. REINFORCE (Williams 1992) is the gradient of E[L] exactly, for any σ: there is no
undisturbed sweep, and b is what was to be expected. Their variance grows with the number of ξ, so weights
are worse than nodes (Lillicrap et al. 2020).

They are triggers of the product, with any teaching signal: L is the trial's loss, for each sample (if
reward teaches, that of the action that was taken; REINFORCE, which acts at random, learns of the reward
itself). What comes back is one number that is broadcast to all synapses, so there is no pathway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from corticalnet.checks import fraction, function, positive
from corticalnet.errors import RuleError, one_of
from corticalnet.rules.observer import Cells
from corticalnet.rules.perturbed_pass import Draw, by_sample, frozen, gaussian, perturb
from corticalnet.rules.trial import Trial
from corticalnet.rules.trigger import Trigger

_BASELINES = ["undisturbed", "opposite", "none"]


class _Perturbation(Trigger):
    """Common part of rules that perturb: noise, a baseline, and global scalars instead of a pathway."""

    writes_once = True
    uses_global_signal = True
    needs_full_precision = True

    def __init__(self, deviation: float, baseline: str, baselines: list[str], draw: Draw) -> None:
        kind = type(self).__name__
        self.deviation = positive(f"{kind}: deviation (σ of the noise)", deviation, RuleError)
        one_of("baseline", baseline, baselines, RuleError)
        self.baseline, self.draw = baseline, function(f"{kind}: draw", draw, RuleError)

    @property
    def capturable(self) -> bool:  # type: ignore[override]
        """Return whether noise is drawn from torch's generator."""
        return self.draw is gaussian


class WeightPerturbation(_Perturbation):
    """Weight perturbation: noise on all parameters at once; the whole batch sees the same noise.

    Args:
        deviation: σ.
        baseline: what the perturbed loss is compared with: that of the "undisturbed" sweep; that of the
            "opposite" noise (half their difference: terms of second order cancel, one sweep more); "none".
        draw: noise for a tensor, instead of standard-normal numbers (of variance 1).
    """

    equation = "Δw = −(L̃ − L) ξ / σ²,  w̃ = w + ξ"
    by_sample = False

    def __init__(self, deviation: float = 0.01, baseline: str = "undisturbed", draw: Draw = gaussian) -> None:
        super().__init__(deviation, baseline, _BASELINES, draw)

    def run(self, trial: Trial) -> None:
        """Perturb the weights, run a forward pass, restore the weights."""
        wiring, trial_loss, batch = trial.wiring, trial.loss, trial.plasticity.batch
        learned = [p for p in trial.plasticity.learned if p.requires_grad]
        masks = {id(link.weight): link.mask for link in trial.plasticity.net.links if link.mask is not None}
        noise = [self.deviation * self.draw(p.data) * masks.get(id(p), 1) for p in learned]
        traces = frozen(wiring, trial.activity)
        still: list[Tensor | None] = [None] * len(wiring.areas)

        def loss(sign: float) -> Tensor:
            before = [p.data.clone() for p in learned]
            for p, xi in zip(learned, noise, strict=True):
                p.data.add_(xi, alpha=sign)
            rates = perturb(wiring, trial.activity, traces, still, other_weights=True)
            for p, weights in zip(learned, before, strict=True):
                p.data.copy_(weights)
            return trial_loss.losses(rates[-1])

        change = compared(self.baseline, loss, trial_loss.losses(trial.activity.rates[-1])).mean()
        trial.observer.snapshot(wiring, {}, {"loss difference": change})
        credit = [(p, -batch * change / self.deviation**2 * xi) for p, xi in zip(learned, noise, strict=True)]
        trial.plasticity.credit(credit)


class NodePerturbation(_Perturbation):
    """Node perturbation: noise on the rates of all areas at once, each sample with its own.

    Args:
        deviation: σ.
        baseline: as for :class:`WeightPerturbation`.
        draw: noise for a tensor, instead of standard-normal numbers (of variance 1).
    """

    equation = "Δw = ⟨−(L̃ − L) ξ / σ² ⊙ f'(drive) × rate⟩,  r̃ = f(Σ w r̃) + ξ"

    def __init__(self, deviation: float = 0.01, baseline: str = "undisturbed", draw: Draw = gaussian) -> None:
        super().__init__(deviation, baseline, _BASELINES, draw)

    def run(self, trial: Trial) -> None:
        """Run a perturbed forward pass (two, with opposite noise); learn by the unperturbed rates."""
        wiring, activity, trial_loss = trial.wiring, trial.activity, trial.loss
        traces = frozen(wiring, activity)
        noise: list[Tensor | None] = [None]
        noise += [self.deviation * self.draw(rate) for rate in activity.rates[1:]]

        def loss(sign: float) -> Tensor:
            signed = [None if xi is None else sign * xi for xi in noise]
            return trial_loss.losses(perturb(wiring, activity, traces, signed)[-1])

        change = compared(self.baseline, loss, trial_loss.losses(activity.rates[-1]))
        teach(trial, noise, -change / self.deviation**2, "loss difference")


class REINFORCE(_Perturbation):
    """REINFORCE (Williams 1992): columns fire at random around f(drive), and learn by the outcome.

    The sweep that answers, and that is taught about, is the random one. Evaluation has no noise. L is the
    loss; if a reward teaches, it is −r, whatever was expected: noise in the rates makes other choices, and
    those that are rewarded are kept.

    Args:
        deviation: σ of a column's rate.
        baseline: b: the running "average" of L (the only thing kept from trial to trial; 0 before the
            first), that of an "undisturbed" sweep with the same masks, or "none".
        momentum: weight of the newest batch in the running average.
        draw: noise for a tensor, instead of standard-normal numbers (of variance 1).
    """

    equation = "Δw = ⟨−(L − b) ξ / σ² ⊙ f'(drive) × rate⟩,  rate = f(drive) + ξ"

    def __init__(
        self,
        deviation: float = 0.1,
        baseline: str = "average",
        momentum: float = 0.1,
        draw: Draw = gaussian,
    ) -> None:
        super().__init__(deviation, baseline, ["average", "undisturbed", "none"], draw)
        self.momentum = fraction("REINFORCE: momentum", momentum, RuleError)
        self._average = torch.zeros((), dtype=torch.float64)
        if baseline == "average":
            self.by_sample = False

    def forward_noise(self, rate: Tensor) -> Tensor:  # type: ignore[override]
        """Draw the noise of the sweep up that answers."""
        noise: Tensor = self.deviation * self.draw(rate)
        return noise

    def run(self, trial: Trial) -> None:
        """Learn by the noise of the forward pass itself, and the outcome less its baseline."""
        activity, trial_loss = trial.activity, trial.loss
        costs = trial_loss.costs(activity.rates[-1])
        advantage = -costs
        if self.baseline == "undisturbed":
            traces = frozen(trial.wiring, activity)
            still = perturb(trial.wiring, activity, traces, [None] * len(traces))
            advantage = trial_loss.costs(still[-1]) - costs
        elif self.baseline == "average":
            self._average = self._average.to(costs.device)
            advantage = self._average.to(costs.dtype) - costs
        teach(trial, activity.noise, advantage / self.deviation**2, "advantage")
        if self.baseline == "average":
            self._average.lerp_(costs.mean().to(torch.float64), self.momentum)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the running average."""
        return {"average": self._average} if self.baseline == "average" else {}


def compared(baseline: str, loss: Callable[[float], Tensor], undisturbed: Tensor) -> Tensor:
    """Compute L̃ less its baseline, ``[batch]``; ``loss(sign)`` is L̃ with ``sign`` times the noise."""
    perturbed = loss(1.0)
    if baseline == "opposite":
        return (perturbed - loss(-1.0)) / 2
    return perturbed - undisturbed if baseline == "undisturbed" else perturbed


def teach(trial: Trial, noise: list[Tensor | None], broadcast: Tensor, name: str) -> None:
    """Change every link by ``broadcast · noise · gain`` of its target, times the rate of its source.

    Args:
        trial: whose activity has the rates and gains.
        noise: by node.
        broadcast: the global scalar that all synapses learn by ``[batch]``.
        name: of that number.
    """
    wiring, activity = trial.wiring, trial.activity
    cells: Cells = {"rate": activity.rates, "drive": activity.drives, "noise": noise}
    trial.observer.snapshot(wiring, cells, {name: broadcast})
    activity = replace(activity, traces=frozen(wiring, activity))
    errors: list[Tensor | None] = [None]
    for node, area in wiring.above_input:
        xi = noise[node]
        assert xi is not None, "every area has noise"
        errors.append(area.backward(by_sample(broadcast, xi) * xi, activity.traces[node]))
    trial.plasticity.accumulate(wiring, activity, errors)
