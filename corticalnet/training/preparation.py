"""What must be there before the first update: a device, a number format, fitting data, an optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch.utils import data as torchdata

from corticalnet import data as datasets
from corticalnet.data import Data
from corticalnet.data.augmentation import Augmentation
from corticalnet.errors import DataError, NetworkError, SettingError, ShapeError
from corticalnet.network import Network
from corticalnet.network.homeostasis import BatchHomeostasis
from corticalnet.rules.base import LearningRule
from corticalnet.rules.own_weights import link_of
from corticalnet.training.model import Model
from corticalnet.training.settings import Settings

_KINDS: dict[str, Any] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}


def choose_device(settings: Settings) -> torch.device:
    """Choose the device to train on.

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


def number_format(settings: Settings, net: Network) -> torch.dtype:
    """Choose the format of weights and inputs: the network's own, unless set otherwise.

    Raises:
        SettingError: the network is in a format that cannot be trained in, or in several.
    """
    if settings.precision is not None:
        return torch.float64 if settings.precision == "float64" else torch.float32
    own = {tensor.dtype for tensor in net.parameters()}
    if len(own) == 1 and own <= {torch.float32, torch.float64}:
        return own.pop()
    found = " and ".join(sorted(str(dtype).removeprefix("torch.") for dtype in own))
    raise SettingError(
        f"the network is in {found}; training needs float32 or float64: set precision to one of them"
    )


def load_data(settings: Settings, device: torch.device) -> Data:
    """Load the data set that the settings name, all of it on the device.

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


def open_data(
    settings: Settings, data: Any, validation: Any = None, test: Any = None, transform: Any = None
) -> tuple[Data, Settings]:
    """Open the data of a run, however they are given; return them with the settings that they imply.

    Raises:
        DataError: they cannot be had, or are no data.
        SettingError: the settings and a loader say different things; the transform is no function.
    """
    if data is None or isinstance(data, str | Data):
        if validation is not None or test is not None:
            kind = f"'{settings.data if data is None else data if isinstance(data, str) else data.name}'"
            raise DataError(f"the data set {kind} has splits of its own; leave out validation= and test=")
        settings = settings.change(data=data) if isinstance(data, str) else settings
        loaded = data if isinstance(data, Data) else load_data(settings, torch.device("cpu"))
        if transform is not None:
            loaded = replace(loaded, transform=Augmentation(transform))
    else:
        loaded = datasets.wrap(
            data, validation, test, transform, settings.validation, settings.seed, settings.limit
        )
    if isinstance(data, torchdata.DataLoader):
        settings = _as_loaded(settings, data)
    return loaded, settings.change(data=loaded.name)


def _as_loaded(settings: Settings, loader: torchdata.DataLoader) -> Settings:
    """Return settings with the batches of a loader; a setting of one's own must agree."""
    usual, size = Settings(), loader.batch_size
    if size is None:  # batches of a sampler's own, or none
        return settings
    for name, found in (("batch", size), ("drop_last", loader.drop_last)):
        asked = getattr(settings, name)
        if asked not in (found, getattr(usual, name)):
            raise SettingError(
                f"setting '{name}' is {asked}, but the DataLoader's is {found}; "
                "set one of them, or give the loader's dataset"
            )
    return settings.change(batch=size, drop_last=loader.drop_last)


def check_initial_weights(net: Network, resume: bool) -> None:
    """Check that every weight can be taught, and is finite before the first update.

    Args:
        net: the network.
        resume: the numbers will come from a checkpoint.

    Raises:
        NetworkError: one is not.
    """
    taught = {id(p) for p in net.learned}
    for name, p in net.named_parameters():
        if id(p) in taught and not resume and not bool(p.detach().isfinite().all()):
            raise NetworkError(
                f"'{name}' holds NaN or infinite numbers before the first update; "
                "initialise it, or load weights"
            )


def check_transform(data: Data, dtype: torch.dtype) -> None:
    """Check that a transform can be repeated, as a resumed run needs.

    Raises:
        DataError: the first samples do not come out alike, or the transform fails.
    """
    assert data.transform is not None
    few = torch.arange(min(len(data.train), 8))
    x, _ = next(iter(data.train.draw([few], dtype, 0)))
    data.transform.check(x, 0)


