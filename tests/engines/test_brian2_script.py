"""Scripts of ``to_brian2`` run without corticalnet, and give the traces of the torch engine."""

import itertools
import logging
import os
import runpy
import subprocess
import sys

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.circuits import Circuit, OneToOne, Population, Projection, Wire
from corticalnet.circuits.cells import Cell, Prediction, Sensory, State
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.pointwise import maximum, where
from corticalnet.circuits.quantities import MS, MV, NS, PA, PF, Millivolts, Nanosiemens, Picofarads
from corticalnet.errors import EngineError, ProtocolError
from tests.engines.random_experiments import KINDS, circuit, element
from tests.engines.small import Leaky, listed

brian2 = pytest.importorskip("brian2")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
X = torch.tensor([[0.3, -0.5, 0.9]], dtype=torch.float64)


@pytest.fixture(autouse=True)
def _as_it_was():
    """A script sets preferences for its process; here they are put back."""
    names = ("codegen.target", "codegen.loop_invariant_optimisations", "codegen.cpp.extra_compile_args_gcc")
    before = {name: brian2.prefs[name] for name in names}
    yield
    for name, value in before.items():
        brian2.prefs[name] = value


def network():
    return cn.mlp([3, 4, 2], hidden="tanh", seed=0, dtype=torch.float64)


def columns(rule, **options):
    made = cn.circuit(network(), cn.rule(rule), **options)
    ends = cn.Teach if any("target" in p.cell.inputs for p in made.populations) else cn.Reinforce
    return made, [cn.Present(X, max(14, made.needs.present)), ends([1], max(12, made.needs.teach))]


def traces_of(tmp_path, caplog, made, protocol, **options):
    path = tmp_path / "script.py"
    cn.to_brian2(made, protocol, path, **options)
    found = runpy.run_path(str(path))["traces"]
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []
    return found


def agree(found, recording, to=1e-10):
    assert found
    assert any(np.ptp(values) for values in found.values())
    for name, values in found.items():
        np.testing.assert_allclose(
            values, recording[name].values.reshape(values.shape), rtol=0, atol=to, err_msg=name
        )


def compared(tmp_path, caplog, made, protocol, **options):
    found = traces_of(tmp_path, caplog, made, protocol, **options)
    agree(found, cn.simulate(made, protocol, **options))
    return found


@pytest.mark.slow
def test_a_script_runs_in_a_process_without_corticalnet(tmp_path):
    made, _ = columns("streaming-fa-z-il")
    stream = cn.Stream(X.repeat(2, 1), [1, 0], present=(14, 16), teach=(12, 14), seed=1)
    path = tmp_path / "columns.py"
    assert cn.to_brian2(made, [stream], path) == path.read_text()
    alone = f"import runpy, sys; runpy.run_path({str(path)!r}, run_name='__main__'); " \
            "assert 'corticalnet' not in sys.modules and 'torch' not in sys.modules"  # fmt: skip
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", alone], cwd=tmp_path, env=clean, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    recording = cn.simulate(made, [stream])
    with np.load(tmp_path / "columns_traces.npz") as found:
        np.testing.assert_array_equal(found["time"], recording["time"])
        agree({name: found[name] for name in found.files if name != "time"}, recording)
    assert (tmp_path / "columns.png").stat().st_size > 10_000
    assert sorted(p.name for p in tmp_path.iterdir()) == ["columns.png", "columns.py", "columns_traces.npz"]


@pytest.mark.parametrize(
    "rule",
    ["z-il", "sign-symmetry", "node-perturbation", "brainprop", "difference-target-propagation"],
)
def test_rate_columns(rule, tmp_path, caplog):
    made, protocol = columns(rule)
    found = compared(tmp_path, caplog, made, protocol, seed=2)
    assert {p.name for p in made.plastic} <= found.keys()


def test_continuous_time(tmp_path, caplog):
    made, protocol = columns("z-il", dynamics=cn.Continuous("delay", tau=2.0, read_delay=10.0))
    compared(tmp_path, caplog, made, protocol, seed=2)


