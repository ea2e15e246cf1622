"""Target propagation: what comes down is not an error but where an area should be, as decoders know it.

    ŝ_L = s_L + α error                          or the wanted distribution ("label"), or one step of gradient
    r̂_l = r_l + g_l(ŝ above) − g_l(s above)      the difference: what decoders get wrong cancels out
    Δw  = ⟨p × r below⟩,   p = f' ⊙ (ŝ − s) / α  the gradient of ½‖ŝ − s‖², the target held constant

Each area's synapses learn what would bring it to its target, and no signed error crosses a synapse: the
difference is taken inside a column. How decoders g learn:
:mod:`corticalnet.rules.target_propagation.reconstruction`.

               top         decoders     they learn by       source
    TP         label       activation   noise-preserving    Le Cun 1986; Bengio 2014 (no difference: r̂ = g(ŝ))
    DTP        gradient    activation   noise-preserving    Lee et al. 2015
    SDTP       label       activation   denoising           Bartunov et al. 2018
    AO-SDTP    label       activation   denoising           Bartunov et al. 2018 (with auxiliary columns)
    DRL        nudge       linear       difference          Meulemans et al. 2020
    L-DRL      nudge       gated        local difference    Ernoult et al. 2022

Only "gradient" reads weights of the way up, those to the output (weight transport, as in Lee et al.).

Deviations from the papers
    1. p is divided by α, so that a learning rate means the same for any α, and α → 0 is a limit. (With a mean
       loss over the batch, as in some published code, targets depend on the batch's size; here they do not.)
    2. Noise is in all areas at once and goes up one link; with links that skip, it is the other ways' noise.
    3. An identity link has no decoder: what comes down it is its transpose.
    4. L-DRL's decoders are gated; the authors' code unpools, inverts the activation, and transposes.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from corticalnet.checks import flag, not_negative, positive, shown, whole
from corticalnet.errors import RuleError, one_of
from corticalnet.network import Network
from corticalnet.network.links import Link
from corticalnet.network.wiring import ForwardState
from corticalnet.rules.base import LearningRule, LearnResult, Route
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.target_propagation.decoders import KINDS, Auxiliary, Decoders, draw
from corticalnet.rules.target_propagation.reconstruction import RECONSTRUCTIONS, Encoding
from corticalnet.rules.teaching import Teacher, Teaching, TrialLoss

TOPS = ("gradient", "nudge", "label")


class TargetPropagation(LearningRule):
    """Target propagation, with decoders that learn beside the weights.

    Args:
        top: where targets begin: "gradient" (the areas below the output get one step down the loss, through
            the weights up), "nudge" (the output's own state, and α times the error), "label" (what the output
            tells, and what it should: its softmax and the wanted distribution under cross-entropy).
        difference: whether an area's target is its own rate plus the difference of what is decoded, or what
            is decoded itself.
        reconstruction: how decoders learn: "noise-preserving", "denoising", "difference" or
            "local difference".
        decoder: "activation", "linear" or "gated"; see :mod:`corticalnet.rules.target_propagation.decoders`.
        alpha: α, size of the step at the top (of no meaning with "label").
        sigma: σ of the noise by which decoders learn.
        samples: noise patterns in a trial.
        damping: λ, decay of decoders that learn by "difference".
        auxiliary: columns beside the output, at fixed random synapses, that tell decoders more (AO-SDTP).
        alternate: 0: decoders and weights learn in parallel, in the same update. 1: in each update decoders
            learn first, and then the weights with them. n > 1: n updates of decoders alone, n of weights
            alone (with the n batches of an epoch: one epoch of each).
        own_rate: learning rate of decoders, in units of that of the weights up.
        seed: of first decoders and of auxiliary synapses.
        teaching: a teacher, or a reward whose error says where to.

    Raises:
        RuleError: an impossible number, or parts that do not go together.
    """

    name = "target-propagation"
    needs_full_precision = True  # differences of what is decoded
    takes_vectors = True
    takes_time = True

    def __init__(
        self,
        top: str = "gradient",
        difference: bool = True,
        reconstruction: str = "noise-preserving",
        decoder: str = "activation",
        alpha: float = 0.1,
        sigma: float = 0.1,
        samples: int = 1,
        damping: float = 0.0,
        auxiliary: int = 0,
        alternate: int = 0,
        own_rate: float = 1.0,
        seed: int = 1,
        teaching: Teaching | None = None,
    ) -> None:
        what = "target propagation"
        one_of(f"{what}: top", top, TOPS, RuleError)
        one_of(f"{what}: decoder", decoder, KINDS, RuleError)
        one_of(f"{what}: reconstruction", reconstruction, RECONSTRUCTIONS, RuleError)
        how = RECONSTRUCTIONS[reconstruction]
        if decoder not in how.kinds:
            raise RuleError(
                f"{what}: reconstruction '{reconstruction}' is for decoders that are "
                f"{' or '.join(how.kinds)}, not '{decoder}'"
            )
        self.top, self.difference = top, flag(f"{what}: difference", difference, RuleError)
        self.decoder = decoder
        step = positive(f"{what}: alpha", alpha, RuleError)
        self.alpha = 1.0 if top == "label" else step
        self.reconstruction = how(
            positive(f"{what}: sigma", sigma, RuleError),
            whole(f"{what}: samples", samples, RuleError),
            not_negative(f"{what}: damping", damping, RuleError),
        )
        self.auxiliary = whole(f"{what}: auxiliary", auxiliary, RuleError, least=0)
        if self.auxiliary and top == "gradient":
            raise RuleError(
                f"{what}: auxiliary columns tell decoders of the output's targets, and with top='gradient' "
                "none decodes the output; choose top='label' or 'nudge'"
            )
        self.alternate = whole(f"{what}: alternate", alternate, RuleError, least=0)
        self.own_rate = positive(f"{what}: own_rate", own_rate, RuleError)
        self.seed = whole(f"{what}: seed", seed, RuleError, least=None)
        self.teaching = Teacher() if teaching is None else teaching
        if top == "label" and not isinstance(self.teaching, Teacher):
            raise RuleError(f"{what}: top='label' needs a Teacher, not {shown(teaching)}; choose top='nudge'")
        self.rewarded = self.teaching.rewarded
        self.transports_weights = top == "gradient"
        self.changes_during_trial = bool(self.alternate)
        own = "r + g(ŝ above) − g(s above)" if self.difference else "g(ŝ above)"
        self.equation = f"Δw = ⟨f' ⊙ (ŝ − s) / α × r⟩,  r̂ = {own},  {self.reconstruction.equation}"
        self._beside: Auxiliary | None = None
        self._updates = torch.zeros((), dtype=torch.int64)

    # Decoders -----------------------------------------------------------------------------------
    def draw(self, net: Network) -> Mapping[str, Tensor]:
        """Draw the initial weights of the decoders."""
        beside = Auxiliary(net, self.auxiliary, self.seed) if self.auxiliary else None
        self._beside = beside if beside is not None and beside.links else None
        return draw(net, self.decoder, self._beside, self._to_output, self.seed)

    def decoders(self, net: Network) -> Decoders:
        """Return the decoders of a network, as they are now."""
        return Decoders(net, self.decoder, self.named_parameters(net), self._beside, self._to_output)

    def without_noise(self) -> TargetPropagation:
        """Return a copy whose decoders learn from rates as they are, as a circuit's without noise do."""
        other = copy.deepcopy(self)
        other.reconstruction.noisy = False
        return other

    @property
    def _to_output(self) -> bool:
        """Return whether the output is decoded too."""
        return self.top != "gradient"

    def named_buffers(self) -> Mapping[str, Tensor]:
        """Return the number of updates so far, if decoders and weights take turns; otherwise none."""
        return {"updates": self._updates} if self.alternate > 1 else {}

    def feedback_routes(self, net: Network) -> list[Route]:
        """Return all routes down: by decoders, or by the links' own weights where there is none."""
        own, routes = self.named_parameters(net), []
        for node in range(1, net.wiring.output):
            for above, link in net.wiring.leaving[node]:
                routes.append(Route(node, above, link, own.get(f"decoder.{link.name}", link.weight)))
        return routes

    def own_links(self, net: Network) -> list[Link]:
        """Return the links to auxiliary columns."""
        self.named_parameters(net)
        return list(self._beside.links.values()) if self._beside is not None else []

    def encoding(self, net: Network, activity: ForwardState, trial_loss: TrialLoss | None) -> Encoding:
        """Return what columns hold after a sweep up, and what decoders are told of it.

        ``trial_loss`` says what the output answers, where targets are labels.
        """
        told = trial_loss.answer if trial_loss is not None and self.top == "label" else None
        return Encoding(net.wiring, activity, self.decoders(net), told, self.of_two)

    # A trial ------------------------------------------------------------------------------------
    @torch.no_grad()
    def learn(self, net: Network, x: Any, targets: Any, *, accumulate: bool = False) -> LearnResult:
        """Fill the gradients of weights and decoders by one trial; see :meth:`LearningRule.learn`."""
        return self._trial(net, x, targets, accumulate)

    @torch.no_grad()
    def update(self, net: Network, x: Any, targets: Any, optimizer: torch.optim.Optimizer) -> LearnResult:
        """Make one whole update: of both, or with ``alternate`` of decoders and weights by turns."""
        if not self.alternate:
            return super().update(net, x, targets, optimizer)
        self._ready(net, optimizer)
        turn = int(self._updates) // self.alternate % 2
        self._updates += 1
        parts = ("decoders", "weights") if self.alternate == 1 else (("decoders", "weights")[turn],)
        for part in parts:
            for parameter in (*self._learned, *self._own.values()):
                parameter.grad = None  # (an optimizer leaves what has no gradient where it is)
            with torch.autocast(net.like.device.type, enabled=False):
                result = self._trial(net, x, targets, False, part)
            self._step(net, optimizer)
        return result

    def _trial(self, net: Network, x: Any, targets: Any, accumulate: bool, part: str = "") -> LearnResult:
        """Run one trial in which the weights learn, the decoders, or both."""
        activity = net.sweep(net.admit(x, least=1, to_learn=True))
        trial_loss = self.teaching.loss_for(activity.rates[-1], targets)
        encoding = self.encoding(net, activity, trial_loss)
        plasticity = Plasticity(net, len(activity.rates[0]), accumulate, learned=self._learned)
        if part != "decoders":
            errors = self._errors(encoding, trial_loss)
            self.observer.snapshot(net.wiring, {"rate": activity.rates, "error": errors})
            plasticity.accumulate(net.wiring, activity, errors)
            plasticity.close()
        if part != "weights":
            self.reconstruction.learn(encoding, plasticity, self.observer)
        return LearnResult(trial_loss)

    def _errors(self, encoding: Encoding, trial_loss: TrialLoss) -> list[Tensor | None]:
        """Compute the error p of every node, from the output down."""
        wiring, traces, output = encoding.wiring, encoding.activity.traces, encoding.wiring.output
        nothing = torch.empty(0)
        errors, moved = [nothing] * len(wiring.areas), [nothing] * len(wiring.areas)  # moved: (ŝ − s) / α
        goal = list(encoding.codes)  # codes of targets
        error = trial_loss.error(encoding.activity.rates[output])
        moved[output] = wiring.area(output).to_state(error, traces[output])
        errors[output] = wiring.area(output).to_drive(moved[output], traces[output])
        goal[output] = self._goal(encoding, output, error if self.top == "label" else moved[output])
        for node in range(output - 1, 0, -1):
            area, signal = wiring.area(node), self._signal(encoding, node, goal, errors)
            moved[node] = area.to_state(signal, traces[node])
            errors[node] = area.to_drive(moved[node], traces[node])
            goal[node] = self._goal(encoding, node, moved[node])
        return [None, *errors[1:]]

    def _goal(self, encoding: Encoding, node: int, moved: Tensor) -> Tensor:
        """Return the code of an area at its target."""
        if node == encoding.wiring.output and self.top == "label":
            return encoding.codes[node] + moved
        return encoding.code(node, encoding.states[node] + self.alpha * moved)

    def _signal(
        self,
        encoding: Encoding,
        node: int,
        goal: list[Tensor],
        errors: list[Tensor],
    ) -> Tensor:
        """Compute the top-down signal (r̂ − r) / α of a hidden area."""
        wiring, rate = encoding.wiring, encoding.activity.rates[node]
        there = encoding.decoders.rates(node, goal)
        signal = torch.zeros_like(rate)
        if there is not None:
            signal = (there - (encoding.recalled(node) if self.difference else rate)) / self.alpha
        for above, link in wiring.leaving[node]:
            if not link.plastic or (above == wiring.output and not self._to_output):
                signal = signal + link.feedback(errors[above], link.weight)
        return signal
