"""What synapses are told, in circuits whose wiring is known; and that they need what they are told."""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits.cells import Sensory
from corticalnet.circuits.plasticity import ErrorTimesRate
from corticalnet.errors import CircuitError
from corticalnet.reinforcement import AuGMEnT
from tests.engines.small import Leaky


def columns(rule, *sizes):
    return cn.circuit(cn.mlp(sizes or [4, 3, 2], "tanh", seed=0), cn.rule(rule))


def test_tagged_synapses_are_told_dopamine_and_when():
    report = cn.audit_circuit(cn.agent_circuit(AuGMEnT(4, 3, feedback="learned")))
    by_name = {one.projection: one for one in report.synapses}
    when = ("forget: outcome.forget", "tagging: outcome.tagging")
    up, memory, down = (by_name[name] for name in ("sensory->regular", "on->memory", "output->memory"))
    assert (up.pre, up.post, up.own) == (("rate",), (), ("tag",))
    assert (up.column, up.others) == (("error: regular.feedback.credit",), ())
    assert up.told == ("dopamine: dopamine.rpe", *when)
    assert memory.own == ("tag", "received")
    assert memory.told == ("dopamine: dopamine.rpe", when[0], "look: outcome.look", when[1])
    assert (down.pre, down.column) == (("credit",), ("rate: memory.value.rate",))
    tellers = {one.population: one for one in report.tellers}
    assert tellers.keys() == {"dopamine", "outcome", "world"}
    assert "expected_reward: output.action.expected" in tellers["dopamine"].receives
    assert report.inputs == ("dopamine.silence", "outcome.outcome", "outcome.ended", "world.answer")


@pytest.mark.parametrize(
    ("rule", "told", "inputs"),
    [
        ("streaming-fa-z-il", [(), ()], ()),
        (
            "brainprop",
            [("dopamine: dopamine.rpe",)] * 2,
            ("dopamine.reward", "dopamine.outcome", "world.answer"),
        ),
        (
            "z-il",
            [("clock1: clock1.tick",), ("clock0: clock0.tick",)],
            ("clock1.teaching", "clock0.teaching"),
        ),
    ],
)
def test_rules_in_time(rule, told, inputs):
    report = cn.audit_circuit(columns(rule))
    assert [one.told for one in report.synapses] == told
    assert report.inputs == inputs
    assert ("nobody tells them anything" in str(report)) == (not inputs)
    assert report.to_dict()["synapses"][0]["projection"] == "input->area1"


def test_what_other_columns_send_is_not_told():
    """At one port arrive synapses that learn, their own like, and a cell that everybody hears."""
    rule = ErrorTimesRate(modulator="error")

    class Listening(Leaky):
        """A leaky cell with a port "error"."""

        ports = {**Leaky.ports, "error": ""}

    cells = {"eye": (2, Sensory()), "cell": (3, Listening()), "all": (1, Sensory())}
    circuit = cn.Circuit(
        [cn.Population(name, *one) for name, one in cells.items()],
        [
            cn.Projection("eye", "cell", "error", 1.0, plasticity=rule, name="learns"),
            cn.Projection("all", "cell", "error", 1.0, name="fixed"),
        ],
    )
    (found,) = cn.audit_circuit(circuit).synapses
    assert found.others == ("error: eye.rate",)
    assert found.told == ("error: all.rate",)


def test_without_what_they_are_told_they_do_not_learn():
    """Each line that is called "told" cut alone: an agent's weights end elsewhere than with all of them."""
    circuit = cn.agent_circuit(AuGMEnT(3, 2, rate=0.5, spread=1.0, exploration=0.0, leak=0.5, seed=0))
    (memory,) = (one for one in cn.audit_circuit(circuit).synapses if one.projection == "on->memory")

    def learned(circuit):
        running, rng = cn.simulator(circuit), np.random.default_rng(0)
        for k in range(5):
            look = cn.Present(rng.integers(0, 2, 3), circuit.needs.present)
            running.run(
                [look, cn.Reinforce(rng.normal(size=2), circuit.needs.teach, ended=k == 3)], record=[]
            )
        return running.weights["on->memory"]

    whole = learned(circuit)
    assert len(memory.told) == 4
    for line in memory.told:
        port = line.partition(":")[0]
        lines = [p for p in circuit.projections if p.name != f"{port}->memory.value"]
        assert len(lines) == len(circuit.projections) - 1
        less = cn.Circuit(
            circuit.populations, lines, circuit.wires, circuit.broadcasts, circuit.dt, needs=circuit.needs
        )
        assert abs(learned(less) - whole).max() > 1e-6, port


def test_only_circuits_are_read():
    with pytest.raises(CircuitError, match="audit_circuit takes a Circuit, not Rule"):
        cn.audit_circuit(cn.rule("brainprop"))
