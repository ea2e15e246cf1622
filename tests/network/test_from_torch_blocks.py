"""Torch modules with a forward of their own: residual blocks compute and learn as in torch."""

import operator

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune

import corticalnet as cn
from corticalnet.errors import NetworkError
from tests.network.test_from_torch import close

F64 = torch.float64


class Basic(nn.Module):
    """He et al. 2016: sum, then ReLU; one ReLU for all, in place; a projection where the shape changes."""

    def __init__(self, before, after, stride=1, plus=operator.iadd):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after, eps=0.01, momentum=0.3)
        self.plus = plus
        self.downsample = None
        if before != after or stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(self.plus(out, identity))


class ResNet(nn.Module):
    """In the form of torchvision's."""

    def __init__(self, **options):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 3, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Basic(3, 3, **options), Basic(3, 3, **options))
        self.layer2 = nn.Sequential(Basic(3, 4, 2, **options))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.avgpool(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(x, 1))


class PreActivation(nn.Module):
    """Normalise and fire, then convolve; what goes along the shortcut has fired nowhere (He et al. 2016b)."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 3, 3)
        self.bn1, self.bn2 = nn.BatchNorm2d(3), nn.BatchNorm2d(3, affine=False)
        self.conv1, self.conv2 = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.head = nn.Linear(3, 5)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.conv1(F.relu(self.bn1(x)))
        x = torch.add(x, self.conv2(F.relu(self.bn2(x))))
        return self.head(x.mean((2, 3)))


class Spelt(nn.Module):
    """Sums, activations, pools and rows in the words of functions and methods."""

    def __init__(self):
        super().__init__()
        self.conv, self.inner = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 3, 1)
        self.low, self.high, self.out = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(12, 5)
        self.rest = nn.Identity()

    def forward(self, x):
        x = self.conv(x).relu()
        x = sum([x, torch.tanh(self.inner(x)), x])
        x = F.avg_pool2d(F.max_pool2d(x, kernel_size=2, stride=2), 2)
        x = x.view(x.size(0), -1)
        y = F.leaky_relu(self.low(x)).add(self.rest(x))
        z = F.elu(self.high(y) + self.low_too(y))
        return self.out(F.softplus(z.reshape(z.shape[0], 12).contiguous()).sigmoid())

    def low_too(self, y):
        return y + y


class InPlace(nn.Module):
    """What is changed in place is changed for all that hold it: the shortcut hands on what has fired."""

    def __init__(self):
        super().__init__()
        self.stem, self.inside, self.out = nn.Linear(12, 7), nn.Linear(7, 7), nn.Linear(7, 5)

    def forward(self, x):
        x = self.stem(x)
        row = x.flatten(1)
        hidden = self.inside(F.relu(x, inplace=True))
        same = hidden
        hidden += row
        return self.out(hidden.tanh() + same)


class Flat(nn.Module):
    """Batch statistics of a row that was a sheet, a sum of rows, and a row as the answer."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(2, 5, 8), nn.BatchNorm1d(5, momentum=None)
        self.other = nn.Linear(128, 5)

    def forward(self, x):
        return self.bn(self.conv(x).flatten(1)) + self.other(x.flatten(1))


class FromTheInput(nn.Module):
    """Stages and shortcuts that begin at the input."""

    def __init__(self):
        super().__init__()
        self.bn, self.inside, self.out = nn.BatchNorm1d(12), nn.Linear(12, 12), nn.Linear(12, 5)

    def forward(self, x):
        return self.out(self.bn(x) + torch.relu(self.inside(x) + x))


def sequential():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4, affine=False, momentum=0.2), nn.ReLU(),
        nn.AvgPool2d(3, 2, 1), nn.Conv2d(4, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip


NETS = {
    "post-activation, +=": (ResNet, (2, 8, 8)),
    "post-activation, +": (lambda: ResNet(plus=operator.add), (2, 8, 8)),
    "post-activation, torch.add": (lambda: ResNet(plus=torch.add), (2, 8, 8)),
    "post-activation, add_": (lambda: ResNet(plus=lambda a, b: a.add_(b)), (2, 8, 8)),
    "pre-activation": (PreActivation, (2, 8, 8)),
    "spelt": (Spelt, (2, 8, 8)),
    "in place": (InPlace, (12,)),
    "rows": (Flat, (2, 8, 8)),
    "from the input": (FromTheInput, (12,)),
    "means": (sequential, (2, 8, 8)),
    "a block alone": (lambda: nn.Sequential(Basic(2, 5, 8), nn.Flatten()), (2, 8, 8)),
    "one layer": (lambda: nn.Linear(12, 5), (12,)),
}


def sizes(net):
    """What learns and what is averaged, by shape and size, whatever it is called."""
    kept = [*(p for p in net.parameters() if p.requires_grad), *net.buffers()]
    kept = [t.detach().contiguous() for t in kept if t.is_floating_point() and t.numel()]
    return sorted(kept, key=lambda t: (t.dim(), t.numel(), t.abs().sum().item()))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NETS)
