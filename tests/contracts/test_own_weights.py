"""Weights that a rule learns beside the network's are never left behind, whoever wrote the rule."""

import copy
import warnings

import pytest
import torch
from torch import nn

import corticalnet as cn
from corticalnet.analysis import AlignmentTracker, align, passes
from corticalnet.audit.locality import locality
from corticalnet.audit.synapses import synapses
from corticalnet.cli import main
from corticalnet.errors import CheckpointError, RuleError, TrainingError
from corticalnet.rules.own_weights import PATIENCE
from corticalnet.training import Settings, train
from corticalnet.training.checkpoint import read_checkpoint
from tests.networks import F64, batch, dense
from tests.target_propagation import STRANGERS, TargetPropagation

NAMES = {"inverse.area1->area2", "inverse.area2->output"}


@pytest.fixture(params=STRANGERS.values(), ids=STRANGERS)
def kind(request):
    return request.param


def model(rule, epochs=4):
    areas = [cn.Area(cn.Dense(12), "tanh", dropout=0.2), cn.Area(cn.Dense(10), "linear")]
    settings = Settings(epochs=epochs, limit=100, batch=16, lr=0.05, momentum=0.9)
    return cn.Model(cn.Network((1, 8, 8), areas), rule, settings)


def same(one, other):
    (here, _), (there, _) = read_checkpoint(one), read_checkpoint(other)
    return here.keys() == there.keys() and all(torch.equal(here[name], there[name]) for name in here)


