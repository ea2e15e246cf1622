"""States of synapses are recorded and read as all else is, on both engines."""

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.circuits.cells import Sensory, State
from corticalnet.circuits.connection import Grouped
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.pointwise import relax, where
from corticalnet.circuits.quantities import MV, Milliseconds, Millivolts
from corticalnet.errors import ProtocolError, SimulationError
from corticalnet.plotting import traces
from corticalnet.recordings.recording import Record
from tests.engines.small import Summing

pytest.importorskip("brian2")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ENGINES = ("torch", "brian2")
RATES = np.array([1.0, -0.5, 0.25])


class LowPass(Plasticity):
    """A low-pass of pre in each synapse, one in mV, and whether pre is above 0, which adds up."""

    tau: Milliseconds = 10.0
    scale: Millivolts = 2.0
    state = {"low": 0.25, "voltage": State(0.0, MV), "above": State(pulse=True)}

    def update(self, synapse, pre, post, port, dt):
        return {
            "low": relax(synapse.low, pre.rate, self.tau, dt),
            "voltage": self.scale * synapse.low,
            "above": where(pre.rate > 0, 1.0, 0.0),
        }

    def eligibility(self, synapse, pre, post, port):
        return pre.rate + 0.0 * post.rate


def one(rule=None, post=2, **more):
    return cn.Circuit(
        [cn.Population("a", 3, Sensory()), cn.Population("b", post, Summing())],
        [cn.Projection("a", "b", "input", 0.5, name="up", plasticity=rule or LowPass(0.1), **more)],
    )


def shown(steps, rates=RATES):
    return [cn.SetInput({"a.stimulus": rates}, steps)]


def low(rates, steps):
    """low_t = r + (low_0 − r) (1 − dt/τ)^t, ``[steps, …]``."""
    t = np.arange(1, steps + 1).reshape(-1, *np.ones(np.ndim(rates), int))
    return rates + (0.25 - rates) * 0.9**t


@pytest.mark.parametrize("engine", ENGINES)
def test_an_exponential_trace_is_recorded_and_read_by_its_closed_form(engine):
    running = cn.simulator(one(), engine)
    data = running.run(shown(12), record=["up.low", "up.voltage"])
    right = np.broadcast_to(low(RATES, 12)[:, None, None], (12, 1, 2, 3))
    np.testing.assert_allclose(data["up.low"], right, rtol=0, atol=1e-14)
    before = np.concatenate([np.full((1, 1, 2, 3), 0.25), right[:-1]])
    np.testing.assert_allclose(data["up.voltage"], 2 * before, rtol=0, atol=1e-14)
    assert data["up.low"].dims == ("time", "batch", "up post", "up pre")
    about = {"units": "1", "long_name": "low of synapses up", "projection": "up", "state": "low"}
    assert data["up.low"].attrs == about
    assert data["up.voltage"].attrs["units"] == "mV"
    np.testing.assert_array_equal(running.read("up.low"), data["up.low"].values[-1])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("rule", "factor"), [("memory", 1 / 4.0), ("consolidation", 0.1)])
def test_the_trace_of_eligibility_is_recorded_by_its_closed_form(rule, factor, engine):
    """With a memory of 4 ms r (1 − (3/4)^t); waiting for a rate that stays 0, 0.1 r t."""
    rule = LowPass(0.1, memory=4.0) if rule == "memory" else LowPass(0.1, consolidation="gate")
    broadcasts = [] if rule.memory else [cn.Broadcast("c", ["up"], name="gate")]
    plain = one()
    circuit = cn.Circuit(
        [*plain.populations, cn.Population("c", 1, Sensory())],
        [cn.Projection("a", "b", "input", 0.5, name="up", plasticity=rule)],
        broadcasts=broadcasts,
    )
    data = cn.simulate(circuit, shown(6), engine, record="trace")
    t = np.arange(1, 7)[:, None]
    right = RATES * (1 - (1 - factor) ** t) if rule.memory else factor * RATES * t
    np.testing.assert_allclose(data["up.trace"][:, 0, 1], right, rtol=0, atol=1e-14)
    assert set(data.data_vars) == {"up.trace", "weights up"}


LISTED = cn.Synapses(np.array([2, 0, 1, 2]), np.array([0, 0, 1, 1]), weight_index=np.array([1, 0, 0, 2]))
OWN = cn.Synapses(np.array([2, 0, 1, 2]), np.array([0, 0, 1, 1]))


