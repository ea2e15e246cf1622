"""The JSON Schema of circuit files, read off the classes that read them: keys, types, units and ranges.

json_schema()           what the documentation site holds as circuit.schema.json
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from corticalnet.circuits.cells import Cell
from corticalnet.circuits.description import CircuitAbout
from corticalnet.circuits.formats import FORMAT
from corticalnet.circuits.parameters import Parameter, Part, declared
from corticalnet.circuits.plasticity import Plasticity
from corticalnet.circuits.quantities import ONE
from corticalnet.circuits.serialisation import CONNECTIONS

_TYPES = {float: "number", int: "integer", bool: "boolean", str: "string"}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the JSON file of a circuit.

    A cell or plasticity of the package has the parameters of its class; one of another kind, which a module
    of the user's own defines, may have any.

    >>> json_schema()["$defs"]["Value"]["properties"]["tau"]["unit"]
    'ms'
    """
    schema = CircuitAbout.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = f"Circuit of corticalnet, format {FORMAT}"
    kinds = [k for family in (Cell, Plasticity) for k in family.kinds.values() if _ours(k)]
    for kind in kinds:
        schema["$defs"][kind.__name__] = _parameters(kind)
    schema["$defs"]["KindAbout"]["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": kind.__name__}}},
            "then": {"properties": {"parameters": {"$ref": f"#/$defs/{kind.__name__}"}}},
        }
        for kind in kinds
    ]
    schema["$defs"]["ConnectionAbout"]["properties"]["kind"]["enum"] = [k.__name__ for k in CONNECTIONS]
    return schema


def _ours(kind: type[Part]) -> bool:
    return kind.__module__.startswith("corticalnet.") and kind.__name__.isidentifier()


def _parameters(kind: type[Part]) -> dict[str, Any]:
    """Return the schema of the parameters of a class."""
    known, default = declared(kind), kind()
    divisors = set(default.divisors())
    return {
        "type": "object",
        "description": (kind.__doc__ or "").strip().splitlines()[0],
        "properties": {
            name: _parameter(one, getattr(default, name), name in divisors) for name, one in known.items()
        },
        "required": list(known),
        "additionalProperties": False,
    }


def _parameter(one: Parameter, default: Any, divides: bool) -> dict[str, Any]:
    """Return the schema of a parameter; one that equations divide by is not 0."""
    kind = float if one.unit is not None else one.kind
    found: dict[str, Any] = {"default": default} | ({"type": _TYPES[kind]} if kind in _TYPES else {})
    if one.unit not in (None, ONE):
        assert one.unit is not None, "just asked"
        found["unit"] = one.unit.symbol
    if kind is float or kind is int:
        bound = one.range
        if isfinite(bound.least):
            beyond = bound.above or (divides and bound.least == 0)
            found["exclusiveMinimum" if beyond else "minimum"] = bound.least
        if isfinite(bound.most):
            found["maximum"] = bound.most
        if bound.whole:
            found["multipleOf"] = 1
    return found
