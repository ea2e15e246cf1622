"""Copies, pickles and files of networks and rules go on learning bit for bit like the original."""

import copy
import io
import pickle
from multiprocessing.reduction import ForkingPickler

import pytest
import torch

import corticalnet as cn
from corticalnet.activations import Activation
from corticalnet.network.initialisation import glorot, normal, scaled
from tests.networks import F64, SHAPE, batch, dense, sheets
from tests.target_propagation import STRANGERS, listed


def saved(thing):
    file = io.BytesIO()
    torch.save(thing, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES = {
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "torch.save": saved,
    "deepcopy": copy.deepcopy,
    # (workers share the memory of tensors with the sender: a copy, so that each learns for itself)
    "to a worker": lambda thing: copy.deepcopy(pickle.loads(ForkingPickler.dumps(thing))),
}


def trained(net, rule, steps):
    """Weights after a few updates with momentum, and those of the pathway."""
    x, y = batch()
    optimizer = torch.optim.SGD([*net.parameters(), *rule.parameters(net)], lr=0.05, momentum=0.9)
    torch.manual_seed(5)
    for _ in range(steps):
        rule.update(net, x, y, optimizer)
    return [tensor.clone() for tensor in (*net.state_dict().values(), *rule.state_dict().values())]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", [*cn.list_rules(), *STRANGERS])
def test_a_rule_and_its_network_go_on_as_they_were(name, how, together):
    with listed():
        net, rule = dense("tanh", dropout=0.2), cn.rule(name)
    trained(net, rule, 2)
    other = COPIES[how]((net, rule)) if together else (COPIES[how](net), COPIES[how](rule))
    assert all(torch.equal(a, b) for a, b in zip(trained(*other, 2), trained(net, rule, 2), strict=True))


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize(
    ("rule", "feedback"),
    [
        ("backprop", lambda: cn.Perturbed(fit="least squares")),
        ("backprop", lambda: cn.Perturbed(direct=True)),
        ("z-il", cn.SignSymmetric),
        ("streaming-fa-z-il", lambda: cn.Random(seed=7, init=normal(0.1))),
    ],
)
def test_pathways_go_on_as_they_were(rule, feedback, how):
    net, made = sheets("relu", homeostasis="batch"), cn.rule(rule, feedback=feedback())
    trained(net, made, 2)
    other = COPIES[how]((net, made))
    assert all(torch.equal(a, b) for a, b in zip(trained(*other, 2), trained(net, made, 2), strict=True))


@pytest.mark.parametrize("how", COPIES)
def test_recurrent_networks_go_on_as_they_were(how):
    net, rule = cn.Recurrent(2, 5, 3, seed=1, dtype=F64), cn.ThroughTime(cn.rule("kolen-pollack"), window=3)
    x, y = torch.rand(4, 7, 2, dtype=F64), torch.rand(4, 7, 3, dtype=F64)

    def run(net, rule):
        optimizer = torch.optim.Adam([*net.parameters(), *rule.parameters(net)], lr=0.05)
        for _ in range(2):
            rule.learn(net, x, y)
            optimizer.step()
        return [*net.state_dict().values(), *rule.rule.state_dict().values()]

    run(net, rule)
    other = COPIES[how]((net, rule))
    assert all(torch.equal(a, b) for a, b in zip(run(*other), run(net, rule), strict=True))


@pytest.mark.parametrize("how", COPIES)
def test_circuits_and_protocols_run_as_they_did(how):
    net, (x, y) = dense("relu"), batch(2)
    circuit = cn.circuit(net, cn.rule("streaming-fa-z-il"), 0.1)
    protocol = [cn.Present(x, steps=circuit.needs.present), cn.Teach(y, steps=circuit.needs.teach)]
    found, wanted = (
        cn.simulate(one, two, record=["error"])
        for one, two in (COPIES[how]((circuit, protocol)), (circuit, protocol))
    )
    assert found.identical(wanted)


@pytest.mark.parametrize("init", [glorot(4.0), scaled(0.5), normal(0.1)])
def test_links_with_a_scheme_can_be_pickled(init):
    net = cn.mlp([4, 3, 2], init=init)
    again = COPIES["pickle"](net)
    assert torch.equal(net(torch.ones(1, 4)), again(torch.ones(1, 4)))


def test_an_activation_of_lambdas_is_copied_and_is_refused_by_pickle_in_a_sentence():
    square = Activation("square", lambda a: a * a, lambda s, a, y: 2 * a * s)
    net = cn.mlp([4, 3, 2], hidden=square)
    assert torch.equal(copy.deepcopy(net)(torch.ones(1, 4)), net(torch.ones(1, 4)))
    with pytest.raises(cn.errors.NetworkError, match=r"activation 'square' cannot be pickled.*as lambdas"):
        pickle.dumps(net)


class InAWorker(torch.utils.data.Dataset):
    """Answers of a network that was sent to a worker."""

    def __init__(self, net):
        self.net = net

    def __len__(self):
        return 4

    def __getitem__(self, k):
        return self.net(torch.full((1, *SHAPE), k / 4, dtype=F64))[0].detach()


def test_workers_of_a_data_loader_have_the_same_network():
    data = InAWorker(dense("tanh"))
    found = next(iter(torch.utils.data.DataLoader(data, batch_size=4, num_workers=1)))
    torch.testing.assert_close(found, torch.stack([data[k] for k in range(4)]), rtol=0, atol=1e-15)


def test_state_of_a_sparse_network_is_loaded_with_weights_only(tmp_path):
    net, other = (cn.Network((6,), [cn.Area(cn.Dense(4, density=0.4))], seed) for seed in (1, 2))
    torch.save(net.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    x = torch.rand(3, 6)
    assert torch.equal(net(x), other(x))
    assert torch.equal(net.links[0].mask, other.links[0].mask)
