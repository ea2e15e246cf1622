"""Training on your own data: one run whatever holds the samples, augmentation, and resuming with both."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch.utils import data as torchdata

import corticalnet as cn
from corticalnet.data import SPLITS
from corticalnet.errors import CheckpointError, DataError, SettingError, ShapeError
from corticalnet.plotting import confusion, receptive_fields, reconstructions
from corticalnet.training import Settings, run_seeds, train
from corticalnet.training.objective import OBJECTIVES
from corticalnet.training.result import weights_as_images

CENTRES = torch.randn(3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2
Y = torch.arange(60) % 3
X = CENTRES[Y] + torch.randn(60, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


class Watching(cn.Rule):
    """Backprop that keeps what it was shown."""

    def __init__(self):
        super().__init__(name="watching")
        self._seen = []

    def update(self, net, x, targets, optimizer):
        self._seen += [tuple(row) for row in x.tolist()]
        return super().update(net, x, targets, optimizer)


def model(dtype=torch.float32, dropout=0.2, rule="backprop", **settings):
    areas = [cn.Area(cn.Dense(8), "tanh", dropout=dropout), cn.Area(cn.Dense(3), "linear")]
    net = cn.Network((5,), areas, 0).to(dtype)
    return cn.Model(net, rule, Settings(**{"epochs": 3, "batch": 16, "lr": 0.2} | settings))


def trained(data, made=None, **how):
    """The first weights after training."""
    made = made or model()
    train(made, data, progress=False, **how)
    return made.network.links[0].weight.detach()


def loader(x, y, size=16, **settings):
    return torchdata.DataLoader(torchdata.TensorDataset(x, y), size, **{"shuffle": True} | settings)


def test_one_run_whatever_holds_the_samples():
    wanted = trained((X, Y))
    assert torch.equal(wanted, trained((X.numpy(), Y.numpy()[:, None])))
    assert torch.equal(wanted, trained(torchdata.TensorDataset(X, Y)))
    assert torch.equal(wanted, trained(torchdata.Subset(torchdata.TensorDataset(X, Y), range(60))))
    assert torch.equal(wanted, trained(loader(X, Y)))
    assert not torch.equal(wanted, trained(loader(X, Y, shuffle=False)))


def test_it_learns_and_says_what_it_saw():
    made = model(epochs=20)
    result = train(made, (X, Y), progress=False)
    assert result.last_test_accuracy > 0.7  # three centres that are two widths apart: by chance 1/3
    assert made.settings.data == "own data"
    assert "on own data" in str(result)


@pytest.mark.parametrize("source", [lambda: (X, Y), lambda: loader(X, Y)])
def test_numbers_reach_a_float64_network_whole(source):
    rule = Watching()
    trained(source(), model(torch.float64, rule=rule))
    assert set(rule._seen) <= {tuple(row) for row in X.tolist()}
    assert len(rule._seen) == 3 * 43


def test_a_loaders_batches_are_the_runs():
    made = model(batch=Settings().batch)
    trained(loader(X, Y, 7, drop_last=True), made)
    assert (made.settings.batch, made.settings.drop_last) == (7, True)
    with pytest.raises(SettingError, match="'batch' is 16, but the DataLoader's is 7"):
        trained(loader(X, Y, 7))


def test_only_training_samples_are_transformed_and_each_once_an_epoch():
    seen = []

    def look(x):
        seen.append(tuple(x.tolist()))
        return x

    wanted = trained((X, Y))
    assert torch.equal(wanted, trained((X, Y), transform=look))
    made = cn.data.wrap((X.float(), Y))
    assert sorted(seen) == sorted(3 * [tuple(x) for x in made.train.images.tolist()])


def test_what_is_shown_is_what_the_transform_makes():
    plain = trained((2 * X, Y), validation=(X, Y), test=(X, Y))
    assert torch.equal(plain, trained((X, Y), transform=lambda x: 2 * x, validation=(X, Y), test=(X, Y)))


def noisy(x):
    flipped = x.flip(0) if random.random() < 0.5 else x
    return flipped + 0.1 * torch.randn(x.shape) + float(np.random.rand())  # noqa: NPY002


class Noisy(torchdata.Dataset):
    """Samples that are other ones each time."""

    def __init__(self):
        self.rng = np.random.default_rng()

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return noisy(X[index]) + self.rng.normal(), int(Y[index])


class Shaky:
    """A transform that holds a generator of its own."""

    def __init__(self):
        self.rng = np.random.default_rng()

    def __call__(self, x):
        return x + self.rng.normal()


@pytest.mark.parametrize(
    ("source", "transform"),
    [
        (lambda: (X, Y), lambda: noisy),
        (lambda: (X, Y), Shaky),
        (Noisy, lambda: None),
        (lambda: torchdata.DataLoader(Noisy(), 16, shuffle=True), lambda: noisy),
    ],
    ids=["arrays", "own generator", "Dataset", "DataLoader"],
)
def test_chance_in_data_is_resumed_to_the_bit(tmp_path, source, transform):
    whole = trained(source(), model(epochs=4), transform=transform())
    trained(source(), model(epochs=2), transform=transform(), out=tmp_path)
    for draw in (torch.rand, np.random.rand, np.random.default_rng().random):
        draw(7)  # what others draw in between must not matter
    random.seed(5)
    parts = trained(source(), model(epochs=4), transform=transform(), out=tmp_path, resume=True)
    assert torch.equal(whole, parts)
    assert not torch.equal(whole, trained(source(), model(epochs=4, seed=1), transform=transform()))
    if transform() is not None:
        assert not torch.equal(whole, trained(source(), model(epochs=4)))


def test_two_networks_draw_the_same_augmentation():
    """Dropout takes numbers from torch's generator; what samples look like does not depend on it."""
    seen = []
    for dropout in (0.0, 0.5):
        rule = Watching()
        trained((X, Y), model(dropout=dropout, rule=rule), transform=noisy)
        seen.append(rule._seen)
    assert seen[0] == seen[1]
    assert len(seen[0]) == 3 * 43


