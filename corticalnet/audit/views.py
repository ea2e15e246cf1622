"""The views of a rule: as a network, in steps, in continuous time, in spikes. Each says what would change."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from corticalnet.analysis.ranges import ranges
from corticalnet.audit.trials import Trials
from corticalnet.circuits import Circuit
from corticalnet.columns import Continuous
from corticalnet.columns.beside import Changes
from corticalnet.columns.registry import spiking_dynamics
from corticalnet.columns.spiking import SPIKING, RateCode, spiking, spiking_populations
from corticalnet.errors import CircuitError, CircuitWarning
from corticalnet.experiment.noise import Noise

#: More spiking cells than this are no trial of a few minutes.
MOST_CELLS = 1_000_000


@dataclass(frozen=True)
class View:
    """One way to run the trials.

    Args:
        name: for tables.
        dynamics: continuous time; steps of the rule if not given.
        cells: spiking cells for each column and sign; rates if 0.
        cell: their kind.
        noise: standard deviation of noise in every cell on which plastic synapses end, in each step.
        network: whether it is the network view; then there is no circuit at all.
        options: of ``cn.spiking``: ranges (measured if not given), max_rate, synapse, push_pull.
    """

    name: str
    dynamics: Continuous | None = None
    cells: int = 0
    cell: str = "pif"
    noise: float = 0.0
    network: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self, trials: Trials) -> Circuit:
        """Build the circuit; ranges of spikes are those of all trials together, run as rates.

        Raises:
            CircuitError: there is no such circuit of this network and rule.
        """
        rates = trials.circuit(self.dynamics)
        if not self.cells:
            return rates
        cells = self.cells * sum(rates.population(name).n for name in spiking_populations(rates, SPIKING))
        if cells > MOST_CELLS:
            raise CircuitError(
                f"{cells:,} spiking cells for each sign are more than the {MOST_CELLS:,} that a trial is run "
                "with; take fewer cells for each column, or a smaller network"
            )
        options = dict(self.options)
        if options.get("ranges") is None:
            options["ranges"] = ranges(rates, trials.protocol(rates, self.dynamics))
        return spiking(rates, self.cells, self.cell, **options)

    def run(
        self, trials: Trials, engine: str = "torch", seed: int = 0, tick: Any = None, **options: Any
    ) -> list[Changes]:
        """Run all trials, each from the same weights; return their changes.

        Raises:
            CircuitError: there is no such circuit of this network and rule.
        """
        tick, found = tick or (lambda: None), []
        if self.network:
            for k in range(len(trials)):
                found.append(trials.learned(k))
                tick()
            return found
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", CircuitWarning
            )  # what is known to fail is measured, not warned of
            made = self.build(trials)
            ends = dict.fromkeys((p.target, p.port) for p in made.plastic)
            noise = [
                Noise(name, port, self.noise, seed)
                for name, port in ends
                if self.noise and made.population(name).cell.ports[port] == "predict"
            ]
            for k in range(len(trials)):
                found.append(
                    trials.simulated(
                        made,
                        k,
                        self.dynamics,
                        engine,
                        noise=noise,
                        seed=seed + k,
                        **options,
                    )
                )
                tick()
        return found


def usual_views(
    rule: Any, cells: int = 100, cell: str = "pif", window: float | str | None = None
) -> list[View]:
    """Return the usual views: network, steps, continuous time at three step sizes (τ = 10 ms), spikes.

    Raises:
        CircuitError: there are no such cells.
        UnitError: the window is no time.
    """
    tau = 10.0
    found = [View("network", network=True), View("steps")]
    found += [
        View(f"rates, dt = {share * tau:g} ms", Continuous(tau=tau, dt=share * tau))
        for share in (0.5, 0.2, 0.1)
    ]
    RateCode(cells, cell)  # impossible ones are told at once
    how = spiking_dynamics(rule)
    if window is not None:
        how = windowed(how, Continuous(read_delay=window).ms("read_delay"))
    return [*found, View(f"{cells} {cell} cells", how, cells, cell)]


def windowed(how: Continuous, window: float) -> Continuous:
    """Return the same dynamics with another read delay, and averages that scale with it."""
    return replace(how, read_delay=window, average=how.ms("average") * window / how.ms("read_delay"))