@pytest.mark.parametrize(("engine", "delay"), [("torch", 0.0), ("torch", 2.0), ("brian2", 2.0)])
@pytest.mark.parametrize(
    ("connection", "post", "pre", "axis"),
    [
        (cn.OneToOne(), 3, [0, 1, 2], "up weight"),
        (OWN, 2, [2, 0, 1, 2], "up weight"),
        (LISTED, 2, [2, 0, 1, 2], "up synapse"),
        (Grouped(), 6, [0, 0, 1, 1, 2, 2], "up synapse"),
    ],
)
def test_synapses_stand_in_the_order_of_their_list(connection, post, pre, axis, delay, engine):
    """A delayed one hears 0 for 2 ms more, and its trace falls until then."""
    running = cn.simulator(one(post=post, connection=connection, delay=delay), engine)
    data = running.run(shown(7), record=["low"])
    right = low(RATES[pre], 7)
    if delay:
        silent = low(np.zeros(len(pre)), 2)
        right = np.concatenate(
            [silent, RATES[pre] + (silent[-1] - RATES[pre]) * 0.9 ** np.arange(1, 6)[:, None]]
        )
    assert data["up.low"].dims == ("time", "batch", axis)
    np.testing.assert_allclose(data["up.low"][:, 0], right, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(running.read("up.low"), data["up.low"].values[-1])


def test_samples_have_states_of_their_own():
    both = np.array([RATES, [0.0, 2.0, -1.0]])
    data = cn.simulate(one(), shown(5, both), record="up.low")
    assert data["up.low"].dims == ("time", "batch", "up post", "up pre")
    for k in range(2):
        alone = cn.simulate(one(), shown(5, both[k : k + 1]), record="up.low")
        np.testing.assert_array_equal(data["up.low"][:, k], alone["up.low"][:, 0])
    assert abs(data["up.low"][:, 0] - data["up.low"][:, 1]).max() > 0.5


@pytest.mark.parametrize("reduce", ["mean", "norm", "max"])
@pytest.mark.parametrize("engine", ENGINES)
def test_states_of_synapses_are_made_one_number_as_those_of_cells_are(engine, reduce):
    data = cn.simulate(one(), shown(4), engine, record=Record("low", reduce=reduce))
    each = np.repeat(low(RATES, 4), 2, axis=1)
    right = {"mean": each.mean(1), "norm": np.sqrt((each**2).sum(1)), "max": abs(each).max(1)}[reduce]
    assert data[f"up.low {reduce}"].dims == ("time", "batch")
    np.testing.assert_allclose(data[f"up.low {reduce}"][:, 0], right, rtol=0, atol=1e-14)


REQUEST = ["rate", "up.low", "up.above", "up"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("every", [1, 3])
def test_pieces_are_the_whole_also_through_a_snapshot_and_a_file(engine, every, tmp_path):
    """What adds up is the sum of a window that two runs share."""
    whole = cn.simulate(one(), shown(11), engine, record=REQUEST, every=every)
    first, other = cn.simulator(one(), engine), cn.simulator(one(), engine)
    parts = [first.run(shown(4), REQUEST, every=every, to=tmp_path / "run.nc").load()]
    first.snapshot().save(tmp_path / "half")
    other.restore(tmp_path / "half")
    parts.append(other.run(shown(7), REQUEST, every=every))
    joined = cn.join(parts)
    assert set(whole.data_vars) == {"a.rate", "b.rate", "up.low", "up.above", "up", "weights up"}
    assert whole.sizes["time"] == 11 // every
    for name in whole.data_vars:
        np.testing.assert_array_equal(joined[name], whole[name], err_msg=name)
    np.testing.assert_array_equal(
        whole["up.above"][:, 0, 0], np.outer(np.ones(11 // every), [every, 0, every])
    )
    np.testing.assert_allclose(
        whole["up.low"][:, 0, 1], low(RATES, 11)[every - 1 :: every], rtol=0, atol=1e-14
    )
    assert (whole["up.above"].attrs.get("cell_methods") == "time: sum") == (every > 1)
    first.run(shown(7), REQUEST, every=every, to=tmp_path / "run.nc")
    for name, array in cn.load_recording(tmp_path / "run.nc").data_vars.items():
        np.testing.assert_array_equal(array, whole[name], err_msg=name)


def test_a_state_that_cells_and_synapses_have_is_recorded_of_both():
    class Low(Summing):
        state = {"rate": 0.0, "low": 0.0}

        def predict(self, cell, port, dt):
            return {"rate": port.input, "low": port.input}

    circuit = cn.Circuit(
        [cn.Population("a", 3, Sensory()), cn.Population("b", 2, Low())],
        [cn.Projection("a", "b", "input", 0.5, name="up", plasticity=LowPass())],
    )
    assert set(cn.simulate(circuit, shown(2), record="low").data_vars) == {"b.low", "up.low", "weights up"}
    some = cn.simulate(circuit, shown(2), record=Record("low", where={"b": [1]}))
    assert set(some.data_vars) == {"b.low", "weights up"}


@pytest.mark.parametrize(
    ("message", "record"),
    [
        ("unknown state of synapses of 'up' to record 'lwo'; did you mean 'low'? Choices: low, "
         "voltage, above", "up.lwo"),
        ("unknown state of synapses of 'up' to record 'spark'. Choices: low, voltage, above", "up.spark"),
        ("unknown thing to record 'voltag'; did you mean 'voltage'?", "voltag"),
        ("record 'up.low': where chooses cells, and this is a state of synapses",
         Record("up.low", where={"a": [0]})),
        ("record 'low': where chooses cells", Record("low", where=[0])),
    ],
)  # fmt: skip
def test_requests_that_cannot_be(message, record):
    with pytest.raises(ProtocolError) as caught:
        cn.simulate(one(), shown(2), record=record)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_state_to_read_that_is_not_there():
    running = cn.simulator(one())
    np.testing.assert_array_equal(running.read("up.low"), np.full((1, 2, 3), 0.25))
    for what in (None, ["up.low"]):
        with pytest.raises(ProtocolError, match="unknown state"):
            running.read(what)
    with pytest.raises(ProtocolError) as caught:
        running.read("up.lo")
    choices = "a.value, a.rate, b.rate, up.low, up.voltage, up.above"
    assert str(caught.value) == f"unknown state 'up.lo'; did you mean 'up.low'? Choices: {choices}"


def test_synapses_whose_weights_are_fixed_or_that_have_no_states_say_so():
    plain = type(Plasticity)("Plain", (Plasticity,), {"eligibility": lambda s, y, a, b, p: a.rate})
    with pytest.raises(ProtocolError, match=r"state of synapses of 'up' to record 'low'\. Choices: none"):
        cn.simulate(one(plain()), shown(2), record="up.low")


class Doubling(Plasticity):
    """Runs away by itself; nobody hears of it."""

    state = {"size": 1.0}

    def update(self, synapse, pre, post, port, dt):
        return {"size": 1e80 * synapse.size}

    def eligibility(self, synapse, pre, post, port):
        return 0.0 * pre.rate


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("engine", ENGINES)
def test_a_state_of_synapses_that_runs_away_stops_the_simulation(engine):
    """1e80^4 is above the largest number: in the fourth step."""
    with pytest.raises(
        SimulationError, match=r"in step 3 \(3 ms\) 'size' of projection 'up' became"
    ) as caught:
        cn.simulate(one(Doubling()), shown(6), engine, record="size")
    assert caught.value.recording.sizes["time"] == 4


def test_other_readers_of_a_recording_leave_synapses_alone(recwarn):
    """Also of a list of synapses, whose states have as many axes as those of cells."""
    data = cn.simulate(one(connection=LISTED), shown(4), record=REQUEST)
    assert len(traces(data).axes) == len(traces(data.drop_vars(["up.low", "up.above"])).axes)
    with pytest.raises(
        ProtocolError, match=r"'up\.low' is a state of synapses, and figures show states of cells"
    ):
        traces(data, states=["up.low"])
    pytest.importorskip("neo")
    names = [signal.name for signal in cn.to_neo(data).segments[0].analogsignals]
    assert sorted(set(names)) == ["a.rate", "b.rate", "up"]  # (its weights over time)


class Releasing(LowPass):
    """Releases a vesicle, which is called a spike."""

    state = {"spike": State(event=True)}

    def update(self, synapse, pre, post, port, dt):
        return {"spike": where(pre.rate > 0, 1.0, 0.0)}


def test_events_of_synapses_are_no_spikes_of_cells():
    data = cn.simulate(one(Releasing(), connection=LISTED), shown(4), record="spike")
    np.testing.assert_array_equal(data["up.spike"][:, 0], np.outer(np.ones(4), [1, 1, 0, 1]))
    with pytest.raises(ProtocolError, match="neither spikes nor φ"):
        cn.analysis.spike_times(data)


def test_without_record_weights_stand_for_synapses():
    assert set(cn.simulate(one(), shown(2)).data_vars) == {"a.value", "a.rate", "b.rate", "up", "weights up"}
