"""A layout as Brian2 objects: one NeuronGroup, a Synapses for each bundle, and everything in its slot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.circuits.experiment.script import Script
from corticalnet.engines.brian2_engine.bundles import Bundle
from corticalnet.engines.brian2_engine.layout import Layout
from corticalnet.engines.brian2_engine.learning import events, texts
from corticalnet.engines.brian2_engine.library import brian2, functions

Array = NDArray[np.float64]
#: Brian2's own slots that come after ours, for objects that users add; then what is recorded.
OWN_SLOTS = ["groups", "thresholds", "synapses", "resets"]


class Model:
    """The Brian2 objects of a circuit.

    Args:
        layout: what to build.
        weights: by projection.

    Attributes:
        network: all of them.
        cells: the group; row by row the columns of all areas.
        synapses: by bundle name.
        namespace: what code may name, besides variables.
    """

    def __init__(self, layout: Layout, weights: Mapping[str, Array]) -> None:
        b2 = brian2()
        self.layout = layout
        self.dt = float(layout.circuit.dt) * b2.ms
        self.namespace: dict[str, Any] = {**functions(), "run_start": 0 * b2.ms}
        self._clock = b2.Clock(self.dt, name="step")
        announced = {}
        for bundle in layout.bundles.all:
            for total in bundle.totals:
                if total.event:
                    announced[f"{bundle.name}_{total.target}"] = f"{total.reads} != 0.0"
            for slot, condition in events(layout, bundle).items():
                announced[f"{bundle.name}_{slot}"] = condition
        self.cells = b2.NeuronGroup(
            layout.n, "\n".join(f"{name} : 1" for name in layout.fields), events=announced, clock=self._clock,
            namespace=self.namespace, name="cells", method="euler",
        )  # fmt: skip
        phases = [phase.name for phase in layout.plan.schedule]
        late = phases.index("record") if "record" in phases else len(phases)
        self.network = b2.Network(self.cells)
        self.network.schedule = ["start", *phases[:late], *OWN_SLOTS, *phases[late:], "end"]
        self._subgroups: dict[tuple[int, int], Any] = {(0, layout.n): self.cells}
        self.synapses: dict[str, Any] = {}
        self._tied: dict[str, Any] = {}
        self._each: dict[str, Any] = {}
        self._noise: dict[tuple[str, str], Any] = {}
        self.runners = [
            self.regularly(code.rows, code.lines, code.phase, code.order) for code in layout.codes
        ]
        for bundle in layout.bundles.all:
            self._build(bundle)
        self.rest()
        self.set_weights(weights)

    # Building ----------------------------------------------------------------------------------
    def regularly(self, rows: tuple[int, int], lines: list[str], phase: str, order: int) -> Any:
        """Code for some rows, added to the network."""
        if rows not in self._subgroups:
            self._subgroups[rows] = self.cells[rows[0] : rows[1]]
        when = str(order) if order > 0 else f"noise_{-order}"
        name = f"{phase}_{when}_rows_{rows[0]}_{rows[1]}"
        runner = self._subgroups[rows].run_regularly("\n".join(lines), when=phase, order=order, name=name)
        self.network.add(runner)
        return runner

    def follow(self, layout: Layout) -> None:
        """Take over the code of a layout of the same plan (with other inputs and noise)."""
        for runner, code in zip(self.runners, layout.codes, strict=True):
            runner.abstract_code = "\n".join(code.lines)
        for bundle in layout.bundles.all:
            pathways, each = texts(layout, bundle)
            for slot, text in pathways.items():
                getattr(self.synapses[bundle.name], slot).code = text
                self.cells.events[f"{bundle.name}_{slot}"] = events(layout, bundle)[slot]
            if each:
                self._each[bundle.name].abstract_code = each

    def _build(self, bundle: Bundle) -> None:
        b2 = brian2()
        lines = ["w : 1"] if bundle.weighted else []
        sent = [total for total in bundle.totals if total.event]
        for total in (total for total in bundle.totals if not total.event):
            here, there = ("pre", "post") if total.back else ("post", "pre")
            what = f"{total.reads}_{there}"
            lines.append(f"{total.target}_{here} = {f'w * {what}' if bundle.weighted else what} : 1 (summed)")
        if bundle.plastic is not None and bundle.plastic.plasticity is not None:
            lines += ["trace : 1"] if bundle.plastic.plasticity.remembers else []
            lines += ["dw : 1", "back : 1"] if bundle.tied else []
        pathways, each = texts(self.layout, bundle)
        on_pre = {total.target: f"{total.target}_post += w" for total in sent}  # an event is 1
        options: dict[str, Any] = {}
        if pathways or on_pre:
            options = {
                "on_pre": on_pre or None,
                "on_post": pathways or None,
                "on_event": {name: f"{bundle.name}_{name}" for name in (*on_pre, *pathways)},
                "delay": dict.fromkeys((*on_pre, *pathways), 0 * b2.ms),
            }
        made = b2.Synapses(
            self.cells, self.cells, "\n".join(lines), name=bundle.name, clock=self._clock,
            namespace=self.namespace, method="euler", **options,
        )  # fmt: skip
        made.connect(i=np.concatenate(bundle.pre), j=np.concatenate(bundle.post))
        for total in sent:
            self.cells.set_event_schedule(
                f"{bundle.name}_{total.target}", when=total.phase, order=total.order - 1
            )
            pathway = getattr(made, total.target)
            pathway.when, pathway.order = total.phase, total.order
        for total in (total for total in bundle.totals if not total.event):
            updater = made.summed_updaters[f"{total.target}_{'pre' if total.back else 'post'}"]
            updater.when, updater.order = total.phase, total.order
        order, phase = bundle.learn_order, bundle.learn_phase
        if each:
            runner = made.run_regularly(each, when=phase, order=order + 1, name=f"{bundle.name}_change")
            self._each[bundle.name] = runner
        for slot in pathways:
            self.cells.set_event_schedule(f"{bundle.name}_{slot}", when=phase, order=order)
            pathway = getattr(made, slot)
            pathway.when, pathway.order = phase, order + (1 if slot == "learn" else 2)
        self.synapses[bundle.name] = made
        self.network.add(made)
        if bundle.tied:
            self._tie(bundle, made)

    def _tie(self, bundle: Bundle, made: Any) -> None:
        """Changes of synapses that share a weight are summed in a group of weights, and given back."""
        b2 = brian2()
        member = bundle.members[0]
        size, name = int(member.weight.max()) + 1, f"{bundle.name}_weights"
        shared = b2.NeuronGroup(size, "total : 1", clock=self._clock, name=name)
        ties = b2.Synapses(
            made, shared, "total_post = dw_pre : 1 (summed)\nback_pre = total_post : 1 (summed)",
            clock=self._clock, name=f"{bundle.name}_ties",
        )  # fmt: skip
        ties.connect(i=np.arange(bundle.size), j=member.weight)
        for k, name in enumerate(("total_post", "back_pre"), start=2):
            updater = ties.summed_updaters[name]
            updater.when, updater.order = bundle.learn_phase, bundle.learn_order + k
        made.run_regularly(
            "w += back", when=bundle.learn_phase, order=bundle.learn_order + 4, name=f"{bundle.name}_share"
        )
        self._tied[bundle.name] = (shared, ties)
        self.network.add(shared, ties)

    # State -------------------------------------------------------------------------------------
    def rest(self) -> None:
        """Every field and trace at rest."""
        for name, values in self.layout.fields.items():
            self.cells.variables[name].set_value(values)
        for made in self.synapses.values():
            if "trace" in made.variables:
                made.variables["trace"].set_value(np.zeros(len(made)))

    def synaptic_weights(self, weights: Mapping[str, Array], bundle: Bundle) -> Array:
        """Weights of every synapse of a bundle."""
        return np.concatenate([np.ravel(weights[m.projection])[m.weight] for m in bundle.members])

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Give every synapse its weight."""
        for bundle in self.layout.bundles.all:
            if bundle.weighted:
                self.synapses[bundle.name].variables["w"].set_value(self.synaptic_weights(weights, bundle))

    def read_weights(self, weights: dict[str, Array]) -> None:
        """Put what synapses have learnt into arrays by projection."""
        for bundle in self.layout.bundles.all:
            if bundle.plastic is None:
                continue
            now = np.asarray(self.synapses[bundle.name].variables["w"].get_value())
            for member in bundle.members:
                weights[member.projection].reshape(-1)[member.weight] = now[member.synapses]

    # Scripts -----------------------------------------------------------------------------------
    def _arrays(self, script: Script, tabled: Mapping[tuple[str, str], bool]) -> dict[str, tuple[Array, Any]]:
        """A script's signals and noise as tables by name, with the time between their rows."""
        b2, found = brian2(), {}
        for key, signal in script.signals.items():
            table, shown = self.layout.signal(*key)
            n = self.layout.circuit.population(key[0]).n
            patterns = np.broadcast_to(signal.patterns[:, 0], (len(signal.patterns), n)).copy()
            if tabled[key]:
                found[table] = patterns, 1 * b2.ms
                found[shown] = signal.index.astype(np.float64), self.dt
            else:
                found[table] = patterns[signal.index], self.dt
        for key, values in script.noise.items():
            found[self.layout.names("noise", *key)] = values[:, 0], self.dt
        return found

    def load(self, script: Script, tabled: Mapping[tuple[str, str], bool]) -> None:
        """Take a script's tables; ``tabled`` says which signals are tables of patterns, as in the layout."""
        b2 = brian2()
        for name, (values, dt) in self._arrays(script, tabled).items():
            self.namespace[name] = b2.TimedArray(values, dt=dt, name=name)
        phase = self.layout.plan.schedule[0].name
        for population, port in [key for key in script.noise if key not in self._noise]:
            target = self.layout.names(self.layout.circuit.population(population).role, port, "noise")
            line = f"{target} = {self.layout.names('noise', population, port)}(t - run_start, i)"
            order, rows = -1 - len(self._noise), self.layout.rows(population)
            self._noise[population, port] = self.regularly(rows, [line], phase, order)
        for key, runner in self._noise.items():
            runner.active = key in script.noise

    def tables(self, script: Script, tabled: Mapping[tuple[str, str], bool]) -> dict[Any, Array]:
        """The tables that are in use, each with the numbers of another script."""
        return {self.namespace[name]: values for name, (values, _) in self._arrays(script, tabled).items()}
