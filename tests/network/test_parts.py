"""Whatever torch does to a module either learns as before or is refused in a sentence."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import corticalnet as cn
from corticalnet.errors import CircuitError, NetworkError, RuleError
from tests.networks import F64, autograd, batch, dense, distance, learned, sheets, squared


def update(net, rule="backprop", optimizer=None):
    x, y = batch()
    optimizer = optimizer or torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        rule = cn.rule(rule) if isinstance(rule, str) else rule
        rule.learn(net, x.to(net.like.dtype), y)
        optimizer.step()
    return dict(net.named_parameters())


def assigned(net):
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net.load_state_dict(state, assign=True)


def exchanged(net):
    for link in net.links:
        link.weight = nn.Parameter(link.weight.detach().clone())


def swapped(net):
    for p in net.parameters():
        p.data = p.data.clone()


def emptied(net):
    state = copy.deepcopy(net.state_dict())
    net.to("meta").to_empty(device="cpu").load_state_dict(state)


def parametrised_and_back(net):
    nn.init.orthogonal_(net.links[1].weight)
    parametrizations.orthogonal(net.links[1])
    parametrize.remove_parametrizations(net.links[1], "weight", leave_parametrized=False)


#: what is done to a network, all of which leaves its function as it is
HARMLESS = {
    "load_state_dict(assign=True)": assigned,
    "other parameters": exchanged,
    "other data": swapped,
    "to_empty and load": emptied,
    "share_memory": lambda net: net.share_memory(),
    "requires_grad": lambda net: net.requires_grad_(False).requires_grad_(True),
    "zero_grad": lambda net: net.zero_grad(set_to_none=True),
    "hooks on modules": lambda net: [m.register_forward_hook(lambda *_: None) for m in net.modules()],
    "apply": lambda net: net.apply(lambda module: module.extra_repr()),
    "compile in place": lambda net: net.compile(backend="eager"),
    "orthogonal, and back": parametrised_and_back,
}


@pytest.mark.parametrize("rule", ["backprop", "kolen-pollack", "weight-perturbation", "z-il", "ipc"])
@pytest.mark.parametrize("what", HARMLESS)
def test_learns_as_before(what, rule):
    net, twin = dense("tanh"), dense("tanh")
    update(net, rule)  # somebody has learned before
    net.load_state_dict(twin.state_dict())
    HARMLESS[what](net)
    twin.load_state_dict(net.state_dict())
    for one in (net, twin):
        one.zero_grad(set_to_none=False)
    torch.manual_seed(2)
    found = update(net, rule)
    torch.manual_seed(2)
    wanted = update(twin, rule)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("rule", ["backprop", "feedback-alignment", "kolen-pollack", "z-il"])
def test_learns_in_another_precision(rule, dtype):
    """A step in the precision is one in double precision up to rounding, also after steps in another."""
    made, net, (x, y) = cn.rule(rule), dense("tanh"), batch()
    exact = learned(copy.deepcopy(net), made, x, y)
    short = learned(net.to(dtype), made, x, y)
    assert all(g.dtype == dtype for g in short)
    found, wanted = (torch.cat([g.flatten().double() for g in gs]) for gs in (short, exact))
    assert torch.cosine_similarity(found, wanted, 0) > 0.99


def test_links_that_share_their_weights_learn_like_autograd():
    areas = [cn.Area(cn.Dense(6, bias=True), "tanh") for _ in range(3)]
    net = cn.Network((6,), [*areas, cn.Area(cn.Dense(5))], dtype=F64)
    net.links[1].weight = net.links[2].weight
    x, y = torch.rand(4, 6, dtype=F64), torch.arange(4)
    wanted = autograd(net, squared, x, y)
    assert distance(learned(net, cn.rule("backprop"), x, y), wanted) < 1e-12
    twin = copy.deepcopy(net)
    assert twin.links[1].weight is twin.links[2].weight
    options = {"lr": 0.1, "weight_decay": 0.3}
    cn.rule("backprop").update(net, x, y, torch.optim.SGD(net.parameters(), **options))
    cn.rule("backprop").learn(twin, x, y)
    torch.optim.SGD(twin.parameters(), **options).step()  # one pass and two: the weight decays once
    assert distance(list(net.parameters()), list(twin.parameters())) < 1e-12
    with pytest.raises(CircuitError, match="'area1->area2' and 'area2->area3' share their weights"):
        cn.circuit(net, cn.rule("z-il"))


def test_a_bias_may_be_taken_away_or_given():
    net = dense("tanh")
    net.links[0].bias = None
    net.links[-1].bias = nn.Parameter(torch.ones(5, dtype=F64))
    x, y = batch()
    assert distance(learned(net, cn.rule("backprop"), x, y), autograd(net, squared, x, y)) < 1e-12


def test_an_optimizer_that_holds_other_parameters_is_refused():
    """Made before ``load_state_dict(assign=True)``, it would move what nobody uses any more."""
    net, (x, y) = dense("tanh"), batch()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    cn.rule("backprop").update(net, x, y, optimizer)
    assigned(net)
    with pytest.raises(RuleError, match=r"optimizer holds none of the network's parameters.*make it anew"):
        cn.rule("backprop").update(net, x, y, optimizer)


def test_an_optimizer_that_holds_a_parameter_that_was_replaced_is_refused():
    net, rule, (x, y) = dense("tanh"), cn.rule("backprop"), batch()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    rule.update(net, x, y, optimizer)
    net.links[0].weight = nn.Parameter(net.links[0].weight.detach().clone())
    with pytest.raises(RuleError, match=r"parameters of the network were replaced.*make the optimizer anew"):
        rule.update(net, x, y, optimizer)
    rule.update(net, x, y, torch.optim.Adam(net.parameters(), lr=0.1))
    partly = torch.optim.Adam(net.links[0].parameters(), lr=0.1)  # all else stays, as it does in torch
    rule.update(net, x, y, partly)


def weighted(net):
    net.links[0].weight.register_hook(lambda g: g)


def pruned(name):
    return lambda net: prune.l1_unstructured(net.links[0], name, 0.5)


def replaced(net):
    net.areas["area1"].links[0] = cn.Dense(11)


def renewed(net):
    net.areas["area2"] = net.areas["area1"]


def complex_numbers(net):
    for p in net.parameters():
        p.data = p.data.to(torch.complex64)


def deleted(net):
    del net.links[0].weight


#: what is done to a network that no rule can teach then, and the words of the refusal
REFUSED = {
    "prune": (
        lambda net: prune.l1_unstructured(net.links[0], "weight", 0.5),
        ["'input->area1'", "link.prune()"],
    ),
    "prune a bias": (
        lambda net: prune.l1_unstructured(net.links[0], "bias", 0.5),
        ["'bias'", "prune.remove"],
    ),
    "weight_norm": (
        lambda net: parametrizations.weight_norm(net.links[1]),
        ["'area1->area2'", "remove_"],
    ),
    "spectral_norm": (lambda net: parametrizations.spectral_norm(net.links[1]), ["remove_parametrizations"]),
    "orthogonal": (lambda net: parametrizations.orthogonal(net.links[2]), ["'area2->output'", "'weight'"]),
    "parametrization": (
        lambda net: parametrize.register_parametrization(net.links[0], "bias", nn.Tanh(), unsafe=True),
        ["'bias' is computed from other parameters"],
    ),
    "old spectral_norm": (lambda net: nn.utils.spectral_norm(net.links[0]), ["'weight_orig'", "'weight'"]),
    "gradient hook": (weighted, ["'input->area1'", "hook", "'weight'"]),
    "meta": (lambda net: net.to("meta"), ["device 'meta'", "to_empty"]),
    "complex": (complex_numbers, ["torch.complex64"]),
    "another shape": (
        lambda net: setattr(net.links[0], "weight", nn.Parameter(torch.zeros(3, 4))),
        ["(3, 4)", "(11, 162)"],
    ),
    "data of another shape": (
        lambda net: setattr(net.links[0].weight, "data", torch.zeros(11, 1)),
        ["(11, 1)", "(11, 162)"],
    ),
    "deleted": (deleted, ["'weight' is no parameter any more"]),
    "none": (lambda net: setattr(net.links[0], "weight", None), ["'weight' is None"]),
    "another link": (replaced, ["'0' is not the Dense", "build a new Network"]),
    "another area": (renewed, ["'area2' is not the Area", "build a new Network"]),
    "one more": (
        lambda net: net.links[0].register_parameter("gain", nn.Parameter(torch.ones(1))),
        ["'gain', which is new"],
    ),
}


@pytest.mark.parametrize("taught_before", [True, False])
@pytest.mark.parametrize("case", REFUSED)
def test_refuses_in_a_sentence(case, taught_before):
    do, words = REFUSED[case]
    net, (x, y) = dense("tanh"), batch()
    if taught_before:
        cn.rule("backprop").learn(net, x, y)
    do(net)
    sgd = torch.optim.SGD(net.parameters(), lr=0.1)
    for teach in (
        lambda: cn.rule("backprop").learn(net, x, y),
        lambda: cn.rule("kolen-pollack").learn(net, x, y),
        lambda: cn.rule("backprop").update(net, x, y, sgd),
        lambda: cn.circuit(net, cn.rule("z-il")),
    ):
        with pytest.raises((NetworkError, CircuitError)) as caught:
            teach()
        assert all(word in str(caught.value) for word in words), str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_stage_is_looked_at_too():
    net, (x, y) = sheets("relu", homeostasis="slow"), batch()
    prune.l1_unstructured(net.areas["area1"].stages[1], "scale", 0.5)
    with pytest.raises(NetworkError, match=r"'areas.area1.stages.1': 'scale' is pruned.*prune.remove"):
        cn.rule("backprop").learn(net, x, y)


def test_recurrent_networks_are_looked_at_too():
    net, rule = cn.Recurrent(2, 5, 1, dtype=F64), cn.ThroughTime(cn.rule("backprop"))
    x, y = torch.rand(3, 4, 2, dtype=F64), torch.rand(3, 4, 1, dtype=F64)
    rule.learn(net, x, y)
    assigned(net)
    rule.learn(net, x, y)
    found = [p.grad for p in net.parameters()]
    assert all(g is not None for g in found)
    loss = 0.5 * (net(x) - y).square().sum() / 3
    wanted = torch.autograd.grad(loss, list(net.parameters()))
    assert distance(found, wanted) < 1e-12
    parametrizations.weight_norm(net.hidden.arriving[1])
    with pytest.raises(NetworkError, match="'hidden->hidden': 'weight' is computed"):
        rule.learn(net, x, y)


@pytest.mark.parametrize(
    "change",
    [
        lambda link: prune.l1_unstructured(link, "weight", 0.5),
        parametrizations.weight_norm,
        nn.utils.spectral_norm,
    ],
)
def test_what_autograd_can_train_is_still_swept_as_it_is_now(change):
    """Links are not called, so torch's hooks would not run: outputs follow the parameters all the same."""
    net, (x, _) = dense("tanh").eval(), batch()
    torch.manual_seed(1)
    change(net.links[0])
    with torch.no_grad():
        for p in net.links[0].parameters():
            p.mul_(2)
    twin = nn.Linear(162, 11, dtype=F64)
    twin.load_state_dict(dense("tanh").links[0].state_dict())
    torch.manual_seed(1)
    change(twin.eval())
    with torch.no_grad():
        for p in twin.parameters():
            p.mul_(2)
    torch.testing.assert_close(net.sweep(x).drives[1], twin(x.flatten(1)), rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0")  # torch's, of that one release
@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda net: torch.compile(net, backend="eager")])
def test_wrappings_compute_the_same_and_are_to_be_taken_off_for_learning(wrap):
    net, (x, y) = dense("tanh"), batch()
    wrapped = wrap(net)
    torch.testing.assert_close(wrapped(x), net(x))
    with pytest.raises(RuleError, match=r"a Network, not (DataParallel|OptimizedModule); give it the one"):
        cn.rule("backprop").learn(wrapped, x, y)
