"""Brian2 breaks ties of slot and order by names as texts, and default names hang on what else is alive."""

import numpy as np
import pytest
import torch

import corticalnet as cn
from tests.engines.random_experiments import one_experiment

b2 = pytest.importorskip("brian2")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
X = torch.tensor([[0.3, -0.5, 0.9]], dtype=torch.float64)
#: Objects that compute nothing: groups and synapses stand for their code, which has its own place.
IDLE = (b2.NeuronGroup, b2.Synapses, b2.Subgroup)


@pytest.fixture(autouse=True)
def _nothing_to_compile():
    before = b2.prefs.codegen.target
    b2.prefs.codegen.target = "numpy"
    yield
    b2.prefs.codegen.target = before


def others():
    """Live objects with default names, more than nine of each kind: their names are taken in this process."""
    groups = [b2.NeuronGroup(2, "x : 1", threshold="x > 9", reset="x = 0") for _ in range(12)]
    made = [b2.Synapses(group, group, "w : 1", on_pre="w += 1") for group in groups]
    return [*groups, *made, *(group.run_regularly("x += 1") for group in groups)]


def columns(rule, depth=3):
    made = cn.circuit(cn.mlp([3, *[4] * depth, 2], "tanh", seed=0, dtype=torch.float64), cn.rule(rule))
    taught = any("target" in p.cell.inputs for p in made.populations)
    end = (cn.Teach if taught else cn.Reinforce)([1], made.needs.teach)
    return made, [cn.Present(X, made.needs.present), end]


@pytest.mark.parametrize("rule", ["z-il", "brainprop"])
def test_no_two_operations_of_the_engine_have_one_place(rule):
    """Eleven projections that learn: numbers of two digits, which as texts sort before those of one."""
    made, _ = columns(rule, depth=10)
    running = cn.simulator(made, "brian2")
    work = [one for one in running.engine.network.sorted_objects if not isinstance(one, IDLE)]
    work = [one for one in work if one.name != "cells_stateupdater"]  # (there is nothing to integrate)
    places = [(one.when, one.order) for one in work]
    assert len(set(places)) == len(places) > 20
    named = {one.name for one in running.engine.network.objects}
    assert not any(name.startswith(("neurongroup", "synapses", "cells_sub")) for name in named)


def test_twice_in_one_process_beside_others():
    """The same bits, whatever is alive, and those of the torch engine but for rounding."""
    made, protocol = columns("z-il")
    first = cn.simulate(made, protocol, "brian2")
    alive = others()
    again = cn.simulate(made, protocol, "brian2")
    still = cn.simulator(made, "brian2")  # alive, with its names, while another runs
    third = cn.simulate(made, protocol, "brian2")
    for name in first:
        np.testing.assert_array_equal(first[name], again[name], err_msg=name)
        np.testing.assert_array_equal(first[name], third[name], err_msg=name)
    torch_ = cn.simulate(made, protocol)
    for name in first:
        np.testing.assert_allclose(first[name], torch_[name], atol=1e-12, err_msg=name)
    assert len(alive) == 36
    assert still.step == 0


def test_scripts_beside_others():
    one = one_experiment()
    text = cn.to_brian2(one.circuit, one.elements, noise=one.noise, seed=one.seed).split("if __name__")[0]
    found = []
    for alive in ([], others()):
        space: dict = {}
        exec(compile(text.replace("collect()", "collect(), name='alone'"), "script", "exec"), space)
        found.append({name: np.array(values) for name, values in space["traces"].items()})
        assert isinstance(alive, list)
    for name, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][name], err_msg=name)


def test_users_add_objects_with_default_names():
    """Names of ours are not Brian2's default ones, so theirs do not clash in one network."""
    mine = [b2.NeuronGroup(2, "x : 1") for _ in range(3)]
    joined = [b2.Synapses(group, group, "w : 1") for group in mine]
    for one in joined:
        one.connect(j="i")
    made, protocol = columns("z-il")
    running = cn.simulator(made, "brian2")
    running.engine.network.add(mine, joined)
    data = running.run(protocol, record=["error"])
    alone = cn.simulate(made, protocol, "brian2", ["error"])
    np.testing.assert_array_equal(data["area1.error.error"], alone["area1.error.error"])
