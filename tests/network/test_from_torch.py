"""Adopted torch networks compute and learn what the originals do; what is not known is refused by name."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune

import corticalnet as cn
from corticalnet.errors import NetworkError

F64 = torch.float64


def dense(bias=True):
    return nn.Sequential(
        nn.Linear(12, 9, bias), nn.Tanh(), nn.Linear(9, 7, bias), nn.Sigmoid(), nn.Linear(7, 5)
    )


def images():
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 4, (3, 1), stride=(1, 2), bias=False), nn.ELU(),
        nn.BatchNorm2d(4, eps=0.1, momentum=0.3), nn.Dropout(0.0), nn.Flatten(),
        nn.Linear(16, 8), nn.BatchNorm1d(8), nn.LeakyReLU(), nn.Linear(8, 5),
    )  # fmt: skip


def pools():
    return nn.Sequential(
        nn.Conv2d(2, 5, (2, 4), padding=(1, 2)), nn.MaxPool2d(3, stride=2, padding=1), nn.Softplus(),
        nn.Identity(), nn.Conv2d(5, 3, 3, padding="same"), nn.ReLU(), nn.Flatten(), nn.Linear(75, 5),
    )  # fmt: skip


def nested():
    block = nn.Sequential(nn.Conv2d(2, 3, 5), nn.ReLU())
    return nn.Sequential(block, nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(48, 5, bias=False))))


def reused():
    fire = nn.Tanh()
    return nn.Sequential(nn.Linear(12, 9), fire, nn.Linear(9, 7), fire, nn.Linear(7, 5), fire)


NETS = {
    "one activation used thrice": (reused, (12,)),
    "dense": (dense, (12,)),
    "no offsets": (lambda: dense(False), (12,)),
    "flattened": (lambda: nn.Sequential(nn.Flatten(), *dense()), (3, 2, 2)),
    "images": (images, (2, 8, 8)),
    "pools": (pools, (2, 8, 8)),
    "nested": (nested, (2, 8, 8)),
}


def pair(name):
    """A torch network in double precision whose averages have moved, its adoption, inputs and labels."""
    make, shape = NETS[name]
    original = make().to(F64)
    original(torch.rand(9, *shape, dtype=F64))
    return original, cn.from_torch(original, shape), torch.rand(6, *shape, dtype=F64), torch.arange(6) % 5


def close(found, wanted):
    assert (found - wanted).norm() <= 1e-11 * wanted.norm().clamp_min(1e-3)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("loss", ["squared", "cross-entropy"])
@pytest.mark.parametrize("name", NETS)
def test_computes_and_learns_what_the_original_does(name, loss, training):
    """Outputs, and all parameters and averages after two of torch's own training steps."""
    original, net, x, y = pair(name)
    assert net.training
    original.train(training)
    net.train(training)
    assert len(list(net.parameters())) == len(list(original.parameters()))
    ours = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=0.01)
    theirs = torch.optim.SGD(original.parameters(), lr=0.1, weight_decay=0.01)
    rule = cn.rule("backprop", loss=loss)
    for _ in range(2):
        out = original(x)
        if loss == "squared":
            error = 0.5 * F.mse_loss(out, F.one_hot(y, 5).to(F64), reduction="sum") / 6
        else:
            error = F.cross_entropy(out, y)
        theirs.zero_grad()
        error.backward()
        theirs.step()
        step = rule.update(net, x, y, ours)
        close(step.rates, out.detach())
        assert step.loss.item() == pytest.approx(error.item(), rel=1e-12)
    for found, wanted in zip(_sorted(net), _sorted(original), strict=True):
        close(found, wanted)
    close(net.eval()(x), original.eval()(x))


def _sorted(net):
    """Floating state, by shape and then by size, whatever it is called."""
    state = [t.detach().contiguous() for t in net.state_dict().values() if t.is_floating_point()]
    return sorted(state, key=lambda t: (t.dim(), t.numel(), t.abs().sum().item()))


def test_shares_no_memory_with_the_original():
    original, net, x, _ = pair("images")
    before, kept = net.eval()(x), copy.deepcopy(original.state_dict())
    with torch.no_grad():
        for t in original.state_dict().values():
            t.zero_()
    assert torch.equal(net(x), before)
    assert not any(torch.equal(v, kept[k]) for k, v in original.state_dict().items() if "weight" in k)


