"""Model files: short Python files whose ``build(**settings)`` returns a :class:`Model`."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from numbers import Real
from pathlib import Path
from typing import Any

from corticalnet import data, shipped
from corticalnet.errors import CheckpointError, ModelError, SettingError, unknown
from corticalnet.rules import catalogue
from corticalnet.rules.base import LearningRule
from corticalnet.rules.on_top import given
from corticalnet.rules.parameters import parameters_of
from corticalnet.store import read_whole
from corticalnet.training.finding import MODULES, blame, find_model
from corticalnet.training.model import Model, Origin
from corticalnet.training.schemas import ModelAbout
from corticalnet.training.settings import Settings


def load_model(name_or_path: str | Path, /, **settings: Any) -> Model:
    """Build the model of a file.

    Args:
        name_or_path: a Python file, or the name of one in ``./models`` or, if there is none, of the package.
        settings: each goes to the file's ``build()`` if that takes it, and to the model's
            :class:`Settings` if they have it; what neither knows is a parameter of the rule (the one that
            is named, or else that of ``build()``'s own argument ``rule``), on top of those that the file
            gives it. ``rule`` (a name or a rule) replaces the model's rule.
            ``build()`` is told ``input_shape`` (channels, height, width) and ``classes`` of the data
            set if it takes them.

    Raises:
        ModelError: the file cannot be found, read or built; the message names file, line and cause.
        SettingError: neither ``build()`` nor :class:`Settings` nor the rule knows a setting, or a value is
            impossible.
        RuleError, DataError: unknown rule or data set.
    """
    path = find_model(name_or_path)
    return _load(path, _code(path), settings)


def run_model_file(name_or_path: str | Path, /) -> Path:
    """Run a model file, so that what it registers is known; no model is built.

    Returns:
        Its path.

    Raises:
        ModelError: as :func:`load_model` does.
    """
    path = find_model(name_or_path)
    with _beside(path):
        _build_function(path, _code(path))
    return path


def load_again(about: ModelAbout, folder: Path, /, **settings: Any) -> Model:
    """Build the model of a run's folder again, if its file is unchanged.

    A folder may come from anywhere: it can name a file, but has no say in what is executed.

    Args:
        about: what the folder says.
        folder: the run's.
        settings: as for :func:`load_model`; those of the run are in ``about``.

    Raises:
        CheckpointError: the folder names no file, one of its own, or one that has changed since.
        ModelError, SettingError, RuleError, DataError: as :func:`load_model` does.
    """
    named = f"to run one all the same, name it: corticalnet train MODEL --resume {folder}"
    if about.file is None or about.sha256 is None:
        raise CheckpointError(
            f"the run in {folder} came from no model file; name the MODEL, or resume in Python"
        )
    path = Path(about.file)
    if not path.is_absolute() or folder.resolve() in path.resolve().parents:
        raise CheckpointError(f"the run in {folder} names a model file of its own, {path}; {named}")
    ours = shipped.folder("models") / path.name
    if not path.exists() and ours.is_file():  # the package lies elsewhere now
        path = ours
    code = _code(find_model(path))
    if hashlib.sha256(code).hexdigest() != about.sha256:
        raise CheckpointError(f"the model file {path} has changed since the run in {folder} began; {named}")
    return _load(path, code, settings)


def _code(path: Path) -> bytes:
    """Read the bytes of a file once, so that what is checked is what is run.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        return read_whole(path)
    except OSError as error:
        raise ModelError(f"cannot read model file {path}: {error.strerror or error}") from error


def _load(path: Path, code: bytes, settings: dict[str, Any]) -> Model:
    Settings(**{key: value for key, value in settings.items() if key in Settings.names()})
    with _beside(path):
        build = _build_function(path, code)
        _check_rule(settings.get("rule"))  # (which the file may have registered)
        with _blaming(path):
            takes = inspect.signature(build).parameters
        name, parameters = _of_the_rule(path, settings, takes)
        with given(name, parameters):
            model = _build(build, path, settings, takes)
            if settings.get("rule") is not None and not _accepts(takes, "rule"):
                model.rule = _as_rule(settings["rule"])
    if parameters and model.rule.name != name:
        raise SettingError(
            f"{path.stem}: build() makes '{model.rule.name}' where '{name}' is asked for, "
            f"which leaves no place for {', '.join(parameters)}"
        )
    own = {key: value for key, value in settings.items() if key in Settings.names()}
    model.settings = model.settings.change(**own)
    model.name = model.name or path.stem
    model.origin = Origin(path, hashlib.sha256(code).hexdigest(), dict(settings), _docstring(code))
    return model


@contextmanager
def _beside(path: Path) -> Iterator[None]:
    """Let a model file import its neighbours, as a script may."""
    sys.path.insert(0, str(path.parent))
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(str(path.parent))


def _docstring(code: bytes) -> str:
    """Return the docstring of a model file."""
    return ast.get_docstring(ast.parse(code)) or ""


def _build_function(path: Path, code: bytes) -> Callable[..., Any]:
    spec = importlib.util.spec_from_file_location(f"{MODULES}{path.stem}", path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles inside the file look it up
    try:
        with _blaming(path), catalogue.registering(str(path)):
            exec(compile(code, path, "exec"), module.__dict__)  # (the loader might take an older __pycache__)
    except BaseException:
        sys.modules.pop(spec.name, None)
        raise
    build: Callable[..., Any] | None = getattr(module, "build", None)
    if not callable(build):
        raise ModelError(f"{path}: has no function build(**settings) that returns a Model")
    return build


def _call(build: Callable[..., Any], path: Path, arguments: dict[str, Any]) -> Model:
    with _blaming(path):
        model = build(**arguments)
    if not isinstance(model, Model):
        raise ModelError(f"{path}: build() must return a corticalnet.Model, not {type(model).__name__}")
    with _blaming(path):
        model.check()
    return model


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Convert whatever a model file's code raises to a ModelError that names the line."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ModelError(blame(path, error)) from error


def _accepts(takes: Any, key: str) -> bool:
    return key in takes or any(p.kind is p.VAR_KEYWORD for p in takes.values())


def _of_the_rule(path: Path, settings: dict[str, Any], takes: Any) -> tuple[str, dict[str, Any]]:
    """Return the rule that is chosen by name ("" if none is), and those settings that are parameters of it.

    Model and training come first: a setting that one of them knows is not the rule's.

    Raises:
        SettingError: nobody knows a setting.
        RuleError: the rule does not take a parameter's value.
    """
    others = {
        key: value
        for key, value in settings.items()
        if not _accepts(takes, key) and key not in (*Settings.names(), "rule")
    }
    if not others:
        return "", {}
    rule = settings.get("rule")
    if rule is None and "rule" in takes:
        rule = takes["rule"].default
    name = rule if isinstance(rule, str) else ""
    known = parameters_of(name, others) if name else ()
    for key in others:
        if key not in known:
            named = [k for k, p in takes.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
            kinds = {"model": named, "training": Settings.names()}
            kinds[f"rule {name}" if name else "rule (which --rule names)"] = known or ("none",)
            told = unknown("setting", key, dict.fromkeys((*named, *Settings.names(), *known)))
            choices = "; ".join(f"of the {kind}: {', '.join(names)}" for kind, names in kinds.items())
            raise SettingError(f"{path.stem}: {told.partition(' Choices: ')[0]} Choices {choices}")
    catalogue.rule(name, **others)  # (what the rule refuses is not the file's fault)
    return name, others


def _build(build: Callable[..., Any], path: Path, settings: dict[str, Any], takes: Any) -> Model:
    """Call build() with the settings that it takes, and the shape of the data set.

    Where no data set is named, build() chooses one, which is known only after it was called; if it
    then had another shape in mind it is called again.
    """
    given = {key: _several(value, takes.get(key)) for key, value in settings.items() if _accepts(takes, key)}
    asks = [key for key in ("input_shape", "classes") if key in takes and key not in given]
    if "data" in settings:
        return _call(build, path, given | _shape(asks, settings["data"]))
    must = [key for key in asks if takes[key].default is inspect.Parameter.empty]
    guess = _shape(must, Settings().data)
    model = _call(build, path, given | guess)
    told = _shape(asks, model.settings.data)
    thought = {key: guess.get(key, takes[key].default) for key in asks}
    return model if told == thought else _call(build, path, given | told)


def _several(value: Any, parameter: inspect.Parameter | None) -> Any:
    """Return what a parameter takes: one value for several, as in ``hidden=16``, is a row of one."""
    usual = None if parameter is None else parameter.default
    return (value,) if isinstance(usual, tuple) and isinstance(value, Real | str) else value


def _shape(asks: list[str], name: str) -> dict[str, Any]:
    """Return the properties of a data set that build() takes: ``input_shape`` and ``classes``."""
    if not asks:
        return {}
    described = data.describe(name)
    known = {"input_shape": described.shape, "classes": described.classes}
    return {key: known[key] for key in asks}


def _check_rule(rule: Any) -> None:
    if rule is not None and not isinstance(rule, LearningRule):
        catalogue.check_name(rule)


def _as_rule(rule: Any) -> Any:
    return catalogue.rule(rule) if isinstance(rule, str) else rule
