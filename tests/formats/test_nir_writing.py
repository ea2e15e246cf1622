"""Circuits as NIR graphs: the spikes of whoever reads them, step by step beside ours."""

import contextlib
import io
import json

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.circuits.cells import (
    Constant,
    CubaLIF,
    DrivenLIF,
    IntegrateAndFire,
    LeakyIntegrateAndFire,
    Poisson,
    Sensory,
)
from corticalnet.circuits.plasticity.short_term import TsodyksMarkram
from corticalnet.errors import FormatError
from tests.formats.nir_by_hand import run

nir = pytest.importorskip("nir")
STEPS = 160


def circuit(kind="chain", a=None, b=None, dt=0.5):
    """Two spiking areas, 4 inputs: a chain, with a loop of its own, or a loop over both."""
    rng = np.random.default_rng(3)
    a, b = a or DrivenLIF(20, 5, spread=0), b or DrivenLIF(20, 5, spread=0)
    populations = [
        cn.Population("retina", 4, Sensory()),
        cn.Population("cortex.a", 5, a),
        cn.Population("cortex.b", 3, b),
    ]
    ways = [("retina", "cortex.a"), ("cortex.a", "cortex.b")]
    ways += {"chain": [], "own loop": [("cortex.a", "cortex.a")], "loop": [("cortex.b", "cortex.a")]}[kind]
    size = {p.name: p.n for p in populations}
    cells = {p.name: p.cell for p in populations}
    # The same jump of a voltage, whatever the cell makes of its drive.
    jump = {DrivenLIF: 1.5, CubaLIF: 15.0, LeakyIntegrateAndFire: 22.0, IntegrateAndFire: 0.7}
    projections = [
        cn.Projection(s, t, *cells[t].ports, jump[type(cells[t])] * rng.normal(0.6, 0.5, (size[t], size[s])))
        for s, t in ways
    ]
    return cn.Circuit(populations, projections, dt=dt)


def stimulus():
    return (np.random.default_rng(1).random((STEPS, 4)) < 0.12).astype(float)


def ours(made, graph):
    """Our spikes of the populations that the graph gives out, and by how many steps they are later."""
    simulator = cn.simulator(made)
    data = simulator.run([cn.Play({"retina.stimulus": stimulus()})], record=["spike"])
    out = [name for name, _ in json.loads(graph.metadata["populations"])]
    later = json.loads(graph.metadata["later"])
    spikes = np.concatenate([data[f"{name}.spike"].values[:, 0] for name in out], axis=1)
    return spikes, later[out[-1]]


def compare(made, graph, theirs):
    spikes, later = ours(made, graph)
    assert spikes.sum() > 10
    np.testing.assert_array_equal(theirs[: STEPS - later], spikes[later:])


def loops(graph):
    return [edge for edge in graph.edges if edge[0].endswith("_loop_end")]


def written(made, reader, tmp_path):
    """The graph that is in the file."""
    cn.to_nir(made, tmp_path / "cells.nir", reader)
    return nir.read(tmp_path / "cells.nir")


CELLS = {
    "DrivenLIF": DrivenLIF(20, 5, spread=0),
    "CubaLIF": CubaLIF(20, 5),
    "LIF": LeakyIntegrateAndFire(20),
    "IF": IntegrateAndFire(),
}