def test_keeps_mode_precision_and_dropout():
    original = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.25), nn.Linear(3, 2)).eval()
    net = cn.from_torch(original, (4,))
    assert not net.training
    assert net(torch.zeros(1, 4)).dtype == torch.float32
    assert "dropout 0.25" in str(net)
    assert cn.from_torch(original.double(), (4,))(torch.zeros(1, 4)).dtype == F64


def halved():
    """Pruned layers that have learned since: ``layer.weight`` is old until the next call."""
    original = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(144, 5)).to(F64)
    prune.random_unstructured(original[0], "weight", 0.5)
    prune.l1_unstructured(original[3], "weight", 0.7)
    with torch.no_grad():
        for p in original.parameters():
            p.mul_(1.5)
    return original


def test_pruned_layers_become_links_with_a_mask_and_learn_what_the_original_does():
    original = halved()
    net = cn.from_torch(original, (2, 8, 8))
    x, y = torch.rand(6, 2, 8, 8, dtype=F64), torch.arange(6) % 5
    ours, theirs = (torch.optim.SGD(n.parameters(), lr=0.1, momentum=0.9) for n in (net, original))
    for _ in range(3):
        out = original(x)
        theirs.zero_grad()
        (0.5 * F.mse_loss(out, F.one_hot(y, 5).to(F64), reduction="sum") / 6).backward()
        theirs.step()
        close(cn.rule("backprop").update(net, x, y, ours).rates, out.detach())
    original(x)
    for link, layer in zip(net.links, (original[0], original[3]), strict=True):
        close(link.weight, layer.weight)
        assert torch.equal(link.mask, layer.weight_mask.bool())
        assert (link.weight[~link.mask] == 0).all()


def test_frozen_parameters_stay_frozen():
    original = images()
    original[0].weight.requires_grad_(False)
    original[1].bias.requires_grad_(False)
    net = cn.from_torch(original, (2, 8, 8))
    assert not net.links[0].weight.requires_grad
    assert not net.areas["area1"].stages[0].shift.requires_grad
    assert sum(not p.requires_grad for p in net.parameters()) == 2


def changed(change, at=1):
    layers = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.BatchNorm1d(4))
    change(layers[at])
    return layers


#: what torch did to a layer, and the words of the refusal
TOUCHED = {
    "pruned bias": (
        lambda k: prune.l1_unstructured(k, "bias", 0.5),
        1,
        ["layer 1", "bias_orig", "prune.remove"],
    ),
    "pruned scale": (lambda k: prune.l1_unstructured(k, "weight", 0.5), 2, ["layer 2", "weight_orig"]),
    "old spectral_norm": (nn.utils.spectral_norm, 1, ["layer 1", "weight_orig", "remove_"]),
    "weight_norm": (nn.utils.parametrizations.weight_norm, 1, ["layer 1", "ParametrizedLinear"]),
    "hook": (lambda k: k.register_forward_hook(lambda *_: None), 1, ["layer 1", "hook"]),
    "hook on a stage": (lambda k: k.register_forward_pre_hook(lambda *_: None), 2, ["layer 2", "hook"]),
    "meta": (lambda k: k.to("meta"), 0, ["layer 0", "device 'meta'"]),
}


@pytest.mark.parametrize("case", TOUCHED)
def test_refuses_layers_that_compute_something_else(case):
    change, at, words = TOUCHED[case]
    with pytest.raises(NetworkError) as caught:
        cn.from_torch(changed(change, at), (4,))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_refuses_a_parameter_of_two_layers():
    layers = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    layers[2].weight = layers[0].weight
    with pytest.raises(NetworkError, match=r"layer 2 \(Linear\) shares a parameter with layer 0"):
        cn.from_torch(layers, (4,))


class Unheard(nn.Module):
    def forward(self, x):
        return torch.fft.fft(x)