def test_every_sample_of_every_epoch_has_chance_of_its_own():
    rule = Watching()
    trained((X, Y), model(rule=rule), transform=lambda x: torch.rand(5))
    assert len(set(rule._seen)) == len(rule._seen) == 3 * 43


def test_a_run_goes_on_with_its_own_transform_and_data_alone(tmp_path):
    trained((X, Y), model(epochs=1), transform=lambda x: x + 1, out=tmp_path)
    with pytest.raises(CheckpointError, match=r"other data: transform is <lambda>#.* there and <lambda>#"):
        trained((X, Y), transform=lambda x: x + 2, out=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match=r"other data: transform is <lambda>#.* there and none here"):
        trained((X, Y), out=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match=r"other data: t.* there and .* here"):
        trained((X + 1, Y), transform=lambda x: x + 1, out=tmp_path, resume=True)
    trained((X, Y), transform=lambda x: x + 1, out=tmp_path, resume=True)


def test_a_run_that_could_not_be_resumed_is_refused_before_it_begins(tmp_path):
    calls = iter(range(10_000))
    with pytest.raises(DataError, match="made another sample when it was called again"):
        trained((X, Y), transform=lambda x: x + next(calls), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    trained((X, Y), transform=lambda x: x + next(calls))


def test_a_named_data_set_is_augmented_too():
    made = cn.Model(cn.mlp([64, 10]), "backprop", Settings(epochs=1, limit=32))
    first = trained("digits", made, transform=lambda x: x.flip(-1))
    again = cn.Model(cn.mlp([64, 10]), "backprop", Settings(epochs=1, limit=32, data="digits"))
    assert not torch.equal(first, trained(None, again))


def test_seeds_share_the_test_and_not_what_is_held_out():
    made = []

    def make(seed):
        areas = [cn.Area(cn.Dense(3), "linear")]
        made.append(cn.Model(cn.Network((5,), areas, seed), Watching(), Settings(epochs=1)))
        return made[-1]

    result = run_seeds(make, [0, 1], progress=False, data=(X, Y), transform=lambda x: x + 1)
    assert [len(each.rule._seen) for each in made] == [43, 43]
    assert set(made[0].rule._seen) != set(made[1].rule._seen)
    assert result.mean("last_test") > 0


def test_what_does_not_fit_is_told():
    with pytest.raises(DataError, match="'digits' has splits of its own; leave out validation= and test="):
        train(model(), test=(X, Y), progress=False)
    with pytest.raises(ShapeError, match="label 3 is out of range; the output has columns 0 to 2"):
        trained((X, Y + 1))
    with pytest.raises(ShapeError, match="input is 5, but images of own data are 4"):
        trained((X[:, :4], Y))
    with pytest.raises(DataError, match="a number in train is too large for float32"):
        trained((X * 1e300, Y))
    trained((X * 1e100, Y), model(torch.float64, lr=1e-300, epochs=1))
    sheets = cn.Model(cn.Network((3, 4, 4), [cn.Area(cn.Dense(3), "linear")]), "backprop")
    with pytest.raises(ShapeError, match=r"3×4×4, but .* 4×4×3: as many numbers, in another order; channels"):
        train(sheets, (torch.rand(20, 4, 4, 3), Y[:20]), progress=False)


@pytest.mark.parametrize("shape", [(5,), (2, 4), (2, 2, 2)])
def test_shapes_that_mean_the_same_fit(shape):
    numbers = torch.Size(shape).numel()
    x = torch.rand(20, *shape)
    for asked in (shape, (numbers,), (1, *shape)):
        net = cn.Network(asked, [cn.Area(cn.Dense(3), "linear")])
        train(cn.Model(net, "backprop", Settings(epochs=1)), (x, Y[:20]), progress=False)


@pytest.mark.parametrize("shape", [(5,), (2, 3), (1, 2, 3), (2, 1, 2, 1)])
def test_samples_are_drawn_as_far_as_they_are_images(shape):
    made = cn.data.wrap((torch.rand(20, *shape), Y[:20]))
    net = cn.mlp([torch.Size(shape).numel(), 5])
    fields = weights_as_images(net, made.shape)
    assert (fields is not None) == (len(shape) in (2, 3))
    if fields is not None:
        assert fields.shape == (5, *(1,) * (3 - len(shape)), *shape)
        assert "5 of 5" in receptive_fields(fields, "first").axes[0].get_title()
    picture = OBJECTIVES["image"].draw(torch.rand(4, torch.Size(shape).numel()), made)
    assert len(picture.axes) == 2 * 4
    height, width = shape[-2:] if len(shape) in (2, 3) else (1, torch.Size(shape).numel())
    assert all(axes.images[0].get_size() == (height, width) for axes in picture.axes)


@pytest.mark.parametrize("picture", ["confusion", "reconstructions"])
def test_names_of_classes_are_drawn_as_they_are_written(picture):
    names = np.array(["a$x_{$", "b$^2", "c\x1b[31m\n"])
    made = cn.data.wrap((X, names[Y]))
    figure = (
        reconstructions(torch.rand(12, 5), *made.test.batch(slice(None)), made.classes)
        if picture == "reconstructions"
        else confusion(made.test.labels, made.test.labels, made.classes)
    )
    figure.canvas.draw()
    axes = figure.axes
    shown = [text.get_text() for text in axes[0].get_xticklabels()] or [panel.get_title() for panel in axes]
    assert set(shown) - {""} == {r"a\$x_{\$", r"b\$^2", r"c\x1b[31m\n"}


def test_content_is_recorded_for_every_split():
    assert set(cn.data.wrap((X, Y)).content) == set(SPLITS)