def check_fit(model: Model, data: Data, dtype: torch.dtype = torch.float32) -> None:
    """Check that images fit the network's input, targets its output, and batches its stages.

    Args:
        model: whose network and settings they must fit.
        data: with all targets.
        dtype: format in which the network is shown them.

    Raises:
        ShapeError: an image or a target does not fit.
        DataError: a number is too large for the format.
        SettingError: the last batch is a single sample, and batch homeostasis needs two; or the rule cannot
            be told the target.
    """
    net, settings = model.network, model.settings
    shape = torch.Size(data.shape)
    if shape.numel() != torch.Size(net.input_shape).numel():
        raise ShapeError(
            f"the network's input is {_sheet(net.input_shape)}, but images of {data.name} are {_sheet(shape)}"
        )
    if not _same_axes(tuple(shape), tuple(net.input_shape)):
        hint = "; channels come first" if sorted(shape) == sorted(net.input_shape) else ""
        raise ShapeError(
            f"the network's input is {_sheet(net.input_shape)}, but images of {data.name} are "
            f"{_sheet(shape)}: as many numbers, in another order{hint}"
        )
    for name in datasets.SPLITS:
        split = getattr(data, name)
        wide = isinstance(split, datasets.Split) and split.images.dtype == torch.float64 != dtype
        if wide and not bool(split.images.to(dtype).isfinite().all()):
            raise DataError(
                f"{data.name}: a number in {name} is too large for {str(dtype).removeprefix('torch.')}"
            )
    settings.objective.check(net, data, model.rule)
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


def _same_axes(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Return whether two shapes of equal size have the same order: equal but for 1s, or one is flat."""
    one, other = (tuple(n for n in shape if n > 1) for shape in (one, other))
    return one == other or min(len(one), len(other)) <= 1


def _sheet(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def make_optimizer(
    net: Network, settings: Settings, rule: LearningRule | None = None
) -> torch.optim.Optimizer:
    """Make an optimizer for the weights of ``net`` and of ``rule``; only links' weights decay.

    Feedback weights that learn are moved as the weights of links are, at the rule's rate for its own.

    Raises:
        SettingError: rates of links are not one for each link.
    """
    weights = [link.weight for link in net.links if link.plastic and link.weight.requires_grad]
    own = [] if rule is None else [p for p in rule.parameters(net) if p.requires_grad]
    own = [p for p in dict.fromkeys(own) if p not in set(weights)]  # (a rule may name the network's own)
    known = {*weights, *own}
    others = [p for p in net.parameters() if p.requires_grad and p not in known]
    groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": settings.weight_decay}]
    if rule is None or rule.own_rate == 1:
        weights += own
    elif own:
        groups.append(rule.group_beside({**groups[0], "lr": settings.lr}) | {"params": own})
    if others:
        groups.append({"params": others, "weight_decay": 0.0})
    if settings.link_rates is not None:
        groups = list(_by_link(groups, net, settings, rule))
    extra = {"momentum": settings.momentum} if settings.momentum else {}
    optimizer: torch.optim.Optimizer = _KINDS[settings.optimizer](groups, lr=settings.lr, **extra)
    return optimizer


def _by_link(
    groups: list[dict[str, Any]], net: Network, settings: Settings, rule: LearningRule | None
) -> Iterator[dict[str, Any]]:
    """Yield parameter groups split by the rates of links; a rule's own weights learn as the link beside them.

    Raises:
        SettingError: there are not as many rates as links.
    """
    rates, links = settings.link_rates or (), {link.name: link for link in net.links if link.plastic}
    if len(rates) != len(links):
        raise SettingError(
            f"setting 'link_rates' has {len(rates)} numbers, and {len(links)} links learn: {', '.join(links)}"
        )
    by_name = dict(zip(links, rates, strict=True))
    of = {p: by_name[name] for name, link in links.items() for p in link.parameters()}
    for name, p in ({} if rule is None else rule.named_parameters(net)).items():
        of.setdefault(p, by_name.get(link_of(name, by_name), rates[-1]))
    for group in groups:
        for rate in dict.fromkeys(of.get(p, 1.0) for p in group["params"]):
            own = rate * group.get("own_rate", 1.0)
            chosen = [p for p in group["params"] if of.get(p, 1.0) == rate]
            yield group | {"params": chosen, "lr": settings.lr * own, "own_rate": own}


@contextmanager
def computing(settings: Settings, device: torch.device) -> Iterator[None]:
    """Compute in the settings' precision, and reproducibly, until the block ends."""
    cudnn, before = torch.backends.cudnn, torch.get_float32_matmul_precision()
    old = (cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark)
    torch.set_float32_matmul_precision("high" if settings.precision == "tf32" else "highest")
    # A resumed run repeats an uninterrupted one to the bit only if kernels add in one order.
    cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = settings.precision == "tf32", True, False
    try:
        with ExitStack() as stack:
            if settings.precision == "bfloat16":
                # No cache: it would keep the first bfloat16 copy of weights that change in place.
                stack.enter_context(torch.autocast(device.type, torch.bfloat16, cache_enabled=False))
            yield
    finally:
        torch.set_float32_matmul_precision(before)
        cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = old
