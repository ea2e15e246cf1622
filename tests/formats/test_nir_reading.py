"""NIR graphs as circuits: beside the same graphs run by hand, node by node."""

import warnings

import numpy as np
import pytest

import corticalnet as cn
from corticalnet.errors import CircuitWarning, FormatError
from tests.formats.nir_by_hand import cuba, each, graph, lif, line, perfect, run, weights

nir = pytest.importorskip("nir")
DT, STEPS = 1e-3, 120


def stimulus(*n, seed=1):
    return (np.random.default_rng(seed).random((STEPS, *n)) < 0.5) * 3.0


def simulated(read, x, *states):
    """What our circuit's populations are, ``{name: [time, n]}``."""
    play = cn.Play({"input.stimulus": x.reshape(len(x), -1)})
    data = cn.simulate(read, [play], record=list(states), check=False)
    return {str(name): values.values[:, 0] for name, values in data.data_vars.items()}


def layers(a, b):
    return graph(
        {"up": nir.Linear(weights(5, 4)), "a": a,
         "on": nir.Affine(weights(3, 5, seed=2, scale=9.0), weights(3, seed=3)), "b": b},
        [("input", "up"), ("up", "a"), ("a", "on"), ("on", "b"), ("b", "output")], [4], [3],
    )  # fmt: skip


NEURONS = {"LIF": lif(5, 2.0), "CubaLIF": cuba(5, 2.0, 3.0), "IF": perfect(5)}
ABOVE = {"LIF": lif(3), "CubaLIF": cuba(3), "IF": perfect(3)}


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("below", NEURONS)
def test_layers_fire_as_by_hand(below, above):
    """The same spikes in every step; of the second layer, one step later."""
    made, x = layers(NEURONS[below], ABOVE[above]), stimulus(4)
    by_hand = run(made, x, DT)
    ours = simulated(cn.from_nir(made, "1 ms"), x, "spike")
    assert 5 < by_hand["a"].sum() < 0.8 * by_hand["a"].size
    np.testing.assert_array_equal(ours["a.spike"], by_hand["a"])
    np.testing.assert_array_equal(ours["b.spike"][1:], by_hand["b"][:-1])
    assert by_hand["b"].any()


def test_short_ways_wait_for_long_ones():
    """input → a → b and input → b: what meets at b comes from the same moment."""
    made = graph(
        {"up": nir.Linear(weights(5, 4)), "a": lif(5),
         "on": nir.Linear(weights(3, 5, scale=9.0)), "b": lif(3),
         "past": nir.Affine(weights(3, 4, seed=5), np.array([0.3, 0.2, 0.1])), "c": perfect(3)},
        [("input", "up"), ("up", "a"), ("a", "on"), ("on", "b"), ("input", "past"), ("past", "b"),
         ("b", "c"), ("past", "c"), ("c", "output")], [4], [3],
    )  # fmt: skip
    x = stimulus(4)
    by_hand, ours = run(made, x, DT), simulated(cn.from_nir(made, 1.0), x, "spike")
    np.testing.assert_array_equal(ours["b.spike"][1:], by_hand["b"][:-1])
    np.testing.assert_array_equal(ours["c.spike"][2:], by_hand["c"][:-2])
    assert by_hand["c"].any()


