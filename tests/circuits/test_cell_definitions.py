"""Classes of cells that cannot be: each mistake is one sentence when the class is written down."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from corticalnet.circuits import cells, plasticity
from corticalnet.circuits.cells import Cell, State
from corticalnet.circuits.quantities import MV, Milliseconds, Millivolts, Pure
from tests.circuits.test_validation import refused

LEAKY = {"ports": {"prediction": "predict"}, "state": {"rate": 0.0}}


def move(self, cell, port, dt):
    return {"rate": port.prediction}


def define(types=None, **body):
    """A class of cells ``Made`` with these annotations and members."""
    return type(Cell)("Made", (Cell,), {"__annotations__": types or {}} | LEAKY | {"move": move} | body)


@pytest.mark.parametrize(("package", "base"), [(cells, "cells.Cell"), (plasticity, "plasticity.Plasticity")])
def test_a_file_of_the_folder_needs_no_other_line(package, base, tmp_path, monkeypatch):
    """Circuits in files find what it defines."""
    room, name = base.split(".")
    source = f"from corticalnet.circuits.{room} import {name}\n\n\nclass Fresh({name}):\n    "
    rest = {
        "Cell": 'state = {"rate": 0.0}',
        "Plasticity": "def eligibility(self, s, a, b, c):\n        return 0",
    }
    (tmp_path / "fresh_file.py").write_text(source + rest[name] + "\n")
    kinds = getattr(package, name).kinds
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    exec(Path(package.__file__).read_text(), vars(package))
    try:
        assert kinds.pop("Fresh").__module__ == f"{package.__name__}.fresh_file"
    finally:
        del sys.modules[f"{package.__name__}.fresh_file"], package.fresh_file


def test_the_plain_one_can_be():
    assert define({"tau": Milliseconds}, tau=3.0)().tau == 3.0


@pytest.mark.parametrize(
    ("message", "types", "body"),
    [
        ("Made: a parameter cannot be called 'rest', which is a method of every Cell; give it another name",
         {"rest": Millivolts}, {"rest": -70.0}),
        ("a parameter cannot be called 'title', which is a method of every Part",
         {"title": str}, {"title": ""}),
        ("cell Made: a parameter cannot be called 'fire', which is a phase", {"fire": Pure}, {"fire": 1.0}),
        ("cell Made: 'rate' is already a parameter, and cannot be a state too; rename one",
         {"rate": Pure}, {"rate": 1.0}),
        ("cell Made: 'rate' is already a state, and cannot be an input too; rename one",
         {}, {"inputs": {"rate": MV}}),
        ("Made: mutable default <class 'dict'> for field state", {"state": dict}, {}),
        ("cell Made: unknown phase 'predcit'; did you mean 'predict'?", {}, {"predcit": move}),
        ("cell Made: unknown phase 'fires'; did you mean 'fire'?", {}, {"fires": lambda self: 1}),
        ("cell Made: unknown phase 'run'; did you mean 'learn'? Choices: deliver, move, fire, predict",
         {}, {"run": move}),
        ("cell Made: phase 'move' is called with (self, cell, port, dt), but takes (self, cell)",
         {}, {"move": lambda self, cell: {}}),
        ("cell Made: 'move' is a phase, so it must be a method", {}, {"move": 3}),
        ("cell Made: ports must be {'name': the phase that delivers it, or ''}, not 'drive'",
         {}, {"ports": "drive"}),
        ("cell Made: ports must be {'name': the phase that delivers it, or ''}, not ('drive',)",
         {}, {"ports": ("drive",)}),
        ("unknown phase that delivers port 'drive' of Made 'predikt'; did you mean 'predict'?",
         {}, {"ports": {"drive": "predikt"}}),
        ("cell Made: the name of a port must be a word, not 'my drive'", {}, {"ports": {"my drive": ""}}),
        ("cell Made: state must be {'name': value at rest}, not ('rate',)", {}, {"state": ("rate",)}),
        ("cell Made: state 'rate' at rest must be a number or a State, not 'low'",
         {}, {"state": {"rate": "low"}}),
        ("cell Made: state 'rate' at rest must be a number or a State, not None",
         {}, {"state": {"rate": None}}),
        ("cell Made: the name of a state must be a word, not 'my rate'", {}, {"state": {"my rate": 0.0}}),
        ("cell Made: the name of a state must be a word, not 'lambda'", {}, {"state": {"lambda": 0.0}}),
        ("cell Made: 'dt' cannot be the name of a state", {}, {"state": {"dt": 0.0}}),
        ("cell Made: 'port_own' cannot be the name of a parameter", {"port_own": Pure}, {"port_own": 0.0}),
        ("cell Made: inputs must be {'name': unit}", {}, {"inputs": ("drive",)}),
        ("cell Made: inputs must be {'name': unit}", {}, {"inputs": {"drive": Millivolts}}),
        ("unknown output of Made 'rat'; did you mean 'rate'?", {}, {"output": "rat"}),
        ("cell Made has no state", {}, {"state": {}}),
    ],
)  # fmt: skip
def test_a_class_that_cannot_be(message, types, body):
    refused(message, lambda: define(types, **body))


@pytest.mark.parametrize(
    ("message", "body"),
    [
        ("cell Made, move: must return {'state': new value, ...}",
         {"move": lambda s, c, p, dt: p.prediction}),
        ("cell Made, move: returns nothing", {"move": lambda s, c, p, dt: None}),
        ("Made.rest() must return {state: number} for rate, not {'rat': 0.0}",
         {"rest": lambda self: {"rat": 0.0}}),
        ("Made.rest()['rate'] must be a finite number, not nan",
         {"rest": lambda self: {"rate": float("nan")}}),
        ("Made.rest()['rate'] must be a number, not 'low'", {"rest": lambda self: {"rate": "low"}}),
        ("a state's value at rest must be a finite number, not inf", {"state": {"rate": float("inf")}}),
    ],
)  # fmt: skip
def test_a_cell_that_cannot_be(message, body):
    refused(message, lambda: define({}, **body)())


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("a State has a Unit of corticalnet.circuits.quantities (ONE, MS, KHZ, MV, PA, NS, PF), not 'mV'",
         (-70.0, "mV")),
        ("a state's value at rest = '3 pA' is a current, but must be a voltage", ("3 pA", MV)),
        ("a state's value at rest must be a finite number (in mV), not nan mV", (float("nan"), MV)),
        ("whether a State is an event is True or False, not 'yes'", (0.0, MV, "yes")),
    ],
)  # fmt: skip
def test_states_that_cannot_be(message, arguments):
    refused(message, lambda: State(*arguments))


def test_what_cells_may_do():
    """Helpers of their own, parents' parameters with other defaults, and states that rest at a text."""

    class Base(Cell):
        tau: Milliseconds = 10.0
        ports = {"prediction": "predict"}
        state = {"rate": 0.0, "v": State("-0.07 V", MV)}

        def wanted(self, cell, port):
            return port.prediction - cell.rate

        def move(self, cell, port, dt):
            return {"rate": cell.rate + dt / self.tau * self.wanted(cell, port)}

    class Quick(Base):
        tau: Milliseconds = 2.0

        def wanted(self, cell, port):
            return 2.0 * super().wanted(cell, port)

    assert Quick().rest() == {"rate": 0.0, "v": -70.0}
    space = SimpleNamespace(rate=1.0), SimpleNamespace(prediction=2.0)
    assert Quick().move(*space, 1.0) == {"rate": 2.0}
    assert Base().move(*space, 1.0) == {"rate": 1.1}


def test_a_type_that_is_not_there():
    refused(
        "Made: the type 'Miliseconds' of a parameter cannot be found; import it at the top of the file",
        lambda: define({"tau": "Miliseconds"}, tau=3.0),
    )
