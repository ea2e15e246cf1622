"""Target propagation as a circuit: weights and decoders change as the rule's do, given its noise (1e-10)."""

import copy
import re

import numpy as np
import pytest
import torch

import corticalnet as cn
from corticalnet.columns import learning_noise
from corticalnet.recordings.reading import weight_change
from corticalnet.rules.own_weights import link_of
from corticalnet.rules.target_propagation import reconstruction
from tests.networks import CLASSES, F64, SHAPE, batch, dense, residual, sheets, skipping

RATE = 0.2
RULES = {
    "TP": ("target-propagation", {}),
    "DTP": ("difference-target-propagation", {}),
    "SDTP": ("simplified-target-propagation", {}),
    "AO-SDTP": ("auxiliary-output-target-propagation", {"auxiliary": 7}),
    "L-DRL": ("local-difference-reconstruction", {}),
    "DRL": ("difference-reconstruction", {}),
    "TP, alternating": ("target-propagation", {"alternate": 1}),
    "DTP, alternating": ("difference-target-propagation", {"alternate": 1}),
    "AO-SDTP, alternating": ("auxiliary-output-target-propagation", {"auxiliary": 7, "alternate": 1}),
}


def run(net, rule, lessons, engine, monkeypatch, longer=(0,)):
    """Changes of the weights and of the decoders in some trials: (circuit's, rule's), by name."""
    circuit = cn.circuit(net, rule, RATE)
    noise = learning_noise(circuit)
    protocol, ticks, step = [], [], 0
    clock = circuit.population("clock").cell
    own = {p.area: int(p.cell.first) for p in circuit.populations if p.role == "turn"}
    for k, (x, y) in enumerate(lessons):
        taught = circuit.needs.teach + longer[k % len(longer)]
        protocol += [cn.Present(x, circuit.needs.present), cn.Teach(y, taught)]
        ticks.append(step + circuit.needs.present + (1 if rule.alternate else int(clock.last)))
        step += circuit.needs.present + taught
    data = cn.simulate(circuit, protocol, engine, record=["value"], last=1, noise=noise)
    before = {k: p.detach().clone() for k, p in all_weights(net, rule).items()}
    learned, decoding = copy.deepcopy((net, rule))
    cn.write_back(circuit, learned, data, decoding)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    by_place = {(one.population, one.port): one for one in noise}
    for (x, y), tick in zip(lessons, ticks, strict=True):
        starts = {name: tick - int(clock.last) + begin for name, begin in own.items()}
        draws = iter(drawn(net, rule, by_place, tick, len(x), starts or None))
        monkeypatch.setattr(reconstruction, "gaussian", lambda like, d=draws: next(d).view_as(like))
        rule.update(net, x, y, optimizer)
    found, wanted = {}, {}
    for name, p in all_weights(net, rule).items():
        change = weight_change(data, name) if f"weights {name}" in data else np.zeros(1)
        wanted[name] = (p.detach() - before[name]).numpy()
        like = wanted[name].T if decodes_all(circuit, name, change) else wanted[name]
        found[name], wanted[name] = change.ravel(), like.ravel()
        written = all_weights(learned, decoding)[name].detach().numpy() - before[name].numpy()
        assert abs(written - (p.detach() - before[name]).numpy()).max() < 1e-10, name
    return found, wanted


def decodes_all(circuit, name, change):
    """Whether a decoder's weights are a matrix: [below, above], and the rule's the other way round."""
    return name.endswith("feedback") and change.ndim == 2


def drawn(net, rule, by_place, step, samples, turns=None):
    """The noise in the order in which the rule draws it; ``turns``: steps of areas that have their own."""
    wiring = net.wiring
    names = [wiring.name(n) for n in range(1, wiring.output + 1)]
    size = {name: int(np.prod(wiring.area(k).shape)) for k, name in enumerate(names, start=1)}
    size["auxiliary"] = rule.auxiliary
    role = "value" if rule.alternate else "noisy"

    def of(name, port="noise"):
        one = by_place[f"{name}.{role}", port]
        begin = (turns or {}).get(name, step)
        return torch.tensor(one.draw(1, samples, size[name], begin=begin)[0])

    yield from (of(name) for name in names[:-1])
    if isinstance(rule.reconstruction, reconstruction.LocalDifference):
        yield from (of(name, "jitter") for name in [*names, *["auxiliary"] * bool(rule.auxiliary)])