@pytest.mark.parametrize("kind", ["chain", "own loop", "loop"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_equations_of_nir_give_the_same_spikes(cell, kind, tmp_path):
    made = circuit(kind, CELLS[cell], CELLS[cell])
    graph = written(made, "nir", tmp_path)
    found = run(graph, stimulus(), float(graph.metadata["dt"]), loops(graph))
    compare(made, graph, found["output"])


def test_cells_of_a_loop_may_differ(tmp_path):
    made = circuit("loop", DrivenLIF(20, 5, spread=0), DrivenLIF(10, 3, spread=0))
    graph = written(made, "norse", tmp_path)
    assert "cells" in graph.nodes
    compare(made, graph, run(graph, stimulus(), float(graph.metadata["dt"]), loops(graph))["output"])


def test_a_loop_over_cells_that_differ_comes_back_as_it_was(tmp_path):
    """One node with two time constants becomes two populations, whose spikes are those of the original."""
    made = circuit("loop", DrivenLIF(20, 5, spread=0), DrivenLIF(10, 3, spread=0))
    graph = written(made, "norse", tmp_path)
    again = cn.from_nir(tmp_path / "cells.nir")  # (a warning would be an error)
    assert {(p.n, getattr(p.cell, "tau", 0)) for p in again.populations} >= {(5, 20.0), (3, 10.0)}
    data = cn.simulate(again, [cn.Play({"input.stimulus": stimulus()})], record=["output"])
    compare(made, graph, data["output.value"].values[:, 0])


def test_time_constants_in_the_file_are_those_of_the_cells():
    graph = cn.to_nir(circuit(), reader="norse")
    assert graph.metadata["dt"] == pytest.approx(0.5e-3)
    np.testing.assert_allclose(graph.nodes["cortex_a"].tau_mem, 20e-3)
    np.testing.assert_allclose(graph.nodes["cortex_a"].tau_syn, 5e-3)


def test_biases_and_several_sources_are_written(tmp_path):
    """The drive is W x + V y + b: sources side by side, in the order of the circuit."""
    kinds = [("retina", 2, Sensory()), ("on", 1, Constant()), ("ear", 1, Sensory())]
    kinds.append(("cell", 2, LeakyIntegrateAndFire(20)))
    populations = [cn.Population(*kind) for kind in kinds]
    projections = [cn.Projection("retina", "cell", "drive", [[1.0, 2.0], [3.0, 4.0]]),
                   cn.Projection("on", "cell", "drive", [[0.5], [0.25]]),
                   cn.Projection("ear", "cell", "drive", 7.0)]  # fmt: skip
    graph = cn.to_nir(cn.Circuit(populations, projections), reader="norse")
    np.testing.assert_allclose(graph.nodes["to_cell"].weight, [[1, 2, 7], [3, 4, 7]])
    np.testing.assert_allclose(graph.nodes["to_cell"].bias, [0.5, 0.25])
    assert json.loads(graph.metadata["inputs"]) == [["retina", 2, 0], ["ear", 1, 0]]


def test_of_a_larger_circuit_the_named_populations_are_written():
    """Poisson cells become an input: what they fire in a step arrives in the next."""
    populations = [cn.Population("pixels", 2, Sensory()), cn.Population("dice", 2, Poisson()),
                   cn.Population("cells", 1, DrivenLIF())]  # fmt: skip
    projections = [
        cn.Projection("pixels", "dice", "drive", 1.0),
        cn.Projection("dice", "cells", "spikes", 1.0),
    ]
    made = cn.Circuit(populations, projections, dt=0.5)
    with pytest.raises(FormatError, match="population 'dice' is made of Poisson cells"):
        cn.to_nir(made)
    graph = cn.to_nir(made, populations=["cells"])
    assert json.loads(graph.metadata["inputs"]) == [["dice", 2, 1]]


def plastic():
    made = circuit()
    learns = TsodyksMarkram()
    way = cn.Projection("retina", "cortex.a", "spikes", 1.0, plasticity=learns)
    return cn.Circuit(made.populations, [way, *made.projections[1:]])


def delayed():
    made = circuit()
    way = cn.Projection("cortex.a", "cortex.b", "spikes", 1.0, delay=2.0)
    return cn.Circuit(made.populations, [*made.projections[:1], way])


def voltage():
    made = circuit()
    way = cn.Projection("cortex.a", "cortex.b", "spikes", 1.0, sends="voltage")
    return cn.Circuit(made.populations, [*made.projections[:1], way])


REFUSED = {
    "plasticity": (plastic, "norse", "projection 'retina->cortex.a' learns .TsodyksMarkram"),
    "delays": (delayed, "norse", "projection 'cortex.a->cortex.b' has a delay of 2 ms"),
    "voltages": (voltage, "norse", "sends 'voltage', and neurons of NIR send spikes"),
    "rates": (lambda: cn.circuit(cn.mlp([2, 2]), cn.rule("z-il")), "norse", "no population that NIR"),
    "a reset": (lambda: circuit(a=CubaLIF(reset=-0.5)), "norse", "'cortex.a': Norse takes a reset of 0 only"),
    "a leak": (lambda: circuit(a=CubaLIF(leak=0.1)), "snntorch", "snnTorch takes a leak of 0 only, not 0.1"),
    "IF in snnTorch": (lambda: circuit(a=IntegrateAndFire()), "snntorch", "as a cell that leaks"),
    "kinds in a loop": (lambda: circuit("loop", CubaLIF(), IntegrateAndFire()), "norse", "one kind of"),
    "a loop in SpikingJelly": (lambda: circuit("loop", CubaLIF(20), CubaLIF(10)), "spikingjelly", "one tau"),
    "an unknown reader": (circuit, "snn-torch", "unknown reader of NIR 'snn-torch'; did you mean 'snntorch'"),
    "no circuit": (lambda: cn.mlp([2, 2]), "norse", "to_nir takes a Circuit, not Network"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_nir_cannot_hold_is_refused_by_name(what, tmp_path):
    make, reader, message = REFUSED[what]
    with pytest.raises(FormatError, match=message):
        cn.to_nir(make(), tmp_path / "no.nir", reader)
    assert not (tmp_path / "no.nir").exists()


def test_a_file_that_cannot_be_written_is_an_error_of_one_line(tmp_path):
    with pytest.raises(FormatError, match=r"cells\.nir"):
        cn.to_nir(circuit(), tmp_path / "nowhere" / "cells.nir")


# The readers themselves -------------------------------------------------------------------------
def norse(graph):
    module = pytest.importorskip("norse.torch")
    return module.from_nir(graph, dt=float(graph.metadata["dt"]))


def snntorch(graph):
    module = pytest.importorskip("snntorch.import_nir")
    with contextlib.redirect_stdout(io.StringIO()):
        return module.import_from_nir(graph)


def spikingjelly(graph):
    module = pytest.importorskip("spikingjelly.activation_based.nir_exchange")
    return module.import_from_nir(graph, dt=float(graph.metadata["dt"]))


READERS = {"norse": norse, "snntorch": snntorch, "spikingjelly": spikingjelly}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["chain", "own loop", "loop"])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("reader", READERS)
def test_readers_fire_the_same_spikes_in_the_same_steps(reader, cell, kind, tmp_path):
    if (reader, cell) == ("snntorch", "IF"):
        pytest.skip("refused")
    made = circuit(kind, CELLS[cell], CELLS[cell])
    graph = written(made, reader, tmp_path)
    model, state, found = READERS[reader](graph), None, []
    with torch.no_grad():
        for now in torch.tensor(stimulus(), dtype=torch.float32):
            spikes, state = model(now[None], state)
            found.append(spikes[0].numpy())
    compare(made, graph, np.array(found))
