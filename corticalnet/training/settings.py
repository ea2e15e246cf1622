"""Settings: everything about a training run that is neither the network nor the rule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from corticalnet.errors import SettingError, unknown
from corticalnet.training.objective import OBJECTIVES, Objective
from corticalnet.training.schedule import scheduled_rate

Optimizer = Literal["sgd", "adam", "adamw", "rmsprop"]
Precision = Literal["float32", "float64", "tf32", "bfloat16"]

_COUNT = "a whole number from 1"
_POSITIVE = "a number above 0"


class Settings(BaseModel):
    """How a model is trained. Frozen; each field's description says which values are possible.

    Args:
        epochs: how often the training set is seen, at most.
        batch: samples in one update; the last batch of an epoch may be smaller.
        lr: learning rate of the first epoch.
        link_rates: learning rates of single links, weights and biases, in units of lr: a number for each link
            that learns, from below; None: lr for all.
        optimizer: "sgd", "adam", "adamw" or "rmsprop", as ``torch.optim`` has them.
        momentum: of sgd and rmsprop.
        weight_decay: as torch means it; for the weights of links only, never for a bias or homeostasis.
        halve_every: the learning rate halves after every so many epochs; None: constant.
        schedule: torch's instead, one step an epoch, as "CosineAnnealingLR" or "StepLR(step_size=10)"
            (:mod:`corticalnet.training.schedule`).
        target: "class", or "image": to reconstruct what is shown (:mod:`corticalnet.training.objective`).
        patience: epochs without a better validation score before training stops; None: never.
        min_improvement: by how much a score must be better to count for patience: an accuracy by this
            fraction of 1, a loss by this share of what it was.
        validation: fraction, or number, of training images that are held out.
        seed: of the split, the order of the data, dropout and exploration.
        precision: number format; None: the network's own, float32 or float64. "float32" and "float64" convert
            the network; tf32 (needs CUDA) and bfloat16 compute in that, and keep weights and their changes in
            float32.
        device: "auto" takes CUDA where there is one.
        limit: use only so many images of each split.
        drop_last: leave an incomplete last batch out.
        data: name of the data set.
        data_folder: folder to read it from, instead of the cache.

    Raises:
        SettingError: an unknown setting or an impossible value.

    >>> Settings(lr=0.05).change(epochs=3).epochs
    3
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int = Field(30, ge=1, description=_COUNT)
    batch: int = Field(64, ge=1, lt=2**63, description=f"{_COUNT} to 2⁶³ − 1")
    lr: float = Field(0.1, gt=0, description=_POSITIVE)
    link_rates: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
        None, description="numbers above 0, one for each link that learns, or None (lr for all)"
    )
    optimizer: Optimizer = "sgd"
    target: Literal["class", "image"] = "class"
    momentum: float = Field(0.0, ge=0, lt=1, description="a number from 0 to below 1")
    weight_decay: float = Field(0.0, ge=0, description="a number from 0")
    halve_every: int | None = Field(100, ge=1, description=f"{_COUNT}, or None (constant)")
    schedule: str | None = Field(None, description="a schedule of torch's, or None (halve_every)")
    patience: int | None = Field(45, ge=1, description=f"{_COUNT}, or None (never stop early)")
    min_improvement: float = Field(0.001, ge=0, lt=1, description="a fraction from 0 to below 1")
    validation: int | float = Field(0.1, ge=0, description="a fraction below 1, or a number of images")
    seed: int = Field(0, ge=0, lt=2**63, description="a whole number from 0 to 2⁶³ − 1")
    precision: Precision | None = Field(
        None, description="float32, float64, tf32, bfloat16, or None (the network's own)"
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    limit: int | None = Field(None, ge=1, description=f"{_COUNT}, or None (all images)")
    drop_last: bool = Field(False, description="true or false")
    data: str = Field("digits", min_length=1, description="the name of a data set")
    data_folder: Path | None = Field(None, description="a folder, or None (the cache)")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingError(_sentence(error)) from None

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_is_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        kind = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and {int, float} & {kind, *get_args(kind)}:
            raise ValueError("not a number")
        return value

    @field_validator("link_rates", mode="before")
    @classmethod
    def _one_rate_is_a_row_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float) else value

    @model_validator(mode="after")
    def _momentum_has_a_use(self) -> Settings:
        if self.momentum and self.optimizer in ("adam", "adamw"):
            raise ValueError(f"momentum is a setting of sgd and rmsprop; {self.optimizer} has its own")
        return self

    @model_validator(mode="after")
    def _there_is_such_a_schedule(self) -> Settings:
        if self.schedule is not None:
            scheduled_rate(self.schedule, self.lr, self.epochs, [], True)
        return self

    @property
    def objective(self) -> Objective:
        """Return the objective that the target stands for."""
        return OBJECTIVES[self.target]

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all settings."""
        return tuple(cls.model_fields)

    def change(self, **values: Any) -> Settings:
        """Return settings with some replaced; the new ones are checked."""
        return Settings(**{**self.model_dump(), **values})


def _sentence(error: ValidationError) -> str:
    """Describe the first fault in one line."""
    first = error.errors()[0]
    if not first["loc"]:
        return str(first["msg"]).removeprefix("Value error, ")
    key = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return unknown("setting", key, Settings.names())
    possible = Settings.model_fields[key].description
    if first["type"] == "literal_error":
        possible = str(first["ctx"]["expected"])
    return f"setting '{key}' must be {possible}, not {first['input']!r}"