def test_microcircuit(tmp_path, caplog):
    made, _ = columns("dendritic-microcircuit", dynamics=cn.Continuous())
    compared(
        tmp_path,
        caplog,
        made,
        [cn.Present(X, 20), cn.Teach([1], 20)],
        check=False,
        record=["rate", "weights"],
    )


def test_spiking_columns(tmp_path, caplog):
    latch = cn.Continuous("latch", tau=5.0, dt=0.5, read_delay=20.0)
    made, _ = columns("z-il", dynamics=latch, cells_per_column=2, cell="lif")
    protocol = [cn.Present(X, 60), cn.Teach([1], 60)]
    options = {"check": False, "seed": 3, "record": ["spike", "value", "error", "voltage", "weights"]}
    found = traces_of(tmp_path, caplog, made, protocol, **options)
    recording = cn.simulate(made, protocol, **options)
    agree(found, recording)
    spikes = [name for name in found if name.endswith(".spike")]
    assert spikes
    assert sum(found[name].sum() for name in spikes) > 30
    for name in spikes:  # spike for spike
        np.testing.assert_array_equal(found[name], recording[name].values[:, 0])


CASES = [
    ("pif", {"consolidation": "rate"}, 3, 0),
    ("poisson", {"memory": 2.0, "modulator": "rate"}, 2, 3),
    ("lif", {"trigger": "rate"}, 0, 1),
]


@pytest.mark.parametrize(("cell", "slots", "delay", "late"), CASES)
def test_delays_traces_noise_and_spikes(cell, slots, delay, late, tmp_path, caplog):
    made = circuit(4, (2, 3, 2), cell, slots, delay, late)
    rng = np.random.default_rng(2)
    elements = [element(rng, kind, 6, made, 1) for kind in KINDS]
    noise = [cn.Noise(name, "prediction", sd=0.2) for name in ("a", "b.cells")]
    compared(tmp_path, caplog, made, elements, noise=noise, seed=4)


class Membrane(Cell):
    """C dv/dt = g (e − v) + I, in units; a clock of the time above rest."""

    capacitance: Picofarads = 200.0
    leak: Nanosiemens = 10.0
    rest_at: Millivolts = -65.0
    ports = {"current": "predict"}
    state = {"v": State(-65.0, MV), "total": State(0.0, PA), "g": State(0.0, NS), "since": State(0.0, MS),
             "load": State(0.0, PF)}  # fmt: skip
    inputs = {"injected": PA}

    @classmethod
    def port_units(cls):
        return {"current": PA}

    def predict(self, cell, port, dt):
        total = port.current + cell.injected
        above = maximum(cell.v - self.rest_at, 0.0)
        return {
            "v": cell.v + dt / self.capacitance * (self.leak * (self.rest_at - cell.v) + total),
            "total": total,
            "g": where(above > 0, total / self.rest_at, 0.0),
            "since": where(above > 0, cell.since + dt, 0.0),
            "load": self.capacitance * 2.0,
        }


class Follows(Plasticity):
    """Its eligibility is in mV: numbers of the table's units."""

    def eligibility(self, synapse, pre, post, port):
        return 0.01 * (post.v - pre.v)


def test_units(tmp_path, caplog):
    """Brian2 checks the units of all code itself: what is wrong there does not run."""
    populations = [Population("one", 2, Membrane()), Population("two", 2, Membrane(leak=20.0))]
    synapses = [
        Projection(
            "one", "two", "current", [1.5, -0.5], OneToOne(), sends="total", plasticity=Follows(), delay=3.0
        )
    ]
    made = Circuit(populations, synapses, dt=0.5)
    protocol = [cn.SetInput({"one.injected": [120.0, 80.0]}, 30), cn.SetInput({"one.injected": 0.0}, 10)]
    found = compared(tmp_path, caplog, made, protocol)
    text = cn.to_brian2(made, protocol)
    for line in (
        "v : volt",
        "total : amp",
        "g : siemens",
        "since : second",
        "load : farad",
        "one.v = -65*mV",
    ):
        assert line in text
    assert found["one.v"].max() > -60
    assert found["two.since"].max() > 1


