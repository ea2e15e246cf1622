"""φ asks whether a number is exactly 0: last bits that hang on width, batch or threads must not matter.

torch computes rows of a batch otherwise than the same rows alone (float32: below 16 rows), and sigmoid and
softplus of a number otherwise in the tail of a vector than in its body; so results of two shapes differ in
last bits. Within a simulation shapes stay, but it may go on with other threads, or on another machine.
"""

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.audit import detect
from tests.covering import every_two

WIDTHS, BATCHES, CURVES = (31, 100, 255), (1, 15, 17), ("sigmoid", "softplus", "tanh")
X = torch.rand(17, 20, generator=torch.Generator().manual_seed(1))
AREAS = ("area1", "area2", "output")


def columns(width, curve, rule="streaming-fa-z-il", **how):
    net = cn.mlp([20, width, width // 2, 5], hidden=curve, seed=0, dtype=torch.float64)
    return cn.circuit(net, cn.rule(rule, **how), 0.05)


def trial(batch):
    return [cn.Present(X[:batch], 12), cn.Teach([k % 5 for k in range(batch)], 12)]


def test_bits_differ_where_they_are_said_to():
    """Otherwise the tests below would show nothing (older instruction sets have no such tails)."""
    weight = torch.rand(31, 20, generator=torch.Generator().manual_seed(2))
    together, alone = X @ weight.T, torch.cat([row[None] @ weight.T for row in X])
    torch.testing.assert_close(together, alone)
    drives = torch.randn(500, generator=torch.Generator().manual_seed(0))
    copies = [torch.sigmoid(drive.expand(100).contiguous()).unique().numel() for drive in drives]
    if torch.equal(together, alone) and max(copies) == 1:
        pytest.skip("this torch computes them alike")


@pytest.mark.parametrize(("width", "batch", "curve"), every_two(WIDTHS, BATCHES, CURVES))
def test_cells_at_rest_are_exactly_at_rest(width, batch, curve):
    """Twice, the second time with weights that have learned; in float32, where rounding is coarse."""
    protocol = [*trial(batch), *trial(batch)]
    data = cn.simulate(columns(width, curve), protocol, record=["error", "phi"], precision="float32")
    for area in AREAS:
        error, phi = data[f"{area}.error.error"].values, data[f"{area}.phi.phi"].values
        assert (error[8:12] == 0).all()
        assert (error[32:36] == 0).all()
        assert (phi[12:24].sum(0) == (error[12:24] != 0).any(0)).all()  # once, whoever has an error
        assert not phi[:12].any()


def test_a_row_fires_as_it_does_alone():
    alone = cn.simulate(columns(100, "sigmoid"), trial(1), record=["phi"], precision="float32")
    among = cn.simulate(columns(100, "sigmoid"), trial(17), record=["phi"], precision="float32")
    for area in AREAS:
        name = f"{area}.phi.phi"
        assert alone[name].values.any()
        np.testing.assert_array_equal(alone[name].values[:20, 0], among[name].values[:20, 0])


@pytest.mark.parametrize(
    ("rule", "how"),
    [
        ("streaming-fa-z-il", {}),
        ("streaming-fa-z-il", {"pooled": True}),
        ("fa-z-il", {"gate": "prediction"}),
        ("fa-z-il", {}),
    ],
)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_last_bit_wakes_nobody(rule, how, precision):
    """Every weight moves by a last bit, as on another machine: a wave of errors, φ silent, rest again."""
    made = columns(31, "sigmoid", rule, **how)
    running = cn.simulator(made, precision=precision)
    running.run(trial(3)[:1], record=["phi"])
    kind = np.dtype(precision).type
    bits = {
        k: np.nextafter(w.astype(kind), kind(np.inf)).astype(np.float64) for k, w in running.weights.items()
    }
    running.engine.set_weights(bits)
    after = running.run([cn.SetInput({}, 8)], record=["error", "phi"])
    errors = [after[f"{area}.error.error"].values for area in AREAS]
    assert all((error != 0).any() for error in errors)
    assert all((error[-1] == 0).all() for error in errors)
    assert not any(after[name].values.any() for name in after.data_vars if name.endswith(".phi.phi"))
    taught = running.run(trial(3)[1:], record=["phi"])
    spikes = [taught[name].values.sum(0) for name in taught.data_vars if name.endswith(".phi.phi")]
    assert spikes
    assert all((count == 1).all() for count in spikes)


@pytest.mark.parametrize(("width", "batch", "curve"), every_two(WIDTHS, BATCHES, CURVES))
def test_audits_of_float32_columns_find_what_float64_columns_do(width, batch, curve):
    """``detect`` asks which δ are not 0 in float64: all of them here, and each φ fires once, at its step."""
    net = cn.mlp([20, width, width // 2, 5], hidden=curve, seed=0, dtype=torch.float64)
    made = cn.rule("streaming-fa-z-il")
    y = torch.arange(batch) % 5
    for precision in ("float32", "float64"):
        found = detect(net, made, X[:batch], y, teach=8, precision=precision)
        assert (found.samples, found.missed, found.spurious) == (1, 0, 0)


@pytest.mark.parametrize(("width", "batch", "curve"), every_two(WIDTHS, BATCHES, CURVES))
def test_a_rule_fires_in_float32_as_in_float64(width, batch, curve):
    """The network view: each φ once, at its own step; columns that have been at rest stay so, bit for bit."""
    net = cn.mlp([20, width, width // 2, 5], hidden=curve, seed=0, dtype=torch.float32)
    made = cn.rule("fa-z-il", gate="pulse", silence=1)
    made.trigger.steps = 8
    phi = made.learn(net, X[:batch], torch.arange(batch) % 5).details.phi
    for node, depth in ((1, 2), (2, 1), (3, 0)):
        fired = [step for step, row in enumerate(phi) if row[node] is not None and row[node].any()]
        assert fired == [depth]
        assert phi[depth][node].all()
