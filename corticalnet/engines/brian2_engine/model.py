"""A layout as Brian2 objects: one NeuronGroup, a Synapses for each bundle, and everything in its slot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corticalnet.engines.brian2_engine.bundle import Bundle
from corticalnet.engines.brian2_engine.code import Formula, formula
from corticalnet.engines.brian2_engine.layout import Layout
from corticalnet.engines.brian2_engine.learning import events, synapse, texts
from corticalnet.engines.brian2_engine.library import brian2, functions, preferences

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
        self.namespace: dict[str, Any] = functions()
        self._clock = b2.Clock(self.dt, name="step")
        announced = {}
        for bundle in layout.bundles.all:
            for total in bundle.totals:
                if total.event:
                    announced[f"{bundle.name}_{total.target}"] = f"{total.reads} != 0.0"
            for slot, condition in events(layout.bundles, bundle).items():
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
        self._prepared: list[int] = []
        self.runners = [
            self.regularly(code.rows, code.lines, code.phase, code.order) for code in layout.codes
        ]
        for bundle in layout.bundles.all:
            self._build(bundle)
        self.rest()
        self.set_weights(weights)
        self.look()

    # Building ----------------------------------------------------------------------------------
    def regularly(self, rows: tuple[int, int], lines: list[str], phase: str, order: int) -> Any:
        """Add code for some rows to the network, run in every step."""
        if rows not in self._subgroups:
            name = f"rows_{rows[0]}_{rows[1]}"
            self._subgroups[rows] = brian2().Subgroup(self.cells, start=rows[0], stop=rows[1], name=name)
        when = f"{order:03d}" if order > 0 else f"noise_{-order:03d}"
        name = f"{phase}_{when}_rows_{rows[0]}_{rows[1]}"
        runner = self._subgroups[rows].run_regularly("\n".join(lines), when=phase, order=order, name=name)
        self.network.add(runner)
        return runner

    def operate(self, function: Callable[[], None], when: str, order: int, name: str) -> None:
        """Add a Python function to the network, called in every step."""
        self.network.add(
            brian2().NetworkOperation(function, clock=self._clock, when=when, order=order, name=name)
        )
        self.look()

    def follow(self, layout: Layout) -> None:
        """Replace the code by that of a layout of the same plan (with other noise)."""
        self._prepared = []
        for runner, code in zip(self.runners, layout.codes, strict=True):
            runner.abstract_code = "\n".join(code.lines)
        for bundle in layout.bundles.all:
            pathways, each = texts(layout.bundles, bundle)
            for slot, text in pathways.items():
                getattr(self.synapses[bundle.name], slot).code = text
                self.cells.events[f"{bundle.name}_{slot}"] = events(layout.bundles, bundle)[slot]
            if each:
                self._each[bundle.name].abstract_code = each

    @property
    def plastic(self) -> list[Any]:
        """Return the Synapses objects that learn."""
        return [self.synapses[bundle.name] for bundle in self.layout.bundles.all if bundle.plastic]

    # Time --------------------------------------------------------------------------------------
    @property
    def timestep(self) -> int:
        """Return the number of steps that the network has made."""
        return int(self._clock.variables["timestep"].get_value()[0])

    def look(self) -> None:
        """List the objects of the network: users may have added some since the last run."""
        self._objects = self.network.sorted_objects
        #: Whether all of it goes by our clock.
        self.alone = all(one.clock is self._clock for one in self._objects)
        for one in self._objects:  # a simulator that never runs is no mistake that Brian2 should warn of
            one._network = self.network.id

    def advance(self, steps: int, target: str) -> None:
        """Advance the network by some steps.

        Brian2 prepares (and writes) all code anew in every run; here that is done only when something was
        added or changed, so that many short runs cost what a long one does.
        """
        network = self.network
        if not self.alone:
            with preferences(target):
                network.run(steps * self.dt, namespace={})
            self._prepared = []
            return
        objects = self._objects
        if [id(one) for one in objects] != self._prepared:
            with preferences(target):
                network.run(0 * self.dt, namespace={})  # prepares, and makes no step
            self._prepared = [id(one) for one in objects]
        active = [one for one in objects if one.active]
        step, now, dt = (self._clock.variables[name].get_value() for name in ("timestep", "t", "dt"))
        for _ in range(steps):
            for one in active:
                one.run()
            step[0] += 1
            now[0] = step[0] * dt[0]
            network.t_ = float(now[0])

    def _build(self, bundle: Bundle) -> None:
        b2 = brian2()
        lines = ["w : 1"] if bundle.weighted else []
        rule = None if bundle.plastic is None else bundle.plastic.plasticity
        sent = [total for total in bundle.totals if total.event]
        for total in (total for total in bundle.totals if not total.event):
            here, there = ("pre", "post") if total.back else ("post", "pre")
            what = f"{total.reads}_{there}"
            passed = f"w * {what}" if bundle.weighted else what
            if total.magnitudes is not None:
                passed = f"sign(w) * {total.target}_magnitude * {what}"
                lines.append(f"{total.target}_magnitude : 1")
            if rule is not None and not rule.weighs and not total.back:
                passed = formula(rule.transmits(synapse(self.layout.names, rule), Formula(what))).text
            lines.append(f"{total.target}_{here} = {passed} : 1 (summed)")
        if rule is not None:
            lines += [f"{self.layout.names('synapse', state)} : 1" for state in rule.states]
            lines += ["dw : 1", "back : 1"] if bundle.tied else []
            lines += ["low : 1", "high : 1"] if bundle.low else []
        pathways, each = texts(self.layout.bundles, bundle)
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
        for total in bundle.totals:
            if total.magnitudes is not None:
                setattr(made, f"{total.target}_magnitude", np.concatenate(total.magnitudes))
        for name, limits in (("low", bundle.low), ("high", bundle.high)):
            if limits:
                setattr(made, name, np.concatenate(limits))
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
        """Sum the changes of synapses that share a weight in a group of weights, and give the sums back."""
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
        back = "w = clip(w + back, low, high)" if bundle.low else "w += back"
        made.run_regularly(
            back, when=bundle.learn_phase, order=bundle.learn_order + 4, name=f"{bundle.name}_share"
        )
        self._tied[bundle.name] = (shared, ties)
        self.network.add(shared, ties)

    # State -------------------------------------------------------------------------------------
    def field(self, name: str) -> Array:
        """Return the values of a field, row by row; writing into them changes the model."""
        values: Array = self.cells.variables[name].get_value()
        return values

    def synaptic_states(self) -> dict[str, float]:
        """Return the resting values of synaptic states, by "bundle/state"."""
        return {
            f"{bundle.name}/{name}": state.rest
            for bundle in self.layout.bundles.all
            if bundle.plastic is not None and bundle.plastic.plasticity is not None
            for name, state in bundle.plastic.plasticity.states.items()
        }

    def variable(self, key: str) -> Any:
        """Return the Brian2 variable of "field/NAME" or "synapse/BUNDLE/STATE"."""
        kind, _, name = key.partition("/")
        if kind == "field":
            return self.cells.variables[name]
        bundle, _, state = name.rpartition("/")
        return self.synapses[bundle].variables[self.layout.names("synapse", state)]

    def of_synapses(self, projection: str, state: str) -> Array:
        """Return a state of a projection's synapses, in the order of its connection's list."""
        bundle = self.layout.bundles.of(projection)
        member = bundle.member(projection)
        now = np.asarray(self.variable(f"synapse/{bundle.name}/{state}").get_value())
        return member.listed(now[member.synapses])

    def state(self) -> dict[str, Array]:
        """Return all fields and synaptic states, by key; writing into them changes the model."""
        keys = [f"field/{name}" for name in self.layout.fields]
        keys += [f"synapse/{key}" for key in self.synaptic_states()]
        return {key: self.variable(key).get_value() for key in keys}

    def at_rest(self) -> dict[str, Array]:
        """Return all fields and synaptic states at rest, by key."""
        found = {f"field/{name}": values for name, values in self.layout.fields.items()}
        for key, rest in self.synaptic_states().items():
            found[f"synapse/{key}"] = np.full(len(self.synapses[key.rpartition("/")[0]]), rest)
        return found

    def rest(self) -> None:
        """Reset every field and every synapse to rest."""
        for key, values in self.at_rest().items():
            self.variable(key).set_value(values)

    def synaptic_weights(self, weights: Mapping[str, Array], bundle: Bundle) -> Array:
        """Return the weight of every synapse of a bundle."""
        return np.concatenate([np.ravel(weights[m.projection])[m.weight] for m in bundle.members])

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Set the weights of all synapses."""
        for bundle in self.layout.bundles.all:
            if bundle.weighted:
                self.synapses[bundle.name].variables["w"].set_value(self.synaptic_weights(weights, bundle))

    def read_weights(self, weights: dict[str, Array], only: str = "") -> None:
        """Copy learned weights to arrays by projection (of one projection, or all)."""
        for bundle in self.layout.bundles.all:
            if bundle.plastic is None:
                continue
            now = np.asarray(self.synapses[bundle.name].variables["w"].get_value())
            for member in bundle.members:
                if only in ("", member.projection):
                    weights[member.projection].reshape(-1)[member.weight] = now[member.synapses]
