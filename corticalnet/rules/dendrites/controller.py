"""A controller of the output: what it does to each area, and where it comes to rest.

J_l = ∂r_out/∂v_l      one sweep down for each output column
u (M + κ) = δ          M = Σ_l Q_l J_l
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from corticalnet.errors import RuleError
from corticalnet.network import Network
from corticalnet.network.links import Dense
from corticalnet.network.wiring import ForwardState, Wiring
from corticalnet.rules.equilibrium.phase import Convergence
from corticalnet.rules.feedback import Tied


@dataclass(frozen=True, eq=False)
class Controlled:
    """How the controller came to rest.

    Attributes:
        settled: after how many steps of Newton's method, and how far the output then is from where it should
            be (to first order in α nobody looks).
        response: M + κ, ``[batch, outputs, outputs]``.
    """

    settled: Convergence
    response: Tensor

    @property
    def stable(self) -> bool:
        """Return whether its dynamics come to rest: all eigenvalues of M + κ have a positive part."""
        return bool((torch.linalg.eigvals(self.response).real > 0).all())


class ControlLink(Dense):
    """The synapses of the controller on the apical dendrites of an area: one from each output column.

    Args:
        net: whose precision and device they have.
        node: of the area.
    """

    def __init__(self, net: Network, node: int) -> None:
        super().__init__(torch.Size(net.output_shape).numel(), init=0.0)
        name = control_name(net, node).removeprefix("control.")
        self.build(net.wiring.area(node).drive_shape, 0, name, False, net.like.dtype)
        self.to(net.like.device)


def control_name(net: Network, node: int) -> str:
    """Return the name of the weights Q of a node: "control.output->area1"."""
    return f"control.{net.wiring.name(net.wiring.output)}->{net.wiring.name(node)}"


def responses(wiring: Wiring, state: ForwardState, gains: bool = True) -> dict[int, Tensor]:
    """Compute J of every node, ``[batch, outputs, columns]``, by a sweep down for each output column.

    Args:
        wiring, state: a network that has fired.
        gains: whether with the gains f' of activations; those of other stages are always in it.
    """
    rates, tied = state.rates[-1], Tied()
    found: dict[int, list[Tensor]] = {node: [] for node, _ in wiring.above_input}
    for one in torch.eye(rates[0].numel(), dtype=rates.dtype, device=rates.device):
        down: list[Tensor | None] = [None] * len(state.rates)
        for node, area in wiring.above_input[::-1]:
            signal = tied.into(wiring, node, down)
            if signal is None:
                signal = one.view_as(rates[0]).expand_as(rates)
            trace = state.traces[node]
            down[node] = back = area.backward(signal, trace) if gains else area.to_state(signal, trace)
            found[node].append(back.flatten(1))
    return {node: torch.stack(rows, 1) for node, rows in found.items()}


def pushed(wiring: Wiring, free: ForwardState, pushes: Mapping[int, Tensor]) -> ForwardState:
    """Sweep up with a push in every apical dendrite, ``[batch, columns]`` by node; drives are those without.

    Masks and statistics are those of the free state.
    """
    state = ForwardState(free.rates[:1], free.drives[:1], free.traces[:1])
    for node, area in wiring.above_input:
        drive = wiring.drive(node, state.rates)
        rate, trace = area.forward(drive + pushes[node].view_as(drive), free.traces[node])
        state.drives.append(drive)
        state.rates.append(rate)
        state.traces.append(trace)
    return state


def solved(name: str, response: Tensor, aim: Tensor) -> Tensor:
    """Solve u (M + κ) = aim for each sample.

    Raises:
        RuleError: M + κ is singular.
    """
    u, info = torch.linalg.solve_ex(response.mT, aim[:, :, None])
    if info.any():
        raise RuleError(
            f"{name}: a controller has no steady state, for nothing moves some output; choose leak > 0"
        )
    return u[:, :, 0]  # type: ignore[no-any-return]