def test_a_loop_of_one_population_takes_a_step():
    made = graph(
        {"up": nir.Linear(weights(5, 4)), "cell": cuba(5, 2.0),
         "loop": nir.Affine(weights(5, 5, scale=3), weights(5))},
        [("input", "up"), ("up", "cell"), ("cell", "loop"), ("loop", "cell"), ("cell", "output")], [4], [5],
    )  # fmt: skip
    x = stimulus(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = cn.from_nir(made, 1.0)
    bias = made.nodes["loop"].bias.copy()
    made.nodes["loop"].bias = bias * 0  # (ours is there from the first step on)
    made.nodes["up"] = nir.Affine(made.nodes["up"].weight, bias)
    by_hand = run(made, x, DT, [("loop", "cell")])
    np.testing.assert_array_equal(simulated(read, x, "spike")["cell.spike"], by_hand["cell"])


def test_a_loop_over_two_populations_takes_two_and_says_so():
    made = graph(
        {"a": lif(2), "b": lif(2), "up": nir.Linear(np.eye(2)), "down": nir.Linear(np.eye(2))},
        [("input", "a"), ("a", "up"), ("up", "b"), ("b", "down"), ("down", "a"), ("b", "output")], [2], [2],
    )  # fmt: skip
    with pytest.warns(CircuitWarning, match="populations 'a', 'b' are a loop, which takes 2 steps here"):
        cn.from_nir(made)


CONVOLUTIONS = {
    "plain": ((3, 2, 3, 3), {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}),
    "strides": ((3, 2, 3, 2), {"stride": (2, 1), "padding": (1, 0), "dilation": 1, "groups": 1}),
    "dilation": ((3, 2, 2, 3), {"stride": 1, "padding": (0, 2), "dilation": (2, 1), "groups": 1}),
    "groups": ((4, 1, 3, 3), {"stride": 1, "padding": 1, "dilation": 1, "groups": 2}),
    "same": ((2, 2, 3, 4), {"stride": 1, "padding": "same", "dilation": 1, "groups": 1}),
    "valid": ((2, 2, 3, 4), {"stride": 2, "padding": "valid", "dilation": 1, "groups": 1}),
}


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_sheets_pass_convolutions_pools_and_flattening_as_in_torch(kind):
    shape, how = CONVOLUTIONS[kind]
    convolution = nir.Conv2d(input_shape=None, weight=weights(*shape), bias=weights(shape[0], seed=7), **how)
    pool = nir.SumPool2d(*(np.array(s) for s in ([2, 2], [1, 1], [1, 0])))
    mean = nir.AvgPool2d(*(np.array(s) for s in ([2, 1], [2, 1], [0, 0])))
    made = line(convolution, pool, mean, nir.Flatten({"input": None}, 0, -1), n=[2, 6, 7], out=[1])
    x = np.random.default_rng(0).normal(size=(3, 2, 6, 7))
    ours = simulated(cn.from_nir(made), x, "output")["output.value"]
    np.testing.assert_allclose(ours, run(made, x, DT)["output"], atol=1e-12)


@pytest.mark.parametrize("kind", ["strides", "groups"])
def test_files_are_read_that_nir_itself_refuses(kind, tmp_path):
    """nir 1.0.8 sizes convolutions by the height of their kernel and by one group (findings/)."""
    shape, how = CONVOLUTIONS[kind]
    convolution = nir.Conv2d(input_shape=(6, 7), weight=weights(*shape), bias=np.zeros(shape[0]), **how)
    made = line(convolution, n=[2, 6, 7], out=[1])
    nir.write(tmp_path / "sheet.nir", made)
    with pytest.raises(ValueError, match="type mismatch"):
        nir.read(tmp_path / "sheet.nir")
    x = np.random.default_rng(0).normal(size=(2, 2, 6, 7))
    ours = simulated(cn.from_nir(tmp_path / "sheet.nir"), x, "output")["output.value"]
    np.testing.assert_allclose(ours, run(made, x, DT)["output"].reshape(2, -1), atol=1e-12)


def test_a_convolution_in_one_dimension():
    how = {"stride": 2, "padding": 1, "dilation": 2, "groups": 1, "bias": weights(3)}
    made = line(
        nir.Conv1d(input_shape=9, weight=weights(3, 2, 3), **how),
        nir.Scale(weights(3, 4)),
        n=[2, 9],
        out=[3, 4],
    )
    x = np.random.default_rng(0).normal(size=(3, 2, 9))
    ours = simulated(cn.from_nir(made), x, "output")["output.value"]
    np.testing.assert_allclose(ours, run(made, x, DT)["output"].reshape(3, -1), atol=1e-12)


def test_a_leaky_readout_of_spikes():
    """The readout's voltage, one step later; and its linear sum in the same step as it."""
    constant = each(2, tau=0.03, r=2.0, v_leak=0.2)
    made = line(nir.Linear(weights(5, 4)), lif(5), nir.Linear(weights(2, 5, seed=4)), nir.LI(**constant),
                nir.Linear(weights(1, 2, seed=6)), n=[4], out=[1])  # fmt: skip
    x = stimulus(4)
    by_hand, ours = run(made, x, DT), simulated(cn.from_nir(made, 1.0), x, "voltage", "output")
    np.testing.assert_allclose(ours["n3.voltage"][1:], by_hand["n3"][:-1], atol=1e-12)
    np.testing.assert_allclose(ours["output.value"][1:], by_hand["output"][:-1], atol=1e-12)


def test_a_delay_is_kept():
    """5 ms on the way: five steps of 1 ms; and 2.5 ms are none."""
    made = line(nir.Delay(np.full(4, 0.005)), nir.Linear(weights(5, 4)), lif(5), n=[4], out=[5])
    late = line(nir.Linear(weights(5, 4)), lif(5), n=[4], out=[5])
    x = stimulus(4)
    ours = simulated(cn.from_nir(made, 1.0), x, "spike")["n2.spike"]
    np.testing.assert_array_equal(ours[5:], run(late, x, DT)["n1"][:-5])
    with pytest.raises(FormatError, match="a delay of 5 ms is no whole number of steps of 2 ms"):
        cn.from_nir(made, 2.0)


def test_neurons_that_differ_become_populations_of_those_that_are_alike():
    """Thresholds are in the weights; two time constants make two populations."""
    node = lif(4)
    node.tau, node.v_threshold = np.array([0.02, 0.01, 0.02, 0.01]), np.array([1.0, 0.5, 2.0, 1.5])
    made, x = (
        line(
            nir.Linear(weights(4, 4, scale=2.0)),
            node,
            nir.Linear(weights(2, 4, scale=5.0)),
            lif(2),
            n=[4],
            out=[2],
        ),
        stimulus(4),
    )
    read = cn.from_nir(made, 1.0)
    assert [(p.name, p.n) for p in read.populations] == [("input", 4), ("n1_1", 2), ("n1_2", 2), ("n3", 2)]
    by_hand, ours = run(made, x, DT), simulated(read, x, "spike")
    np.testing.assert_array_equal(ours["n1_1.spike"], by_hand["n1"][:, [1, 3]])
    np.testing.assert_array_equal(ours["n1_2.spike"], by_hand["n1"][:, [0, 2]])
    np.testing.assert_array_equal(ours["n3.spike"][1:], by_hand["n3"][:-1])


def test_graphs_within_graphs_are_laid_flat():
    inner = graph({"up": nir.Linear(weights(3, 4)), "cell": lif(3)},
                  [("input", "up"), ("up", "cell"), ("cell", "output")], [4], [3])  # fmt: skip
    made = graph(
        {"inside": inner, "last": lif(3)},
        [("input", "inside"), ("inside", "last"), ("last", "output")],
        [4],
        [3],
    )
    read = cn.from_nir(made, 1.0)
    assert [p.name for p in read.populations] == ["input", "inside_cell", "last"]
    flat = line(nir.Linear(weights(3, 4)), lif(3), lif(3), n=[4], out=[3])
    x = stimulus(4)
    np.testing.assert_array_equal(simulated(read, x, "spike")["last.spike"][1:], run(flat, x, DT)["n2"][:-1])


def test_the_step_is_that_of_the_file(tmp_path):
    cells = [
        cn.Population("retina", 2, cn.circuits.cells.Sensory()),
        cn.Population("cells", 3, cn.circuits.cells.DrivenLIF(10, 3)),
    ]
    made = cn.Circuit(cells, [cn.Projection("retina", "cells", "spikes", 2.0)], dt=0.25)
    cn.to_nir(made, tmp_path / "cells.nir", "norse")
    read = cn.from_nir(tmp_path / "cells.nir")
    assert (read.dt, read.name) == (0.25, "cells")
    cell = read.population("cells").cell
    assert (cell.tau, cell.synapse) == (pytest.approx(10), pytest.approx(3))
    cn.to_nir(made, tmp_path / "cells.nir", "snntorch")  # a step of 0.1 ms, whatever ours is
    read = cn.from_nir(tmp_path / "cells.nir")
    assert (read.dt, read.population("cells").cell.tau) == (pytest.approx(0.1), pytest.approx(4))
    assert cn.from_nir(layers(NEURONS["LIF"], ABOVE["IF"])).dt == 0.1


def linear(*shape):
    return nir.Linear(np.ones(shape))


def threshold_node():
    return line(nir.Linear(weights(2, 2)), nir.Threshold(np.ones(2)), n=[2], out=[2])


def all_different():
    node = lif(100)
    node.tau = np.linspace(0.01, 0.02, 100)
    return line(nir.Linear(weights(100, 2)), node, n=[2], out=[100])


def idle_loop():
    edges = [("input", "a"), ("a", "b"), ("b", "a"), ("a", "output")]
    return graph({"a": nir.Linear(np.eye(2)), "b": nir.Linear(np.eye(2))}, edges, [2], [2])


def no_way_in():
    return graph({"a": lif(2), "b": lif(2)}, [("a", "output"), ("input", "b"), ("b", "output")], [2], [2])


REFUSED = {
    "a node that is not linear": (threshold_node, "node 'n1' is a Threshold, which is not known here"),
    "sizes": (lambda: line(linear(3, 2), lif(4), n=[2], out=[4]), "'n1' takes 4 numbers, but 3 arrive"),
    "weights": (lambda: line(linear(3, 2), n=[5], out=[3]), "node 'n0' takes 2 numbers, but 5 arrive"),
    "neurons all different": (all_different, "'n1': its neurons are of 100 kinds, by tau"),
    "a loop without a neuron": (idle_loop, "is in a loop without any neuron"),
    "a node that nothing reaches": (no_way_in, "nothing arrives at node 'a'"),
    "an edge to nowhere": (lambda: graph({}, [("input", "z")], [2], [2]), "names 'z', which is no node"),
    "no input": (lambda: nir.NIRGraph({"a": lif(2)}, [], type_check=False), "has no Input node"),
    "something else": (lambda: 7, "takes a nir.NIRGraph or the path of one, not int"),
    "no file": (lambda: "nowhere.nir", "cannot read NIR file nowhere.nir: No such file"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_known_is_refused_by_name(what):
    make, message = REFUSED[what]
    with pytest.raises(FormatError, match=message):
        cn.from_nir(make())


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_a_file_of_something_else_is_an_error_of_one_line(content, tmp_path):
    (tmp_path / "cells.nir").write_bytes(content)
    with pytest.raises(FormatError, match=r"cells\.nir"):
        cn.from_nir(tmp_path / "cells.nir")