def test_blocks_compute_and_learn_what_they_do_in_torch(name, training):
    """Outputs, and all parameters and averages after three of torch's own training steps."""
    make, shape = NETS[name]
    torch.manual_seed(3)
    original = make().to(F64)
    original(torch.rand(9, *shape, dtype=F64))
    net = cn.from_torch(original, shape)
    x, y = torch.rand(6, *shape, dtype=F64), torch.arange(6) % 5
    original.train(training)
    net.train(training)
    ours = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
    theirs = torch.optim.SGD(original.parameters(), lr=0.1, momentum=0.5)
    for _ in range(3):
        out = original(x.clone())
        theirs.zero_grad()
        (0.5 * F.mse_loss(out, F.one_hot(y, 5).to(F64), reduction="sum") / 6).backward()
        theirs.step()
        step = cn.rule("backprop").update(net, x, y, ours)
        assert (step.rates - out).norm() <= 1e-12 * out.norm()
    for a, b in zip(sizes(net), sizes(original), strict=True):
        close(a, b)
    out = original.eval()(x.clone())
    assert (net.eval()(x) - out).norm() <= 1e-12 * out.norm()


def test_a_residual_network_is_areas_with_identity_links():
    """A block is two areas, a projection one more; a sum of normalised rates an area of its own."""
    net = cn.from_torch(ResNet(), (2, 8, 8))
    rows = str(net).splitlines()
    kinds = [line for line in rows if "identity" in line]
    assert [line.split()[0] for line in kinds] == ["area4", "area7", "area11"]
    assert "identity from area3 + identity from area1" in kinds[0]
    assert "relu, mean of the sheet" in kinds[-1]
    assert "1×1/2×2 from area7" in next(line for line in rows if line.startswith("area8"))
    before = cn.from_torch(PreActivation(), (2, 8, 8))  # sums of drives need no area of their own
    assert len(before.areas) == 6
    assert [len(area.arriving) for area in before.areas.values()] == [1, 1, 2, 1, 2, 1]


def test_layers_keep_their_own_mode_and_what_is_frozen():
    """A block whose averages rest, in a network that learns; predictions change no mode."""
    original = ResNet()
    original.layer1[0].bn1.eval()
    original.layer1[0].conv1.weight.requires_grad_(False)
    net = cn.from_torch(original, (2, 8, 8))
    assert [not stage.training for area in net.areas.values() for stage in area.sequence].count(True) == 1
    assert net.training
    assert [link.weight.requires_grad for link in net.links if link.plastic].count(False) == 1
    net.predict(torch.rand(3, 2, 8, 8))
    assert [not stage.training for area in net.areas.values() for stage in area.sequence].count(True) == 1
    assert not cn.from_torch(original.eval(), (2, 8, 8)).training


