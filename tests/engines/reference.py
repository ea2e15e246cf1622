"""The step contract in plain NumPy: loops over the plan, dense weights, one animal. Slow and obvious."""

from types import SimpleNamespace

import numpy as np

from corticalnet.circuits import Broadcast
from corticalnet.circuits.schedule import SCHEDULE
from corticalnet.engines.plan import Act, Deliver, Learn, Plan, PortSum

REDUCE = {"mean": np.mean, "norm": np.linalg.norm, "max": lambda x: np.max(np.abs(x))}


class Reference:
    """Population by population; ``run`` as engines have it."""

    def __init__(self, circuit, schedule=SCHEDULE):
        self.circuit, self.plan = circuit, Plan(circuit, schedule)
        self.weights = {name: weight.copy() for name, weight in circuit.weights.items()}
        self.state, self.port, self.line, self.trace, self.arrived, self.synaptic = {}, {}, {}, {}, {}, {}
        for p in circuit.populations:
            self.state[p.name] = {k: np.full(p.n, v) for k, v in p.cell.rest().items()}
            self.state[p.name] |= {k: np.zeros(p.n) for k in p.cell.inputs}

    def members(self, operation):
        """Populations that an operation of a block is about."""
        return [p for p in self.circuit.populations if self.plan.places[p.name].block is operation.block
                and p.role == operation.role]  # fmt: skip

    def run(self, compiled, recording):
        arrays, row, window = recording.allocate(), 0, {}
        for t in range(compiled.begin, compiled.end):
            for _, operations in self.plan.steps:
                for operation in operations:
                    self.do(operation, compiled, t)
            for (part, state), total in window.items() if t % recording.every else ():
                window[part, state] = total + self.state[part][state]
            if t % recording.every == 0:
                window = {
                    (p.name, name): self.state[p.name][name] + 0.0
                    for p in self.circuit.populations
                    for name, state in p.cell.states().items()
                    if state.event or state.pulse
                }
            if t in recording.kept:
                for array, variable in zip(arrays, recording.variables, strict=True):
                    if variable.is_weight:
                        array[row] = self.weights[variable.part]
                        continue
                    x = window.get((variable.part, variable.state), self.state[variable.part][variable.state])
                    x = x if variable.index is None else x[variable.index]
                    array[row, 0] = REDUCE[variable.reduce](x) if variable.reduce else x
                row += 1
        return arrays

    def do(self, operation, compiled, t):
        if isinstance(operation, Deliver):
            for (name, one), signal in compiled.signals.items():
                self.state[name][one] = signal.patterns[signal.index[t - compiled.begin], 0] + np.zeros(
                    self.circuit.population(name).n
                )
        elif isinstance(operation, Act):
            for p in self.members(operation):
                cell, port = (
                    SimpleNamespace(**self.state[p.name]),
                    SimpleNamespace(**self.heard(p, compiled, t)),
                )
                new = p.cell.act(operation.phase)(cell, port, self.circuit.dt)
                self.state[p.name] |= {k: np.asarray(v) + np.zeros(p.n) for k, v in new.items()}
        elif isinstance(operation, PortSum):
            for p in self.members(operation):
                self.port[p.name, operation.port] = sum(
                    (self.arrives(x, p) for x in self.parts(p, operation.port)), np.zeros(p.n)
                )
        elif isinstance(operation, Learn):
            for projection in operation.projections:
                self.learn(projection, compiled, t)

    def parts(self, p, port):
        projections = [x for x in self.circuit.projections if (x.target, x.port) == (p.name, port)]
        return projections + [b for b in self.circuit.broadcasts if p.name in b.targets and port == b.port]

    def arrives(self, part, p):
        states, sent = self.state[part.source], self.circuit.sent(part.source, part.sends)
        if isinstance(part, Broadcast):
            return states[sent][0] + np.zeros(p.n)
        rest = {
            k: np.full(len(states[sent]), v)
            for k, v in self.circuit.population(part.source).cell.rest().items()
        }
        line = self.line.setdefault(part.name, [rest] * self.circuit.delay_steps(part))
        line.append(dict(states))
        self.arrived[part.name] = line.pop(0)
        arrives = self.arrived[part.name][sent]
        if part.plasticity is None or part.plasticity.weighs:
            return self.dense(part) @ arrives
        i, j, index = part.connection.synapses(len(arrives), p.n)
        total = np.zeros(p.n)
        synapse = self.synapses(part, self.weights[part.name].ravel()[index])
        np.add.at(total, j, part.plasticity.transmits(synapse, arrives[i]))
        return total

    def synapses(self, part, weight):
        """States of every synapse."""
        rest = {k: np.full(len(weight), s.rest) for k, s in part.plasticity.states.items()}
        return SimpleNamespace(weight=weight, **self.synaptic.setdefault(part.name, rest))

    def dense(self, part):
        """``[post, pre]``, synapses on top of one another added up."""
        if part.shared_with:
            shared = self.dense(self.circuit.projection(part.shared_with))
            return shared.T if part.runs_back else shared
        sizes = [self.circuit.population(x).n for x in (part.source, part.target)]
        pre, post, index = part.connection.synapses(*sizes)
        matrix = np.zeros(sizes[::-1])
        np.add.at(matrix, (post, pre), self.weights[part.name].ravel()[index])
        return matrix

    def heard(self, p, compiled, t):
        found = {}
        for port in p.cell.ports:
            total = self.port.get((p.name, port), 0.0)
            for wire in self.circuit.wires:
                if (wire.target, wire.port) == (p.name, port):
                    total = (
                        total
                        + wire.weight * self.state[wire.source][self.circuit.sent(wire.source, wire.sends)]
                    )
            noise = compiled.noise.get((p.name, port))
            found[port] = total + (0.0 if noise is None else noise.at(t, 1, p.n)[0]) + np.zeros(p.n)
        return found

    def learn(self, x, compiled, t):
        pre, post = self.circuit.population(x.source), self.circuit.population(x.target)
        i, j, index = x.connection.synapses(pre.n, post.n)
        ports, rule, w = self.heard(post, compiled, t), x.plasticity, self.weights[x.name].ravel()
        slots = {}
        for slot, name in rule.slots.items():
            if name in ports:
                slots[slot] = ports[name][j]
            elif name in post.cell.state:
                slots[slot] = self.state[post.name][name][j]
            else:
                one = next(b for b in self.circuit.broadcasts if b.name == name and x.name in b.targets)
                slots[slot] = self.state[one.source][self.circuit.sent(one.source, one.sends)][0] + np.zeros(
                    len(j)
                )
        # A synapse knows of its presynaptic cell what arrived; without a delay that is all that is the case.
        known = self.arrived[x.name] if x.delay else self.state[pre.name]
        found = ((known, i), (self.state[post.name], j), (ports, j))
        sides = [SimpleNamespace(**{k: v[at] for k, v in values.items()}) for values, at in found]
        new = rule.update(self.synapses(x, w[index]), *sides, self.circuit.dt)
        self.synaptic[x.name] |= {k: v + np.zeros(len(i)) for k, v in new.items()}
        each = (
            rule.rate
            * slots.get("trigger", 1.0)
            * slots.get("modulator", 1.0)
            * rule.eligibility(self.synapses(x, w[index]), *sides)
        )
        if rule.consolidation:
            trace = self.trace.get(x.name, 0.0) + each
            now = slots["consolidation"] != 0
            each, self.trace[x.name] = np.where(now, trace, 0.0), np.where(now, 0.0, trace)
        change = np.zeros(w.size)
        np.add.at(change, index, each)
        self.weights[x.name] = self.weights[x.name] + change.reshape(self.weights[x.name].shape)