def test_lists_of_synapses_and_what_runs_along_them(tmp_path, caplog):
    """Forth, back, and read twice between other cells; weights that synapses share."""
    populations = [
        Population("a.cells", 3, Leaky()), Population("a.more", 3, Leaky()),
        Population("b.cells", 2, Leaky()), Population("b.more", 2, Prediction()),
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    projections = [
        Projection("a.cells", "b.cells", "prediction", rng.normal(size=4), listed(), name="up"),
        Projection("b.cells", "a.more", "feedback", name="down", shared_with="up"),
        Projection(
            "a.more", "b.more", "prediction", name="again", shared_with="up", same_way=True, delay=1.0
        ),
    ]
    made = Circuit(populations, projections, [Wire("a.cells", "a.more", "error")], dt=0.5)
    protocol = [cn.SetInput({"a.cells.drive": [0.5, -1.0, 2.0], "a.more.drive": 1.0}, 12)]
    compared(tmp_path, caplog, made, protocol)


def test_names_that_python_or_brian2_would_take_for_something_else(tmp_path, caplog):
    names = ("input", "class", "N.dt")
    cells = [Population(name, 2, Leaky() if k else Sensory()) for k, name in enumerate(names)]
    up = [Projection(*ends, "prediction", 0.5) for ends in itertools.pairwise(names)]
    made = Circuit(cells, up)
    compared(tmp_path, caplog, made, [cn.Present([[1.0, -1.0]], 8)])


def test_many_numbers_go_beside_the_script(tmp_path, caplog):
    made = Circuit(
        [Population("retina", 60, Sensory()), Population("cortex", 40, Leaky())],
        [Projection("retina", "cortex", "prediction", np.random.default_rng(0).normal(size=(40, 60)))],
    )
    found = compared(tmp_path, caplog, made, [cn.Present(np.linspace(0, 1, 60), 5)], record=["cortex"])
    assert found.keys() == {"cortex.rate", "cortex.echo"}
    assert (tmp_path / "script_arrays.npz").exists()
    assert (tmp_path / "script.py").stat().st_size < 10_000


def test_every_operation_has_its_place_and_a_name_that_sorts_as_it_runs():
    made, protocol = columns("node-perturbation")
    space: dict = {}
    exec(compile(cn.to_brian2(made, protocol).split("if __name__")[0], "script", "exec"), space)
    network = space["network"]
    slots = [name for slot in network.schedule for name in (f"before_{slot}", slot, f"after_{slot}")]
    phases = set(made.schedule().names()) - {"record"}
    ours = [one for one in network.sorted_objects if one.when in phases]
    places = [(slots.index(one.when), one.order) for one in ours]
    assert places == sorted(set(places))  # in order, and no two at one place
    assert len(places) > 20
    assert not any(one.name.startswith(("neurongroup", "synapses_")) for one in network.objects)


def test_what_a_script_cannot_say(tmp_path):
    made, protocol = columns("z-il")
    two = [cn.Present(X.repeat(2, 1), 14)]
    with pytest.raises(EngineError, match="one sample at a time, not a batch of 2"):
        cn.to_brian2(made, two)
    with pytest.raises(EngineError, match=r"not the norm of 'area1.error'"):
        cn.to_brian2(made, protocol, record=[cn.Record("error", reduce="norm")])
    with pytest.raises(ProtocolError, match="a function that looks at states"):
        cn.to_brian2(made, lambda running: protocol)
    tied = Circuit(
        [Population("a", 3, Leaky()), Population("b", 2, Leaky())],
        [Projection("a", "b", "prediction", np.ones(4), listed(), plasticity=Hebb())],
    )
    with pytest.raises(EngineError, match="share weights and learn, as 'a->b' has"):
        cn.to_brian2(tied, [cn.Rest(3)])
    with pytest.raises(EngineError, match="cannot write"):
        cn.to_brian2(made, protocol, tmp_path / "nowhere" / "script.py")
    assert list(tmp_path.iterdir()) == []


class Hebb(Plasticity):
    def eligibility(self, synapse, pre, post, port):
        return post.rate * pre.rate
