"""Difference reconstruction in steps (DRL): noise of one area goes through to the top, and comes down again.

    area.noisy       a copy: y + noise while it is the area's turn, f(drive) of the copies below otherwise
    area.brought     g(code above), of what has come back           recalled: of what is, by the same decoders
    area.returned    the code of y + brought − recalled; of the output: of what the copy has come to

    ΔV = rate/σ² · (missing · moved_returned − λ σ² V)        missing = noise − (brought − recalled)

(Meulemans et al. 2020.) One area after the other has noise, from the output down, for as long as it takes to
the top and back: 2d − 1 steps, d links below the output. A clock for each area tells it, and its decoders;
what they have seen waits until the last clock ticks for all synapses, since decoders that changed would spoil
what comes back to the areas below. All else is as in :mod:`corticalnet.columns.target_propagation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from corticalnet.circuits.cells.perturbed import PerturbationClock
from corticalnet.circuits.cells.returning import Brought, Passing, Returned, ReturnedOutput
from corticalnet.circuits.parts import Broadcast, Population, Projection, Wire
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.plasticity.decoding import MissingTimesMoved
from corticalnet.columns.area import AreaPopulations, AreaSpec, GlobalPopulations
from corticalnet.columns.refusals import first
from corticalnet.columns.registry import runs
from corticalnet.columns.target_propagation import TargetColumns, again
from corticalnet.rules.target_propagation.propagation import TargetPropagation
from corticalnet.rules.target_propagation.reconstruction import Difference


@runs(TargetPropagation)
class DifferenceColumns(TargetColumns):
    """Columns of difference reconstruction. One clock for each area tells it when its noise is on."""

    @classmethod
    def of_reconstruction(cls, rule: Any) -> str | None:
        """Return why decoders that learn so are not these columns'; None if they are."""
        if not isinstance(rule.reconstruction, Difference):
            return "other decoders learn from noise that goes up by one link"
        held = "columns without copies hold one pattern of noise, and what comes back is another; alternate=0"
        beside = "what auxiliary columns make of noise does not come back; choose auxiliary=0"
        label = "what comes back is no label; choose top='nudge'"
        return first(
            held if rule.alternate else None,
            beside if rule.auxiliary else None,
            label if rule.top == "label" else None,
        )

    def populations(self, area: AreaSpec) -> AreaPopulations:
        """Return the cells of an area: those of target propagation, and those that bring noise back."""
        made, sigma, gated = super().populations(area), self.rule.reconstruction.sigma, self._gated(area)
        if area.name not in self.copied:
            return made
        made.cells["noisy"] = Passing(area.activation, 0.0 if area.output else sigma)
        made.wires = [wire for wire in made.wires if (wire.target, wire.port) != ("noisy", "gain")]
        made.cells["returned"] = (ReturnedOutput if area.output else Returned)(gated)
        made.wires += [Wire("value", "returned", port, sends=port) for port in ("rate", "gain")]
        if area.output:
            made.wires.append(Wire("noisy", "returned", "reached", sends="reached"))
        if area.name in self.decoded:
            made.cells["brought"] = Brought()
            made.wires += [
                Wire("noisy", "brought", "noise", sends="noise"),
                Wire("recalled", "brought", "recalled", sends="rate"),
                Wire("brought", "returned", "brought", sends="rate"),
                Wire("recalled", "returned", "recalled", sends="rate"),
            ]
        return made

    def feedback_plasticity(self, area: AreaSpec) -> Plasticity:
        """Return the plasticity of decoders: by what they have not brought back, at their area's turn."""
        how = self.rule.reconstruction
        rate, decay = self.rate * self.rule.own_rate / how.sigma**2, how.damping * how.sigma**2
        return MissingTimesMoved(rate, "turn", consolidation="clock", decay=decay)

    def _down(self, down: Projection, above: str, told: str = "target") -> list[Projection]:
        """Return the readings of decoders: of what comes back, what is, and what should be."""
        below, now = down.target.rpartition(".")[0], f"{above}.{told}"
        own = replace(down, source=f"{above}.returned", target=f"{below}.brought", port="drive", sends="code")
        return [
            own,
            again(own, now, f"{below}.recalled", "drive", "code", "recalled"),
            again(own, now, f"{below}.wanted", "drive", "goal", "wanted"),
        ]

    def global_populations(
        self, areas: Sequence[AreaSpec], learning: dict[str, AreaSpec]
    ) -> GlobalPopulations:
        """Return the clocks: one for each area with decoders, and one for all synapses."""
        made = super().global_populations(areas, learning)
        for name, (begin, end) in self._turns(areas).items():
            made.populations.append(Population(f"{name}.turn", 1, PerturbationClock(begin, end)))
            made.broadcasts += [
                Broadcast(f"{name}.turn", [f"{name}.noisy"], "trying", f"{name} noise", "gate"),
                Broadcast(f"{name}.turn", [f"{name}.brought"], "tick", f"{name} turn", "turn"),
            ]
        return made

    def _turns(self, areas: Sequence[AreaSpec]) -> dict[str, tuple[int, int]]:
        """Return in which steps of teaching each area has noise, from the output down."""
        found, begin = {}, 0
        for area in sorted(areas, key=lambda area: area.depth):
            if area.name in self.decoded:
                found[area.name] = begin, begin + 2 * area.depth - 2
                begin += 2 * area.depth - 1
        return found

    def _last(self, areas: Sequence[AreaSpec]) -> int:
        """Return the step of teaching in which targets have come down, and all noise has come back."""
        return max(super()._last(areas), *(end for _, end in self._turns(areas).values()), 0)
