"""Deep feedback control: a controller drives the output to its target through every area's apical dendrites.

    v_l = Σ W r + u Q_l,   r = f(v)                      what comes up, and what the controller sends
    δ   = α error,   r*  = r_out + δ                     where the output should be
    u   = K ∫ (r* − r_out − κ u)                         one controller for all, from the output's error alone

At rest u (M + κ) = δ to first order in α, where M = Σ_l Q_l J_l and J_l = ∂r_out/∂v_l. Each synapse learns
what would make its column do without the controller what it does with it (Meulemans et al. 2021):

    Δw = ⟨(f(basal + u Q) − f(basal)) / α × r⟩           contrasts = "rates"
    Δw = ⟨u Q / α × r⟩                                   contrasts = "potentials"

With Q_l = J_lᵀ and κ = 0, u Q_l is the smallest change of all potentials that makes the output right (a
Gauss–Newton step); with κ → ∞, κ u Q_l is backprop. There are no phases: where the output needs no control
nothing changes.

Q begins as the products of the weights up, transposed, without f'. It stays ("fixed"), or learns from noise
ξ in all apical dendrites and what it does to the output,

    ΔQ_l = ⟨Δr_outᵀ ξ_l⟩ / σ² − Q_l                      on average J_lᵀ − Q_l

Deviations from the paper
    1. What is learned is divided by α, so that a learning rate means the same for any α.
    2. The rest is worked out, to first order or (``settle``) by Newton's method, not by thousands of steps.
    3. Q learns from the output's own fluctuation in a sweep with noise, not from the controller's,
       high-passed; both tell what ξ does to the output.
    4. Homeostasis does not learn: nothing comes down to the rates of an area.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from corticalnet.checks import not_negative, positive, shown
from corticalnet.errors import RuleError, one_of
from corticalnet.network import Network
from corticalnet.network.links.link import accumulate_
from corticalnet.network.wiring import ForwardState, Wiring
from corticalnet.rules.base import LearningRule, LearnResult, Route
from corticalnet.rules.dendrites.controller import (
    Controlled,
    ControlLink,
    control_name,
    pushed,
    responses,
    solved,
)
from corticalnet.rules.equilibrium.phase import Convergence
from corticalnet.rules.plasticity import Plasticity
from corticalnet.rules.teaching import Teacher, Teaching

CONTROLS, COMPARISONS, SETTLES = ("fixed", "noise"), ("rates", "potentials"), ("first order", "rest")
#: Steps of Newton's method at most; it ends where what is left is so many times what numbers resolve.
_STEPS, _AT_REST = 20, 64.0
#: A controller has not settled if the output is still that far from where it should be, in units of δ.
_UNSETTLED = 0.01


class DeepFeedbackControl(LearningRule):
    """Deep feedback control (Meulemans et al. 2021), at its steady state.

    Args:
        alpha: α, how far towards its target the output is driven.
        leak: κ, of the controller.
        control: how the weights Q of the controller are had: "fixed", or learned by "noise".
        settle: "first order" in α (a linear equation for each sample) or "rest" (what the dynamics come to).
        contrasts: "rates" or "potentials", of columns with and without control.
        sigma: σ of the noise by which Q learns.
        own_rate: learning rate of Q, in units of that of the weights up.
        teaching: a teacher.

    Raises:
        RuleError: an impossible number, or a teaching signal that is no teacher.

    >>> import corticalnet as cn
    >>> rule, net = DeepFeedbackControl(control="noise"), cn.mlp([4, 3, 2])
    >>> [tuple(q.shape) for q in rule.parameters(net)]
    [(2, 3), (2, 2)]
    """

    name = "deep-feedback-control"
    needs_full_precision = True  # of what a column does with control and without
    takes_vectors = True
    transports_weights = True  # Q begins as their products

    def __init__(
        self,
        alpha: float = 0.1,
        leak: float = 0.1,
        control: str = "fixed",
        settle: str = "first order",
        contrasts: str = "rates",
        sigma: float = 0.1,
        own_rate: float = 1.0,
        teaching: Teaching | None = None,
    ) -> None:
        what = "deep feedback control"
        self.alpha = positive(f"{what}: alpha", alpha, RuleError)
        self.leak = not_negative(f"{what}: leak", leak, RuleError)
        one_of(f"{what}: control", control, CONTROLS, RuleError)
        one_of(f"{what}: settle", settle, SETTLES, RuleError)
        one_of(f"{what}: contrasts", contrasts, COMPARISONS, RuleError)
        self.control, self.settle, self.contrasts = control, settle, contrasts
        self.sigma = positive(f"{what}: sigma", sigma, RuleError)
        self.own_rate = positive(f"{what}: own_rate", own_rate, RuleError)
        self.teaching = Teacher() if teaching is None else teaching
        if not isinstance(self.teaching, Teacher):
            raise RuleError(f"{self.name} is controlled towards a Teacher's target, not by {shown(teaching)}")
        post = "f(basal + u Q) − f(basal)" if contrasts == "rates" else "u Q"
        self.equation = f"Δw = ⟨({post}) / α × r⟩,  u (Σ Q J + κ) = α error"

    # The controller's weights ---------------------------------------------------------------------
    def draw(self, net: Network) -> Mapping[str, Tensor]:
        """Return the first Q of every area: the products of the weights up, transposed, without f'."""
        twin = copy.deepcopy(net).eval()  # (it draws no masks, and keeps its statistics)
        still = twin.sweep(net.like.new_zeros(1, *net.input_shape))
        found = responses(twin.wiring, still, gains=False)
        return {control_name(net, node): q[0] for node, q in found.items()}

    def named_parameters(self, net: Network) -> Mapping[str, nn.Parameter]:
        """Return Q by name, ``control.output->area1``; frozen, if it is fixed."""
        own = super().named_parameters(net)
        for q in own.values():
            q.requires_grad_(self.control == "noise")
        return own

    def feedback_routes(self, net: Network) -> list[Route]:
        """Return a route from the output to every area, its own included."""
        own, output = self.named_parameters(net), net.wiring.output
        return [
            Route(node, output, ControlLink(net, node), own[control_name(net, node)]) for node in _nodes(net)
        ]

    def _controls(self, net: Network) -> dict[int, Tensor]:
        """Return Q by node, ``[outputs, columns]``."""
        own = self.named_parameters(net)
        return {node: own[control_name(net, node)] for node in _nodes(net)}

    # A trial ------------------------------------------------------------------------------------
    @torch.no_grad()
    def learn(self, net: Network, x: Any, targets: Any, *, accumulate: bool = False) -> LearnResult:
        """Fill the gradients by what the controller does; see :meth:`LearningRule.learn`.

        Raises:
            RuleError: there is no steady state.

        Warns:
            UserWarning: the controller has not settled.
        """
        wiring, activity = net.wiring, net.sweep(net.admit(x, least=1, to_learn=True))
        trial_loss = self.teaching.loss_for(activity.rates[-1], targets)
        for node, area in wiring.above_input:
            activity.traces[node] = area.freeze_statistics(activity.traces[node])
        controls = self._controls(net)
        u, state, details = self._rest(wiring, activity, controls, trial_loss.error(activity.rates[-1]))
        moved: list[Tensor | None] = [None] * len(activity.rates)
        for node, area in wiring.above_input:
            push = (u @ controls[node]).view_as(state.drives[node])
            if self.contrasts == "rates":
                push = area.state_of(state.drives[node] + push) - area.state_of(state.drives[node])
            moved[node] = push / self.alpha
        plasticity = Plasticity(net, len(activity.rates[0]), accumulate, learned=self._learned)
        self.observer.snapshot(wiring, {"rate": state.rates, "mismatch": moved})
        for node, _ in wiring.above_input:
            for source, link in wiring.arriving[node]:
                plasticity.hebbian(link, state.rates[source], moved[node])  # type: ignore[arg-type]
        plasticity.close()
        if self.control == "noise":
            self._learn_control(net, activity, controls, plasticity)
        return LearnResult(trial_loss, details)

    def _rest(
        self, wiring: Wiring, free: ForwardState, controls: Mapping[int, Tensor], error: Tensor
    ) -> tuple[Tensor, ForwardState, Controlled]:
        """Compute u at rest, and what columns hold then (their drives without what u adds to them)."""
        aim = self.alpha * error.flatten(1)
        response = self._response(wiring, free, controls)
        u = solved(self.name, response, aim)
        if self.settle == "first order":
            return u, free, Controlled(Convergence(1, 0.0), response)
        wanted, still = free.rates[-1].flatten(1) + aim, _AT_REST * torch.finfo(aim.dtype).eps
        for step in range(1, _STEPS + 1):
            state = pushed(wiring, free, {node: u @ q for node, q in controls.items()})
            left = wanted - state.rates[-1].flatten(1) - self.leak * u
            residual = left.abs().max().item()
            if residual <= still or step == _STEPS:
                break
            response = self._response(wiring, state, controls)
            u = u + solved(self.name, response, left)
        if not residual <= max(_UNSETTLED * aim.abs().max().item(), still):
            warnings.warn(
                f"{self.name}: the controller has not settled, the output is still {residual:.2g} from where "
                "it should be; choose a smaller alpha, or a larger leak",
                stacklevel=3,
            )
        return u, state, Controlled(Convergence(step, residual), response)

    def _response(self, wiring: Wiring, state: ForwardState, controls: Mapping[int, Tensor]) -> Tensor:
        """Compute M + κ, what u does to the output in this state, ``[batch, outputs, outputs]``."""
        down = responses(wiring, state)
        parts = [torch.einsum("ik,bjk->bij", q, down[node]) for node, q in controls.items()]
        total = torch.stack(parts).sum(0)
        return total + self.leak * torch.eye(total.shape[1], dtype=total.dtype, device=total.device)

    def _learn_control(
        self,
        net: Network,
        activity: ForwardState,
        controls: Mapping[int, Tensor],
        plasticity: Plasticity,
    ) -> None:
        """Accumulate the change of Q, by noise in all apical dendrites and what it does to the output."""
        noise = {n: self.sigma * torch.randn_like(activity.drives[n]) for n in controls}
        there = pushed(net.wiring, activity, noise)
        answer = (there.rates[-1] - activity.rates[-1]).flatten(1)
        nodes = range(len(activity.rates))
        cells: dict[str, Sequence[Tensor | None]] = {"noise": [noise.get(node) for node in nodes]}
        cells["fluctuation"] = [answer if node == net.wiring.output else None for node in nodes]
        self.observer.snapshot(net.wiring, cells)
        for node, q in controls.items():
            out, _, beta = plasticity.gradient_buffer(q)  # type: ignore[arg-type]
            seen = answer.T @ noise[node].flatten(1) / (len(answer) * self.sigma**2)
            accumulate_(q - seen, out, 1.0, beta)


def _nodes(net: Network) -> range:
    return range(1, net.wiring.output + 1)