def test_they_are_in_checkpoints_and_a_resumed_run_is_bit_identical(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("corticalnet.training.result.draw", lambda *arguments: [])
    rule = kind()
    train(model(rule), out=tmp_path / "whole", progress=False)
    train(model(kind(), epochs=2), out=tmp_path / "parts", progress=False)
    train(model(kind()), out=tmp_path / "parts", resume=True, progress=False)
    assert same(tmp_path / "whole" / "last.safetensors", tmp_path / "parts" / "last.safetensors")
    kept, _ = read_checkpoint(tmp_path / "parts" / "last.safetensors")
    learned = rule.state_dict()["inverse.area1->output"]
    assert torch.equal(kept["rule.inverse.area1->output"], learned)
    fresh = kind()
    fresh.parameters(model(fresh).network)
    assert not torch.equal(fresh.state_dict()["inverse.area1->output"], learned)


def test_the_command_trains_them_by_a_model_file_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("corticalnet.training.result.draw", lambda *arguments: [])
    file, run = tmp_path / "toy.py", tmp_path / "run"
    file.write_text(
        "import corticalnet as cn\nfrom corticalnet.training import Settings\n"
        "from tests.target_propagation import TargetPropagation\n\n"
        "def build(seed=0):\n"
        "    settings = Settings(limit=100, lr=0.05)\n"
        "    return cn.Model(cn.mlp([64, 8, 10], 'tanh', seed=seed), TargetPropagation(), settings)\n"
    )
    for more in ([file, "--epochs", "1", "--out", run], ["--resume", run, "--epochs", "2"]):
        with pytest.raises(SystemExit) as end:
            main(["train", *map(str, more)])
        assert not end.value.code
    kept, about = read_checkpoint(run / "last.safetensors")
    assert len(about["history"]) == 2
    assert kept["rule.inverse.area1->output"].shape == (10, 8)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_they_join_an_optimizer_that_knows_only_the_network(kind, optimizer):
    """Their gradient and their group are those of an optimizer that knew them from the first."""
    (x, y), moved = batch(), []
    for told in (False, True):
        net, rule = dense("tanh"), kind()
        optimizer_ = optimizer([*net.parameters(), *(rule.parameters(net) if told else [])], lr=0.05)
        first = [p.detach().clone() for p in rule.parameters(net)]
        for _ in range(3):
            rule.update(net, x, y, optimizer_)
        assert all(not torch.equal(p, b) for p, b in zip(rule.parameters(net), first, strict=True))
        moved.append([*net.parameters(), *rule.parameters(net)])
    assert all(torch.equal(a, b) for a, b in zip(*moved, strict=True))


def test_they_join_the_group_of_their_link(kind):
    net, rule, (x, y) = dense("tanh"), kind(), batch()
    groups = [{"params": [link.weight], "lr": 0.01 * k} for k, link in enumerate(net.links)]
    optimizer = torch.optim.Adam(groups)
    rule.update(net, x, y, optimizer)
    own = rule.named_parameters(net)
    for k, link in enumerate(net.links[1:], 1):
        assert optimizer.param_groups[k]["params"][1] is own[f"inverse.{link.name}"]


@pytest.mark.parametrize("named", [False, True])
def test_with_a_rate_of_their_own_they_move_as_by_another_optimizer(kind, named):
    """Three times the learning rate, with the momentum and decay of the group of their link's weights."""
    (x, y), moved = batch(), []
    for by_hand in (False, True):
        net, rule = dense("tanh"), kind()
        one, two = {"lr": 0.01, "momentum": 0.9}, {"lr": 0.02, "momentum": 0.5, "weight_decay": 0.1}
        first, *others = net.named_parameters() if named else net.parameters()
        optimizers = [torch.optim.SGD([{"params": [first], **one}, {"params": others, **two}])]
        if by_hand:
            optimizers.append(torch.optim.SGD(rule.parameters(net), **two | {"lr": 3 * two["lr"]}))
        else:
            rule.own_rate = 3
        for _ in range(3):
            if by_hand:
                rule.learn(net, x, y)
                [optimizer.step() for optimizer in optimizers]
            else:
                rule.update(net, x, y, optimizers[0])
        moved.append([*net.parameters(), *rule.parameters(net)])
    assert all(torch.allclose(a, b, rtol=0, atol=1e-15) for a, b in zip(*moved, strict=True))


def test_training_keeps_their_rate_through_its_schedule_and_in_a_resumed_run(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("corticalnet.training.result.draw", lambda *arguments: [])
    rates, step = [], torch.optim.Adam.step

    def told(optimizer, *arguments):
        own = [g["lr"] for g in optimizer.param_groups if any(map(mine.__contains__, g["params"]))]
        rates.extend((lr, optimizer.param_groups[0]["lr"]) for lr in own)
        return step(optimizer, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", told)
    for folder, *parts in (("whole", 4), ("parts", 2, 4)):
        for epochs in parts:
            rule = kind()
            rule.own_rate = 3.0
            net = cn.mlp([64, 8, 10], "tanh")
            mine = set(rule.parameters(net))
            settings = Settings(epochs=epochs, limit=100, batch=90, lr=0.01, optimizer="adam", halve_every=1)
            about = {"resume": epochs > parts[0], "progress": False}
            train(cn.Model(net, rule, settings), out=tmp_path / folder, **about)
    assert same(tmp_path / "whole" / "last.safetensors", tmp_path / "parts" / "last.safetensors")
    assert sorted(set(rates), reverse=True) == [(0.03 / 2**k, 0.01 / 2**k) for k in range(4)]
    rule.own_rate = 2.0
    with pytest.raises(CheckpointError, match="another rule"):
        train(cn.Model(net, rule, settings), out=tmp_path / "parts", resume=True, progress=False)


def test_where_a_schedule_would_not_know_their_rate_it_is_said_what_to_do(kind):
    net, rule, (x, y) = dense("tanh"), kind(), batch()
    rule.own_rate = 3
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch)
    with pytest.raises(RuleError, match=r"then make the schedule"):
        rule.update(net, x, y, optimizer)
    optimizer = torch.optim.SGD(
        [{"params": net.parameters()}, {"params": rule.parameters(net), "lr": 0.3}], 0.1
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch)
    rule.update(net, x, y, optimizer)
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.15]


@pytest.mark.parametrize("rate", [0, -1, "fast", float("nan")])
def test_a_rate_of_their_own_is_a_number_above_0(kind, rate):
    net, rule, (x, y) = dense("tanh"), kind(), batch()
    rule.own_rate = rate
    with pytest.raises(RuleError, match="own_rate"):
        rule.update(net, x, y, torch.optim.SGD(net.parameters(), lr=0.1))
    with pytest.raises(RuleError, match="own_rate"):
        train(cn.Model(cn.mlp([64, 8, 10]), rule, Settings(epochs=1, limit=100)), progress=False)


def test_somebody_is_told_when_they_are_left_behind_and_only_then(kind):
    net, rule, (x, y) = dense("tanh"), kind(), batch()
    short = torch.optim.SGD(net.parameters(), lr=0.1)
    whole = torch.optim.SGD([*net.parameters(), *rule.parameters(net)], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for optimizer in (*[short] * (PATIENCE - 1), whole, *[short] * PATIENCE):
            rule.learn(net, x, y)
            optimizer.step()
    with pytest.warns(UserWarning, match=r"own weights \(inverse.area1->area2, .*\) do not; give the opti"):
        rule.learn(net, x, y)


def test_they_follow_the_network_to_another_precision(kind):
    net, rule, (x, y) = dense("tanh").float(), kind(), batch()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    rule.update(net, x.float(), y, optimizer)
    known = {name: p.detach().clone() for name, p in rule.named_parameters(net).items()}
    net.double()
    rule.learn(net, x, y)
    now = rule.named_parameters(net)
    assert now.keys() == NAMES
    assert all(p.dtype == p.grad.dtype == F64 and torch.equal(p, known[n].double()) for n, p in now.items())


def test_another_network_with_the_same_links_has_the_same_and_one_with_others_has_its_own(kind):
    net, rule, (x, y) = dense("tanh"), kind(), batch()
    rule.update(net, x, y, torch.optim.SGD(net.parameters(), lr=0.1))
    known = rule.parameters(net)
    assert all(a is b for a, b in zip(rule.parameters(copy.deepcopy(net)), known, strict=True))
    rule.learn(dense("tanh", depth=2), x, y)
    assert rule.state_dict().keys() == {"inverse.area1->output"}


def test_a_state_of_another_network_is_refused_and_nothing_is_loaded(kind):
    rule, other = kind(), kind()
    rule.parameters(cn.mlp([4, 3, 3, 2]))
    other.parameters(cn.mlp([4, 3, 5, 2]))
    before = copy.deepcopy(rule.state_dict())
    words = r"inverse.area1->area2 is \(5, 3\) there and \(3, 3\) here"
    with pytest.raises(RuleError, match=words):
        rule.load_state_dict(other.state_dict())
    with pytest.raises(RuleError, match=r"is nothing there"):
        rule.load_state_dict({})
    assert all(torch.equal(t, before[name]) for name, t in rule.state_dict().items())


def test_a_rule_that_has_learned_is_followed_aligned_counted_and_left_alone(kind):
    net, rule, (x, y) = dense("tanh"), kind(), batch()
    rule.update(net, x, y, torch.optim.SGD(net.parameters(), lr=0.1))
    before = copy.deepcopy(rule.state_dict())
    tracker = AlignmentTracker(rule, x, y)
    tracker.measure(net, 0.0)
    angles = tracker.recording()["angle"].values
    assert angles[0, -1] == pytest.approx(0, abs=1e-3)  # the output needs no inverse
    assert align(net, rule, x, y).areas["output"] == pytest.approx(1.0)
    whole, down = (sum(link.synapses for link in some) for some in (net.links, net.links[1:]))
    counted = passes(net, rule, x, y)
    assert counted == pytest.approx((1.0, 2 * down / whole, 1 + down / whole))
    locality(rule)  # on a network with other links
    assert all(torch.equal(t, before[name]) for name, t in rule.state_dict().items())


def test_the_audit_sees_them_between_the_columns_of_their_link(kind):
    net, rule = dense("tanh"), kind()
    (up,) = (s for s in synapses(net) if s.parameter == "areas.area2.links.0.weight")
    (down,) = (s for s in synapses(net, rule) if s.parameter == "inverse.area1->area2")
    assert (down.source, down.target, down.count) == ("area1", "area2", up.count)
    assert all(torch.equal(a, b) for a, b in zip(down.ends, up.ends, strict=True))


class Correlating(cn.LearningRule):
    """Weights beside the second link that learn which rates go together; the network learns nothing."""

    def draw(self, net):
        return {f"beside.{net.links[1].name}": torch.zeros_like(net.links[1].weight)}

    @torch.no_grad()
    def learn(self, net, x, targets, *, accumulate=False):
        rates = net.sweep(x).rates
        (own,) = self.parameters(net)
        net.links[1].hebbian(rates[1], self.post(rates[2]), change := torch.empty_like(own))
        own.grad = change if own.grad is None or not accumulate else own.grad + change

    def post(self, rates):
        return rates


class Telepathic(Correlating):
    """Each synapse hears of all columns of its target."""

    def post(self, rates):
        return rates.sum(1, keepdim=True).expand_as(rates)


def test_the_audit_finds_leaks_into_them_and_only_leaks():
    assert locality(Correlating()).leaks == {}
    assert locality(Telepathic()).leaks["rate of other columns of area2"] > 0.01


class Nameless(TargetPropagation):
    """Weights that are named by no link."""

    def draw(self, net):
        return {"critic": torch.zeros(3)}

    @torch.no_grad()
    def learn(self, net, x, targets, *, accumulate=False):
        critic = self.named_parameters(net)["critic"]
        step = cn.Rule().learn(net, x, targets, accumulate=accumulate)
        critic.grad = critic - step.loss
        return step


def test_weights_named_by_no_link_are_moved_as_those_to_the_output_and_lie_nowhere():
    net, rule, (x, y) = dense("tanh"), Nameless(), batch()
    optimizer = torch.optim.SGD([{"params": [k.weight], "lr": 0.1 * k.weight.shape[0]} for k in net.links])
    loss = rule.update(net, x, y, optimizer).loss
    torch.testing.assert_close(rule.parameters(net)[0].data, (0.5 * loss).expand(3))
    (critic,) = (s for s in synapses(net, rule) if s.parameter == "critic")
    assert not any(critic.touches(area).any() for area in ("input", "area1", "area2", "output"))


class Decoder(TargetPropagation):
    """Weights and a bias in a module of torch, said as modules say them."""

    def __init__(self):
        self.decoders = nn.ModuleDict({"area1->output": nn.Linear(10, 12)})

    def named_parameters(self, net):
        return self.decoders.named_parameters()

    @torch.no_grad()
    def learn(self, net, x, targets, *, accumulate=False):
        step = cn.Rule().learn(net, x, targets, accumulate=accumulate)
        for p in self.decoders.parameters():
            p.grad = step.loss * torch.ones_like(p)
        return step


def test_a_module_of_torch_is_learned_kept_and_placed(tmp_path, monkeypatch):
    monkeypatch.setattr("corticalnet.training.result.draw", lambda *arguments: [])
    rule, other = Decoder(), Decoder()
    first = copy.deepcopy(rule.decoders.state_dict())
    train(model(rule, epochs=1), out=tmp_path, progress=False)
    train(model(other, epochs=1), out=tmp_path, resume=True, progress=False)
    for name, weights in rule.decoders.state_dict().items():
        assert not torch.equal(weights, first[name])
        assert torch.equal(other.decoders.state_dict()[name], weights)
    found = {s.parameter: s for s in synapses(model(rule).network, rule)}
    bias = found["area1->output.bias"]
    assert (bias.source, bias.target, bias.count, bias.ends) == ("area1", "output", 12, None)


class Exploding(Nameless):
    """The network stays finite, its own weights do not."""

    @torch.no_grad()
    def learn(self, net, x, targets, *, accumulate=False):
        step = super().learn(net, x, targets, accumulate=accumulate)
        self.parameters(net)[0].grad.fill_(torch.inf)
        return step


def test_training_ends_when_they_are_no_longer_finite():
    with pytest.raises(TrainingError, match="no longer finite in epoch 1"):
        train(model(Exploding(), epochs=1), progress=False)


def test_all_rules_can_be_printed(kind):
    rule = kind()
    rule.parameters(dense("tanh"))
    assert str(rule).splitlines()[0] == "learned-inverses"
    assert "inverse.area1->area2 (11, 11)" in str(rule)
    assert TargetPropagation.equation in str(rule)


def test_a_rule_teaches_a_network_and_says_so_to_all_else(kind):
    with pytest.raises(RuleError, match="teaches a Network, not Linear"):
        kind().learn(torch.nn.Linear(2, 2), [[0, 1]], [0])
    with pytest.raises(RuleError, match="update takes an optimizer"):
        kind().update(cn.mlp([2, 2]), [[0, 1]], [0], None)
    stale = torch.optim.SGD(cn.mlp([2, 2]).parameters(), lr=0.1)
    with pytest.raises(RuleError, match="holds none of the network's parameters"):
        kind().update(cn.mlp([2, 2]), [[0, 1]], [0], stale)


@pytest.mark.parametrize("precise", [True, False])
def test_a_rule_that_says_it_needs_full_precision_gets_it_under_autocast(precise):
    class Precise(cn.LearningRule):
        needs_full_precision = precise

        def learn(self, net, x, targets, *, accumulate=False):
            return net.sweep(x).rates[-1].dtype

    net, (x, y) = dense("tanh").float(), batch()
    with torch.autocast("cpu", torch.bfloat16):
        assert Precise().learn(net, x, y) is (torch.float32 if precise else torch.bfloat16)