def all_weights(net, rule):
    """Weights, biases and decoders, by the names of their projections."""
    found = {}
    for link in net.links:
        if link.plastic:
            found[link.name] = link.weight
            if link.bias is not None:
                found[f"{link.name} bias"] = link.bias
    for name, p in rule.named_parameters(net).items():
        link = name.removeprefix("decoder.")
        below = link.partition("->")[0]
        if link.endswith(".bias"):
            found[f"{below} decoder bias"] = p
        elif link.endswith(".auxiliary"):
            found[f"{below}->auxiliary feedback"] = p
        else:
            found[f"{link} feedback"] = p
    return found


def same(found, wanted):
    for name, change in wanted.items():
        assert abs(change).max() > 1e-6, name
        assert abs(found[name] - change).max() < 1e-10 * abs(change).max(), name


STREAMS = {"torch": lambda: dense("tanh", 4), "brian2": lambda: dense("sigmoid", 3)}
ON_BRIAN2 = ("DTP", "AO-SDTP", "L-DRL", "DRL", "AO-SDTP, alternating")


@pytest.mark.parametrize(
    ("rule", "engine"), [*((rule, "torch") for rule in RULES), *((rule, "brian2") for rule in ON_BRIAN2)]
)
def test_a_stream_of_trials_changes_weights_and_decoders_as_the_rule_does(rule, engine, monkeypatch):
    """Two trials, the second with a teacher who stays longer, at half the learning rate for decoders."""
    if engine == "brian2":
        pytest.importorskip("brian2")
    name, settings = RULES[rule]
    lessons = [batch(2 if engine == "torch" else 1, seed=k) for k in range(2)]
    same(
        *run(STREAMS[engine](), cn.rule(name, own_rate=0.5, **settings), lessons, engine, monkeypatch, (0, 5))
    )


def kernels(kind, hidden):
    """Sheets with biases, without pools, and an output that fires nonlinearly."""
    areas = [
        cn.Area(kind(3, 3, padding="same", stride=2, bias=True), hidden),
        cn.Area(kind(2, 3), hidden),
        cn.Area(cn.Dense(6, density=0.5), "relu"),
        cn.Area(cn.Dense(CLASSES, bias=True), "sigmoid"),
    ]
    return cn.Network(SHAPE, areas, 0, dtype=F64)


CROSS_ENTROPY = {
    "TP": {},
    "DTP": {},
    "SDTP": {},
    "AO-SDTP": {},
    "L-DRL": {},
    "DRL": {},
    "AO-SDTP, alternating": {},
    "DTP, alternating": {},
}


@pytest.mark.parametrize(
    ("rule", "engine"),
    [*((rule, "torch") for rule in CROSS_ENTROPY), ("SDTP", "brian2"), ("AO-SDTP, alternating", "brian2")],
)
def test_an_output_whose_rates_compete(rule, engine, monkeypatch):
    """Targets are labels' softmax, or t − (Σ t) softmax(y) away, whatever they sum to."""
    if engine == "brian2":
        pytest.importorskip("brian2")
    (name, settings), (x, y) = RULES[rule], batch(2 if engine == "torch" else 1)
    vectors = torch.linspace(-0.3, 0.9, CLASSES, dtype=F64).repeat(len(x), 1)
    lessons = [(x, y), (x.flip(1), vectors)]
    rule = cn.rule(name, loss="cross-entropy", **settings)
    same(*run(STREAMS[engine](), rule, lessons, engine, monkeypatch, (0, 3)))


NETWORKS = {
    "skipping": lambda: skipping("tanh"),
    "residual": lambda: residual("tanh"),
    "convolution": lambda: kernels(cn.Convolution, "tanh"),
    "local": lambda: kernels(cn.Local, "sigmoid"),
}
KINDS = RULES | {
    "linear decoders": ("difference-target-propagation", {"decoder": "linear", "top": "nudge"}),
    "gated decoders": ("difference-target-propagation", {"decoder": "gated", "top": "nudge"}),
    "DRL, gated": ("difference-reconstruction", {"decoder": "gated", "damping": 0.3}),
    "gated, alternating": ("simplified-target-propagation", {"decoder": "gated", "alternate": 1}),
}


