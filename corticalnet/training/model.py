"""A model: a network, the rule that teaches it, and the settings of its training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corticalnet.errors import ModelError
from corticalnet.network import Network
from corticalnet.rules.base import LearningRule
from corticalnet.rules.catalogue import rule as rule_by_name
from corticalnet.training.settings import Settings


@dataclass(frozen=True)
class Origin:
    """Where a model came from: its file, the file's SHA-256, the settings it was loaded with, and what the
    file says of itself."""

    path: Path
    sha256: str
    arguments: dict[str, Any]
    about: str = ""


@dataclass
class Model:
    """What ``build()`` of a model file returns and what :func:`corticalnet.training.train` trains.

    Args:
        network: the network.
        rule: how it learns; a name from :func:`corticalnet.list_rules` will do.
        settings: of its training; the defaults if not given.
        name: for folders and figures; a model file's own name if not given.
        notes: anything a reader should know.

    Raises:
        ModelError: a part is not what it should be.

    >>> import corticalnet as cn
    >>> model = Model(cn.mlp([64, 20, 10]), cn.rule("z-il"), name="mine")
    >>> model.rule.name, model.settings.epochs
    ('z-il', 30)
    """

    network: Network
    rule: LearningRule
    settings: Settings = field(default_factory=Settings)
    name: str = ""
    notes: str = ""
    origin: Origin | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Check that every part is what it should be, whatever was assigned since.

        Raises:
            ModelError: one is not.
            RuleError: no rule has that name.
        """
        if isinstance(self.rule, str):
            self.rule = rule_by_name(self.rule)
        parts = (("network", Network), ("rule", LearningRule), ("settings", Settings))
        for name, kind in parts:
            part = getattr(self, name)
            if not isinstance(part, kind):
                what = repr(part) if isinstance(part, str | float) else type(part).__name__
                raise ModelError(f"a model's {name} must be a {kind.__name__}, not {what}")