#: a layer that is not known or has an unknown option, and the words of the refusal
REFUSED = {
    "GELU": (nn.GELU(), ["layer 1", "GELU"]),
    "LayerNorm": (nn.LayerNorm([4, 6, 6]), ["layer 1", "LayerNorm"]),
    "module of one's own": (Unheard(), ["'fft_fft' (fft_fft) in 1 (Unheard)", "known: sums, Linear"]),
    "uneven means": (nn.AdaptiveAvgPool2d(4), ["layer 1", "output_size=4", "6×6"]),
    "oblong means": (nn.AvgPool2d((2, 3)), ["layer 1", "AvgPool2d", "square", "(2, 3)"]),
    "means of fewer": (
        nn.AvgPool2d(2, padding=1, count_include_pad=False),
        ["layer 1", "AvgPool2d", "count_include_pad=False", "only True"],
    ),
    "ConvTranspose2d": (nn.ConvTranspose2d(4, 2, 3), ["layer 1", "ConvTranspose2d"]),
    "groups": (nn.Conv2d(4, 2, 3, groups=2), ["layer 1", "Conv2d", "groups=2", "only 1"]),
    "dilation": (nn.Conv2d(4, 2, 3, dilation=2), ["layer 1", "Conv2d", "dilation=(2, 2)", "only (1, 1)"]),
    "padding mode": (
        nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect"),
        ["padding_mode='reflect'", "'zeros'"],
    ),
    "even same": (nn.Conv2d(4, 2, 4, padding="same"), ["layer 1", "Conv2d", "'same'", "odd"]),
    "ceil mode": (nn.MaxPool2d(4, ceil_mode=True), ["layer 1", "MaxPool2d", "ceil_mode=True", "only False"]),
    "pool dilation": (nn.MaxPool2d(2, dilation=2), ["layer 1", "MaxPool2d", "dilation=2", "only 1"]),
    "oblong pool": (nn.MaxPool2d((2, 3)), ["layer 1", "MaxPool2d", "square", "(2, 3)"]),
    "no averages": (
        nn.BatchNorm2d(4, track_running_stats=False),
        ["BatchNorm2d", "track_running_stats=False"],
    ),
    "other channels": (nn.BatchNorm2d(5), ["layer 1", "BatchNorm2d", "5 channels", "(4, 6, 6)"]),
    "rows for sheets": (nn.BatchNorm1d(4), ["layer 1", "BatchNorm1d", "(4, 6, 6)"]),
    "leak": (nn.LeakyReLU(0.2), ["LeakyReLU", "negative_slope=0.2", "only 0.01"]),
    "elu": (nn.ELU(2.0), ["ELU", "alpha=2.0", "only 1.0"]),
    "softplus": (nn.Softplus(beta=2.0), ["Softplus", "beta=2.0", "only 1"]),
    "part of a flatten": (nn.Flatten(2), ["Flatten", "start_dim=2", "only 1"]),
    "all silent": (nn.Dropout(1.0), ["layer 1", "Dropout", "[0, 1)"]),
    "nested": (nn.Sequential(nn.ReLU(), nn.SiLU()), ["layer 1.1", "SiLU"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_by_name(case):
    layer, words = REFUSED[case]
    with pytest.raises(NetworkError) as caught:
        cn.from_torch(nn.Sequential(nn.Conv2d(1, 4, 3), layer, nn.Flatten(), nn.Linear(5, 2)), (1, 8, 8))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_refuses_networks_without_synapses_and_inputs_that_do_not_fit():
    with pytest.raises(NetworkError, match=r"takes an nn\.Module, not \[\]"):
        cn.from_torch([], (4,))
    with pytest.raises(NetworkError, match="identity links alone"):
        cn.from_torch(nn.Sequential(nn.ReLU()), (4,))
    with pytest.raises(NetworkError, match="at least one area"):
        cn.from_torch(nn.Sequential(), (4,))
    with pytest.raises(NetworkError, match=r"\(2, 4\) do not fit an input of \(5,\)"):
        cn.from_torch(nn.Sequential(nn.Linear(4, 2)), (5,))


def test_refuses_weights_that_are_used_twice():
    layer = nn.Linear(4, 4)
    with pytest.raises(NetworkError, match=r"layer 0 \(Linear\): is used twice"):
        cn.from_torch(nn.Sequential(layer, nn.Tanh(), layer), (4,))


def test_what_is_not_a_plain_row_of_layers_means_something_else():
    """A Linear on a sheet works along its last dimension in torch; there is no such link."""
    with pytest.raises(NetworkError, match="do not fit"):
        cn.from_torch(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Linear(6, 2)), (1, 8, 8))
