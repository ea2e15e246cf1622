"""Networks as torchvision defines them, small: those that are adopted, and why others are not."""

import pytest
import torch
from torch import nn

import corticalnet as cn
from corticalnet.errors import NetworkError
from tests.network.test_from_torch import close

F64 = torch.float64


class VGG(nn.Module):
    """Features, a mean over 2 × 2 squares, a classifier with dropout."""

    def __init__(self, normalised):
        super().__init__()
        layers = []
        for before, after in ((2, 4), (4, 6)):
            layers += [nn.Conv2d(before, after, kernel_size=3, padding=1)]
            layers += [nn.BatchNorm2d(after)] if normalised else []
            layers += [nn.ReLU(inplace=True), nn.MaxPool2d(kernel_size=2, stride=2)]
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(
            nn.Linear(6 * 2 * 2, 7), nn.ReLU(True), nn.Dropout(p=0.5),
            nn.Linear(7, 7), nn.ReLU(True), nn.Dropout(p=0.5), nn.Linear(7, 5),
        )  # fmt: skip

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(torch.flatten(x, 1))


class Bottleneck(nn.Module):
    """1 × 1, 3 × 3 with the stride, 1 × 1 up again; the shortcut is a projection."""

    def __init__(self, before, width, after, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, after, 1, bias=False), nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential(
            nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after)
        )

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


def resnet50():
    blocks = nn.Sequential(Bottleneck(2, 3, 8, 1), Bottleneck(8, 3, 8, 2))
    return nn.Sequential(blocks, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(8, 5))


ADOPTED = {"VGG": lambda: VGG(False), "VGG with normalisation": lambda: VGG(True), "ResNet-50": resnet50}


@pytest.mark.parametrize("name", ADOPTED)
def test_adopted_networks_compute_and_learn_as_in_torch(name):
    """The same rates and, by Z-IL, the same changes as autograd's (in evaluation: dropout draws nothing)."""
    torch.manual_seed(0)
    original = ADOPTED[name]().to(F64)
    original(torch.rand(9, 2, 8, 8, dtype=F64))
    original.eval()
    net = cn.from_torch(original, (2, 8, 8))
    x, y = torch.rand(4, 2, 8, 8, dtype=F64), torch.tensor([0, 4, 2, 1])
    out = original(x)
    close(net(x), out)
    (0.5 * (out - torch.eye(5, dtype=F64)[y]).square().sum() / 4).backward()
    cn.rule("backprop").learn(net, x, y)
    theirs = [m.weight.grad for m in original.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    ours = [link.weight.grad for link in net.links if link.plastic]
    assert sorted(g.norm().item() for g in ours) == pytest.approx(
        sorted(g.norm().item() for g in theirs), rel=1e-10
    )


class Inception(nn.Module):
    """Branches side by side: their channels are put together, not added."""

    def __init__(self):
        super().__init__()
        self.one, self.three = nn.Conv2d(2, 3, 1), nn.Conv2d(2, 3, 3, padding=1)

    def forward(self, x):
        return torch.flatten(torch.cat([self.one(x), self.three(x)], 1), 1)


def mobile():
    return nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, groups=2), nn.ReLU6(), nn.Flatten(), nn.Linear(128, 5))


def efficient():
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.SiLU(), nn.Flatten(), nn.Linear(108, 5))


def convnext():
    return nn.Sequential(nn.Flatten(), nn.Linear(128, 4), nn.LayerNorm(4), nn.Linear(4, 5))


def transformer():
    return nn.Sequential(nn.Flatten(), nn.TransformerEncoderLayer(128, 2), nn.Linear(128, 5))


REFUSED = {
    "MobileNet, ResNeXt": (mobile, ["layer 0 (Conv2d)", "groups=2", "only 1"]),
    "Inception, DenseNet": (Inception, ["'cat'", "no local operations"]),
    "EfficientNet": (efficient, ["layer 1 (SiLU)"]),
    "ConvNeXt": (convnext, ["layer 2 (LayerNorm)"]),
    "ViT": (transformer, ["layer 1 (TransformerEncoderLayer)"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused_by_what_they_have(name):
    make, words = REFUSED[name]
    with pytest.raises(NetworkError) as caught:
        cn.from_torch(make(), (2, 8, 8))
    assert all(word in str(caught.value) for word in words), str(caught.value)