@pytest.mark.parametrize(
    ("net", "rule"),
    [([*NETWORKS][k % 4], rule) for k, rule in enumerate([*KINDS, "DTP", "L-DRL", "AO-SDTP"])],
)
def test_links_and_decoders_of_all_kinds(net, rule, monkeypatch):
    name, settings = KINDS[rule]
    same(*run(NETWORKS[net](), cn.rule(name, **settings), [batch(2)], "torch", monkeypatch))


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("difference-reconstruction", {"alternate": 1}, "what comes back is another; alternate=0"),
        (
            "difference-reconstruction",
            {"auxiliary": 3, "top": "nudge"},
            "does not come back; choose auxiliary=0",
        ),
        (
            "local-difference-reconstruction",
            {"loss": "cross-entropy", "top": "label"},
            "no noise of its own moves a softmax",
        ),
        ("simplified-target-propagation", {"samples": 2}, "columns have one noise in a trial; samples=1"),
        (
            "simplified-target-propagation",
            {"alternate": 3},
            "no clock counts trials; choose alternate=0 or 1",
        ),
        ("local-difference-reconstruction", {"alternate": 1}, "local differences take two; alternate=0"),
        ("difference-target-propagation", {"teaching": "reward"}, "taught by Teacher, not by Reward"),
    ],
)
def test_what_columns_cannot_hold_is_refused(name, settings, words):
    with pytest.raises(cn.errors.CircuitError, match=re.escape(words)):
        cn.circuit(dense(), cn.rule(name, **settings))


def test_what_is_written_back_has_a_place_in_the_circuit():
    net, rule = dense("tanh"), cn.rule("simplified-target-propagation")
    columns = cn.circuit(net, cn.rule("backprop"))
    with pytest.raises(cn.errors.CircuitError, match="has no weights of its own in this circuit"):
        cn.write_back(columns, net, rule=rule)
    pollack, other = cn.rule("kolen-pollack"), cn.rule("kolen-pollack")
    columns = cn.circuit(net, pollack)
    for p in other.parameters(net):
        p.data.zero_()
    cn.write_back(columns, net, rule=other)
    for found, wanted in zip(other.parameters(net), pollack.parameters(net), strict=True):
        assert wanted.any()
        assert torch.equal(found, wanted)


def test_the_longest_name_of_a_link_counts():
    links = ["low->high", "low->high.1", "high->output"]
    assert link_of("decoder.low->high.1.bias", links) == "low->high.1"
    assert link_of("decoder.low->high", links) == "low->high"
    assert link_of("gain", links) == ""


def test_pools_and_changes_that_wait_are_refused():
    rule = cn.rule("difference-target-propagation")
    with pytest.raises(cn.errors.CircuitError, match="before a pool; choose a convolution with a stride"):
        cn.circuit(sheets(), rule)
    with pytest.raises(cn.errors.CircuitError, match="for all synapses learn at one tick of the clock"):
        cn.circuit(dense(), rule, consolidation="phase")


def test_a_network_of_one_link_and_one_without_decoders_learn_too(monkeypatch):
    """Lee et al.'s step of gradient reaches the area below the output without any decoder."""
    for depth in (1, 2):
        net, rule = dense("tanh", depth), cn.rule("difference-target-propagation", alternate=depth - 1)
        assert not rule.named_parameters(net)
        same(*run(net, rule, [batch(2)], "torch", monkeypatch))


def test_no_signed_error_crosses_a_decoder():
    """What synapses carry down are codes and goals of columns, but for one step of gradient."""
    circuit = cn.circuit(dense("tanh", 4), cn.rule("difference-target-propagation"))
    down = {p.sends for p in circuit.projections if " feedback" in p.name}
    assert down == {"code", "goal", "error"}
    assert [p.name for p in circuit.projections if p.sends == "error"] == ["area3->output feedback"]


def test_a_circuit_of_decoders_is_saved_and_loaded(tmp_path):
    circuit = cn.circuit(dense("tanh", 3), cn.rule("simplified-target-propagation"))
    circuit.save(tmp_path / "columns")
    again = cn.Circuit.load(tmp_path / "columns")
    assert again.to_dict() == circuit.to_dict()
    assert "also along area1->area2 feedback" in str(again)