class Dropping(nn.Module):
    """Both ways to a sum drop; the shortcut draws first."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.out = nn.Linear(12, 9), nn.Linear(12, 9), nn.Linear(9, 5)
        self.drop = nn.Dropout(0.4)

    def forward(self, x):
        shortcut = self.drop(torch.tanh(self.one(x)))
        return self.out(self.drop(F.relu(self.two(x))) + shortcut)


def test_dropout_draws_as_in_torch_and_reading_draws_nothing():
    original = Dropping().to(F64)
    state = torch.get_rng_state()
    net, x = cn.from_torch(original, (12,)), torch.ones(6, 12, dtype=F64)
    torch.set_rng_state(state)
    wanted = original(x)
    torch.set_rng_state(state)
    close(net(x), wanted)


def test_pruned_blocks_have_links_with_a_mask():
    original = ResNet()
    prune.random_unstructured(original.layer1[0].conv2, "weight", 0.5)
    net, x = cn.from_torch(original, (2, 8, 8)).eval(), torch.rand(3, 2, 8, 8)
    assert sum(link.sparse for link in net.links) == 1
    assert torch.allclose(net(x), original.eval()(x), atol=1e-6)


def test_the_module_stays_as_it_was():
    original = ResNet()
    original.layer1.eval()
    before = {name: t.clone() for name, t in original.state_dict().items()}
    modes = [module.training for module in original.modules()]
    cn.from_torch(original, (2, 8, 8))
    assert modes == [module.training for module in original.modules()]
    assert all(torch.equal(t, before[name]) for name, t in original.state_dict().items())


# What is refused ----------------------------------------------------------------------------------
class Doing(nn.Module):
    """A linear layer, something, and another."""

    def __init__(self, something):
        super().__init__()
        self.a, self.b, self.conv = nn.Linear(4, 4), nn.Linear(4, 2), nn.Conv2d(1, 4, 1)
        self.weight, self.drop = nn.Parameter(torch.ones(4, 4)), nn.Dropout(0.5)
        self.something = something

    def forward(self, x):
        return self.b(self.something(self, self.a(x)))


class Two(nn.Module):
    def forward(self, x, y):
        return x + y


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x):
        return self.a(x), x


def hooked():
    block = nn.Sequential(nn.Sequential(nn.Linear(4, 4)), nn.Linear(4, 2))
    block[0].register_forward_hook(lambda *_: None)
    return block


def replaced():
    block = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    block[0].forward = lambda x: x
    return block


def several(**kind):
    return nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2).to(**kind))


def shared():
    block = nn.Sequential(nn.Sequential(nn.Linear(4, 4)), nn.Linear(4, 4))
    block[1].bias = block[0][0].bias
    return block


def over_dropout(own, x):
    y = own.drop(x)
    y += x
    return y + x + own.drop(y)


#: what a forward does, and the words of the refusal
REFUSED = {
    "joins": (lambda own, x: torch.cat([x, x], 1), ["'cat' (cat) in (Doing)", "no local operations"]),
    "multiplies": (lambda own, x: x * own.drop(x), ["'mul'", "Doing", "no local operations"]),
    "scales": (lambda own, x: 0.5 * x, ["'mul'", "no local operations"]),
    "subtracts": (lambda own, x: x - own.a(x), ["used twice"]),
    "adds a number": (lambda own, x: x + 1, ["'add'", "no signal"]),
    "adds a parameter": (lambda own, x: x + own.weight[0], ["weight", "numbers that are in no layer"]),
    "scaled sum": (lambda own, x: torch.add(x, x, alpha=2), ["'add'", "alpha=2", "only 1"]),
    "own product": (lambda own, x: F.linear(x, own.weight), ["weight", "numbers that are in no layer"]),
    "drops": (lambda own, x: F.dropout(x, 0.5, own.training), ["training than in evaluation", "nn.Dropout"]),
    "always drops": (lambda own, x: F.dropout(x, 0.5), ["'dropout'", "use nn.Dropout"]),
    "branches": (lambda own, x: x if x.sum() > 0 else -x, ["cannot trace Doing", "control flow"]),
    "modes": (lambda own, x: x.relu() if own.training else x, ["training than in evaluation", "'relu'"]),
    "chance": (lambda own, x: x.relu() if torch.rand(1) > 2 else x, ["draws random numbers"]),
    "twice": (lambda own, x: own.a(x), ["layer a (Linear)", "used twice"]),
    "broadcasts": (lambda own, x: x + own.b(x), ["adds (4,) and (2,)", "equal shapes"]),
    "permutes": (lambda own, x: x.t(), ["'t'", "no local operations"]),
    "views": (lambda own, x: x.view(8, -1), ["'view'", "x.flatten(1)"]),
    "flattens all": (lambda own, x: x.flatten(), ["'flatten'", "start_dim=0", "only 1"]),
    "means": (lambda own, x: x.mean(1), ["'mean'", "height and width"]),
    "takes a part": (lambda own, x: x[:, :2], ["'getitem'", "no local operations"]),
    "options": (lambda own, x: F.relu(x, slope=2), ["cannot trace", "slope"]),
    "leaks": (lambda own, x: F.leaky_relu(x, 0.3), ["'leaky_relu'", "negative_slope=0.3", "only 0.01"]),
    "in place over dropout": (over_dropout, ["in place in one mode", "dropout"]),
    "convolves a row": (lambda own, x: own.conv(x), ["layer conv (Conv2d)", "channels × height × width"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_by_the_name_of_the_call(case):
    something, words = REFUSED[case]
    refused(Doing(something), words)


def refused(module, words):
    with pytest.raises(NetworkError) as caught:
        cn.from_torch(module, (4,))
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


MODULES = {
    "two inputs": (Two, ["forward takes one input, not 'y' too"]),
    "two outputs": (Pair, ["must return one tensor"]),
    "hook on a block": (hooked, ["layer 0 (Sequential)", "hook"]),
    "replaced forward": (replaced, ["layer 0 (Linear)", "forward was replaced"]),
    "precisions": (lambda: several(dtype=F64), ["more than one dtype", "torch.float32, torch.float64"]),
    "wrapped": (lambda: nn.DataParallel(nn.Linear(4, 2)), ["the one inside: DataParallel.module"]),
    "torch's own": (lambda: nn.LSTM(4, 2), ["layer 0 (LSTM)", "no local operations", "Conv2d"]),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(3)), ["layer 0 (LazyLinear)", "call it once"]),
    "shared": (shared, ["layer 1 (Linear) shares a parameter with layer 0.0"]),
}


@pytest.mark.parametrize("case", MODULES)
def test_refuses_modules_that_are_more_than_layers(case):
    make, words = MODULES[case]
    refused(make(), words)
