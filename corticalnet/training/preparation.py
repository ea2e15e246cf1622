"""What must hold before the first update: a device, a number format, data that fit the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from corticalnet import data as datasets
from corticalnet.data import Data
from corticalnet.errors import SettingError, ShapeError
from corticalnet.network.homeostasis import BatchHomeostasis
from corticalnet.training.model import Model
from corticalnet.training.settings import Settings


def choose_device(settings: Settings) -> torch.device:
    """The device to train on.

    Raises:
        SettingError: CUDA is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if settings.device == "cuda" and not available:
        raise SettingError("setting 'device' is cuda, but torch finds no CUDA device; use cpu or auto")
    device = torch.device("cuda" if available and settings.device != "cpu" else "cpu")
    if settings.precision == "tf32" and device.type != "cuda":
        raise SettingError("setting 'precision' is tf32, which needs a CUDA device; use float32")
    return device


def load_data(settings: Settings, device: torch.device) -> Data:
    """The data set that the settings name, all of it on the device.

    Raises:
        DataError: it is unknown, missing or unsound.
    """
    return datasets.load(
        settings.data,
        folder=settings.data_folder,
        validation=settings.validation,
        seed=settings.seed,
        device=device,
        limit=settings.limit,
    )


def check_fit(model: Model, data: Data) -> None:
    """Every image must fit the network's input, every target its output, every batch its stages.

    Raises:
        ShapeError: an image or a target does not fit.
        SettingError: the last batch is a single sample, and batch homeostasis needs two; or the rule cannot
            be told the target.
    """
    net, settings = model.network, model.settings
    shape = torch.Size(data.shape)
    if shape.numel() != torch.Size(net.input_shape).numel():
        raise ShapeError(
            f"the network's input is {_sheet(net.input_shape)}, but images of {data.name} are {_sheet(shape)}"
        )
    settings.goal.check(net, data, model.rule)
    single = len(data.train) % settings.batch == 1 and not settings.drop_last
    if single and any(isinstance(stage, BatchHomeostasis) for stage in net.modules()):
        raise SettingError(
            f"the last batch would be 1 of {len(data.train)} images, and homeostasis='batch' needs more; "
            "set drop_last=true or another batch"
        )
    if settings.drop_last and len(data.train) < settings.batch:
        raise SettingError(
            f"batch {settings.batch} is larger than the {len(data.train)} training images, "
            "and drop_last leaves nothing"
        )


def _sheet(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


@contextmanager
def own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's generators, and give the caller's back afterwards."""
    with torch.random.fork_rng([torch.cuda.current_device()] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
