"""What the files of a run may say: one schema for each, with which it is written and read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ModelAbout(BaseModel):
    """Where a model came from, in ``settings.json`` and ``seeds.json``: all that building it anew needs."""

    model: str
    file: str | None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None
    arguments: dict[str, Any]


class Period(BaseModel):
    """With what a run was run from one of its epochs on."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, str | None]
    from_epoch: Annotated[int, Field(ge=1)]


class RunAbout(ModelAbout):
    """``settings.json``: what is run, with what."""

    rule: str
    rule_parts: str
    network: list[str]
    notes: str
    settings: dict[str, Any]
    versions: Period
    earlier_versions: list[Period]
    #: The rest is for readers, and runs of earlier versions have none of it: the docstring of the model's
    #: file, the rule with its equations, and what identifies the samples of each split.
    about: str = ""
    equations: list[str] = []
    content: dict[str, str] = {}


class StoppedAbout(BaseModel):
    """``stopped.json``: why a run ended before its time."""

    epoch: Annotated[int, Field(ge=1)]
    reason: str


class ConfusionAbout(BaseModel):
    """``confusion.json``: how often each class (rows) was taken for each answer (columns)."""

    classes: list[str]
    counts: list[list[Annotated[int, Field(ge=0)]]]

    @model_validator(mode="after")
    def _rows_are_classes(self) -> ConfusionAbout:
        rows, widths = len(self.classes), {len(row) for row in self.counts}
        if len(self.counts) != rows or len(widths) != 1 or min(widths) < rows:
            raise ValueError("counts should have a row for each class, and a column for each answer")
        return self


class SeedsAbout(ModelAbout):
    """``seeds.json``: the runs of several seeds."""

    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]

    @field_validator("seeds")
    @classmethod
    def _differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("a seed comes twice")
        return seeds


class EpochAbout(BaseModel):
    """One epoch's record; of the validation scores it has its objective's."""

    model_config = ConfigDict(extra="allow")

    epoch: Annotated[int, Field(ge=1)]
    loss: Number
    accuracy: Share | None
    reward: Number | None
    validation_accuracy: Share | None = None
    validation_loss: Number | None = None
    lr: Positive
    samples_per_second: Positive
    seconds: Positive


class RunIdentity(BaseModel):
    """Which run it is, see :mod:`corticalnet.training.identity`."""

    network: str
    weights: dict[str, list[int]]
    rule: str
    settings: dict[str, Any]
    content: dict[str, str]


class StateAbout(BaseModel):
    """What ``last.safetensors`` says beside its tensors."""

    identity: RunIdentity
    history: Annotated[list[EpochAbout], Field(min_length=1)]
    optimizer: dict[str, dict[str, bool | int | float | None]]
    tensors: list[str]
    versions: Annotated[list[Period], Field(min_length=1)]

    @field_validator("versions")
    @classmethod
    def _one_after_another(cls, versions: list[Period]) -> list[Period]:
        begins = [period.from_epoch for period in versions]
        if begins[0] != 1 or begins != sorted(set(begins)):
            raise ValueError(f"periods should begin with epoch 1 and go on, and begin with {begins}")
        return versions

    @field_validator("history")
    @classmethod
    def _in_order(cls, history: list[EpochAbout]) -> list[EpochAbout]:
        epochs = [record.epoch for record in history]
        if epochs != list(range(1, len(history) + 1)):
            raise ValueError(f"epochs should be counted from 1, and are {epochs}")
        return history
