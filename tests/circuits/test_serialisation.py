"""Circuits in files: what comes back prints and runs the same, bit for bit; damage is one sentence."""

import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.torch import save as torch_pack

from corticalnet.circuits import (
    Broadcast,
    Circuit,
    MinimumDurations,
    OneToOne,
    Population,
    Projection,
    Synapses,
    Wire,
    formats,
    json_schema,
)
from corticalnet.circuits.cells import Cell, Clamped, Clock, Error, Prediction, Sensory, Value
from corticalnet.circuits.connection import AllToAll
from corticalnet.circuits.plasticity import ErrorTimesRate
from corticalnet.circuits.serialisation import arrays_of, from_dict
from corticalnet.engines import simulate
from corticalnet.errors import CircuitError, CircuitWarning
from corticalnet.experiment.protocol import Present, Teach
from corticalnet.recordings.reading import weight_change

RNG = np.random.default_rng(5)
#: A kernel of two weights over four inputs, as a convolution shares it; weight 2 has no synapse.
KERNEL = Synapses(
    np.array([0, 1, 1, 2, 2, 3]), np.array([0, 0, 1, 1, 2, 2]), weight_index=np.array([0, 1] * 3), count=3
)


def circuit():
    areas = (("area1", 3, Value(tau="2 ms", activation="tanh")), ("output", 3, Clamped()))
    populations, wires = [Population("input.value", 4, Sensory())], []
    for area, n, value in areas:
        cells = {"value": value, "prediction": Prediction(), "error": Error()}
        populations += [Population(f"{area}.{role}", n, cell) for role, cell in cells.items()]
        wires += [
            Wire(f"{area}.value", f"{area}.error", "change", sends="change"),
            Wire(f"{area}.prediction", f"{area}.error", "change", sends="shift", weight=-1.0),
            Wire(f"{area}.error", f"{area}.value", "error"),
            Wire(f"{area}.error", f"{area}.prediction", "error"),
        ]
    populations.append(Population("clock", 1, Clock(first=0, last=2)))
    learns = ErrorTimesRate(0.3, trigger="clock")
    projections = [
        Projection("input.value", "area1.prediction", "prediction", RNG.normal(size=3), KERNEL, name="kernel",
                   plasticity=learns),
        Projection("area1.value", "output.prediction", "prediction", RNG.normal(size=(3, 3)), name="dense",
                   plasticity=ErrorTimesRate(trigger="clock")),
        Projection("output.error", "area1.value", "feedback", name="back", shared_with="dense", delay="1 ms"),
        Projection("output.error", "area1.value", "feedback", 0.125, OneToOne(), name="one"),
    ]  # fmt: skip
    broadcast = Broadcast("clock", ["kernel", "dense"], "tick")
    return Circuit(populations, projections, wires, [broadcast], 0.5, "small", MinimumDurations(2, 3))


def tied():
    """Feedback runs back along listed synapses that share weights."""
    populations = [
        Population("below.value", 4, Value()),
        Population("area.prediction", 3, Prediction()),
        Population("area.error", 3, Error()),
        Population("eye", 4, Sensory()),
    ]
    up = Projection("eye", "area.prediction", "prediction", RNG.normal(size=3), KERNEL, name="up",
                    plasticity=ErrorTimesRate())  # fmt: skip
    down = Projection("area.error", "below.value", "feedback", name="down", shared_with="up")
    wires = [
        Wire("area.prediction", "area.error", "change", sends="shift"),
        Wire("area.error", "area.prediction", "error"),
    ]
    return Circuit(populations, [up, down], wires)


def ran(made):
    protocol = [Present(np.linspace(-1, 1, 8).reshape(2, 4), 4)]
    if made.name == "small":
        protocol.append(Teach([2, 0], 5))
    return simulate(made, protocol)


@pytest.mark.parametrize("make", [circuit, tied])
def test_what_comes_back_prints_and_runs_the_same(make, tmp_path):
    made = make()
    made.save(tmp_path / "columns")
    assert {p.name for p in tmp_path.iterdir()} == {"columns.json", "columns.safetensors"}
    again = Circuit.load(tmp_path / "columns")
    assert str(again) == str(made)
    assert again.to_dict() == made.to_dict()
    assert (again.needs, again.dt, again.name) == (made.needs, made.dt, made.name)
    first, second = ran(made), ran(again)
    xr.testing.assert_identical(first, second)
    learned = next(p.name for p in made.plastic)
    assert abs(weight_change(first, learned)).max() > 0.01
    assert str(Circuit.load(tmp_path / "columns.json")) == str(made)


def test_the_description_is_json_without_arrays():
    content = json.loads(json.dumps(circuit().to_dict()))
    assert content["schedule"][0] == "deliver"
    assert (content["format"], content["corticalnet"]) == (2, "0.1.0")
    assert content["units"] == {"dt": "ms", "delay": "ms"}
    assert content["needs"] == {"present": 2, "teach": 3}
    assert content["populations"][1] == {
        "name": "area1.value", "n": 3,
        "cell": {
            "kind": "Value", "parameters": {"tau": 2.0, "activation": "tanh"}, "units": {"tau": "ms"},
        },
    }  # fmt: skip
    kernel, _, back, one = content["projections"]
    assert kernel["connection"] == {"kind": "Synapses", "count": 3}
    assert kernel["plasticity"] == {
        "kind": "ErrorTimesRate",
        "parameters": {"rate": 0.3, "trigger": "clock", "modulator": "", "consolidation": "", "memory": 0.0},
        "units": {"memory": "ms"},
    }
    assert (back["shared_with"], back["delay"], back["connection"]) == ("dense", 1.0, None)
    assert one["connection"] == {"kind": "OneToOne"}
    assert content["wires"][1] == {
        "source": "area1.prediction", "target": "area1.error", "port": "change", "sends": "shift",
        "weight": -1.0,
    }  # fmt: skip
    assert content["broadcasts"] == [
        {
            "source": "clock",
            "targets": ["kernel", "dense"],
            "sends": "tick",
            "name": "clock",
            "port": "clock",
        }
    ]


def refused(message, function, *arguments):
    with pytest.raises(CircuitError) as caught:
        function(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_missing_or_damaged(tmp_path):
    path = tmp_path / "columns"
    refused("columns.json: No such file or directory", Circuit.load, path)
    circuit().save(path)
    text, numbers = path.with_suffix(".json"), path.with_suffix(".safetensors")
    described, packed = text.read_bytes(), numbers.read_bytes()
    for broken in (b"", b"[]", b"\xff\xfe", described[: len(described) // 2]):
        text.write_bytes(broken)
        refused("columns.json is damaged, or no circuit of corticalnet", Circuit.load, path)
    text.write_bytes(described)
    flipped = bytearray(packed)
    flipped[-1] ^= 1
    for broken in (b"", packed[:-8], bytes(flipped)):
        numbers.write_bytes(broken)
        refused("columns.safetensors is damaged, or does not belong to columns.json", Circuit.load, path)
    numbers.unlink()
    refused("columns.safetensors: No such file or directory", Circuit.load, path)
    tied().save(tmp_path / "other")
    numbers.write_bytes((tmp_path / "other.safetensors").read_bytes())
    refused("does not belong to columns.json", Circuit.load, path)
    refused("cannot write", circuit().save, tmp_path / "nowhere" / "columns")


@pytest.mark.parametrize("name", [".columns.json.part", "columns.json", "columns.safetensors"])
def test_saving_writes_through_no_link(tmp_path, name):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / name).symlink_to(tmp_path / "precious")
    circuit().save(tmp_path / "columns")
    assert (tmp_path / "precious").read_text() == "precious"
    assert str(Circuit.load(tmp_path / "columns")) == str(circuit())


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "columns.json")
    refused("columns.json: not a regular file", Circuit.load, tmp_path / "columns")


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("population 'area1.value': unknown cell kind 'Valeu'; did you mean 'Value'?",
         lambda c: c["populations"][1]["cell"].update(kind="Valeu")),
        ("projection 'kernel': unknown plasticity kind 'Telepathy'",
         lambda c: c["projections"][0]["plasticity"].update(kind="Telepathy")),
        ("; a plasticity of your own is known once its module is imported",
         lambda c: c["projections"][0]["plasticity"].update(kind="Telepathy")),
        ("unknown connection kind of projection 'dense' 'Dense'",
         lambda c: c["projections"][1]["connection"].update(kind="Dense")),
        ("lacks 'populations'", lambda c: c.pop("populations")),
        ("lacks 'kind'", lambda c: c["populations"][0]["cell"].pop("kind")),
        ("population 'area1.value': parameter 'tau' of Value is missing",
         lambda c: c["populations"][1]["cell"]["parameters"].pop("tau")),
        ("population 'area1.value': Value.tau must be more than 0 ms, and finite, not nan ms",
         lambda c: c["populations"][1]["cell"]["parameters"].update(tau=float("nan"))),
        ("population 'area1.value': Value.tau must be a number (in ms) or a text like '10 ms', not True",
         lambda c: c["populations"][1]["cell"]["parameters"].update(tau=True)),
        ("projection 'kernel': ErrorTimesRate.rate must be 0 or more, and finite, not -1",
         lambda c: c["projections"][0]["plasticity"]["parameters"].update(rate=-1)),
        ("population 'clock' can have 2,147,483,647 cells at most",
         lambda c: c["populations"][7].update(n=10**30)),
        ("population 'area1.value': unknown parameter of Value 'colour'. Choices: tau, activation",
         lambda c: c["populations"][1]["cell"]["parameters"].update(colour=3)),
        ("does not fit", lambda c: c["wires"][0].update(length=3)),
        ("written in format 3 by corticalnet 9.9; this is corticalnet 0.1.0, which reads formats up to 2",
         lambda c: c.update(format=3, corticalnet="9.9")),
        ("'format' is True; it must be a whole number from 1", lambda c: c.update(format=True)),
        ("'units' is {'dt': 's', 'delay': 'ms'}", lambda c: c.update(units={"dt": "s", "delay": "ms"})),
        ("population 'area1.value': Value.tau = '2.0 mV' is a voltage, but must be a time",
         lambda c: c["populations"][1]["cell"].update(units={"tau": "mV"})),
        ("unknown parameter of Value with a unit 'activation'",
         lambda c: c["populations"][1]["cell"].update(units={"activation": "ms"})),
    ],
)  # fmt: skip
def test_descriptions_of_what_is_not_known(message, change):
    made = circuit()
    content = made.to_dict()
    change(content)
    refused(message, from_dict, content, arrays_of(made), Circuit)


@pytest.mark.parametrize("missing", ["kernel.weight", "kernel.pre", "kernel.index", "one.weight"])
def test_a_missing_array(missing):
    made = circuit()
    arrays = arrays_of(made)
    del arrays[missing]
    name = missing.partition(".")[0]
    refused(
        f"projection '{name}': its array '{missing}' is missing", from_dict, made.to_dict(), arrays, Circuit
    )


class Odd(AllToAll):
    """A kind of connection that files do not know."""


class Remembering(Cell):
    """A parameter that JSON cannot hold."""

    memory: object = None
    state = {"rate": 0.0}


def test_what_cannot_be_written(tmp_path):
    ends = [Population("a", 1, Sensory()), Population("b", 1, Prediction())]
    odd = Circuit(ends, [Projection("a", "b", "prediction", 1.0, Odd())])
    refused(
        "unknown connection kind of projection 'a->b' 'Odd'. Choices: AllToAll", odd.save, tmp_path / "odd"
    )
    strange = Circuit([Population("a", 1, Remembering(memory={1}))], name="strange")
    refused("circuit 'strange' cannot be written as JSON", strange.save, tmp_path / "strange")
    assert list(tmp_path.iterdir()) == []


VALUES = [
    ("dt", "1 ms", "'dt' is '1 ms'; it should be a valid number"),
    ("dt", 0, "'dt' is 0; it should be greater than 0"),
    ("dt", float("nan"), "'dt' is nan; it should be a finite number"),
    ("name", 3, "'name' is 3; it should be a valid string"),
    ("needs.teach", -1, "'needs.teach' is -1; it should be greater than or equal to 0"),
    ("schedule", "deliver", "'schedule' is 'deliver'; it should be a valid list"),
    ("populations", {}, "'populations' is {}; it should be a valid list"),
    ("populations.0.n", "4", "'populations.0.n' is '4'; it should be a valid integer"),
    ("populations.0.n", True, "'populations.0.n' is True; it should be a valid integer"),
    ("populations.1.cell", None, "'populations.1.cell' is None"),
    ("populations.1.cell.parameters", [], "'populations.1.cell.parameters' is []"),
    ("projections.0.delay", -1, "'projections.0.delay' is -1; it should be greater than or equal to 0"),
    ("projections.0.source", None, "'projections.0.source' is None"),
    ("projections.0.connection.count", 1.5, "'projections.0.connection.count' is 1.5"),
    ("projections.0.plasticity", "yes", "'projections.0.plasticity' is 'yes'"),
    ("wires.0.weight", "1", "'wires.0.weight' is '1'; it should be a valid number"),
    ("wires.0.length", 3, "it has an unknown 'length' in 'wires.0'"),
    ("broadcasts.0.targets", "kernel", "'broadcasts.0.targets' is 'kernel'; it should be a valid list"),
]


@pytest.mark.parametrize(("key", "value", "message"), VALUES, ids=[f"{k} {v}" for k, v, _ in VALUES])
def test_values_of_another_type_are_told_with_their_place(key, value, message):
    made = circuit()
    content = _changed(made.to_dict(), key, value)
    refused(message, from_dict, content, arrays_of(made), Circuit)


def test_arrays_that_the_circuit_would_not_have_written():
    made = circuit()
    sound = arrays_of(made)
    for name, array, message in (
        ("dense.weight", sound["dense.weight"].astype(int), "its array 'dense.weight' is of int64"),
        ("dense.weight", sound["dense.weight"].astype(complex), "its array 'dense.weight' is of complex128"),
        ("dense.weight", sound["dense.weight"][:2], "weights have shape (2, 3)"),
        ("dense.weight", sound["dense.weight"] * np.inf, "a weight is not finite"),
        ("kernel.pre", sound["kernel.pre"].astype(float), "its array 'kernel.pre' is of float64"),
        ("kernel.pre", sound["kernel.pre"] + 9, "pre index 12 in a population of 4 cells"),
        ("kernel.more", sound["kernel.pre"], "array 'kernel.more' belongs to no part of the circuit"),
        ("dense.weight", np.array(1.0), "its array 'dense.weight' is a single number"),
        ("kernel.pre", sound["kernel.pre"].reshape(2, 3), "synapses: pre must be a list of whole numbers"),
        ("back.weight", sound["dense.weight"], "array 'back.weight' belongs to no part of the circuit"),
    ):
        refused(message, from_dict, made.to_dict(), sound | {name: array}, Circuit)


def test_a_key_that_comes_twice(tmp_path):
    circuit().save(tmp_path / "c")
    text = tmp_path / "c.json"
    text.write_text(text.read_text().replace('"dt": 0.5', '"dt": 0.5, "dt": 0.25'))
    refused("c.json is damaged, or no circuit", Circuit.load, tmp_path / "c")


def test_kinds_that_have_been_defined_again_are_not_written():
    """They would be read as something else."""

    def define(size):
        class Again(Cell):
            state = {"rate": size}

        return Again()

    first, second = define(0.0), define(1.0)
    assert Circuit([Population("a", 1, second)]).to_dict()["populations"][0]["cell"]["kind"] == "Again"
    refused(
        "another cell called 'Again' has been defined since", Circuit([Population("a", 1, first)]).to_dict
    )


def test_sound_files_of_something_else(tmp_path):
    circuit().save(tmp_path / "c")
    text, numbers = tmp_path / "c.json", tmp_path / "c.safetensors"
    described = json.loads(text.read_text())
    packed = torch_pack(
        {"dense.weight": torch.zeros(3, 3, dtype=torch.bfloat16)}
    )  # NumPy has no such numbers
    for changed in (packed, b"nothing"):
        numbers.write_bytes(changed)
        text.write_text(json.dumps(described | {"arrays": f"{zlib.crc32(changed):08x}"}))
        refused("c.safetensors is damaged", Circuit.load, tmp_path / "c")
    text.write_text("[" * 100_000)
    refused("c.json is damaged, or no circuit", Circuit.load, tmp_path / "c")


# Files of other versions -------------------------------------------------------------------------
FILES = Path(__file__).parent / "files"


def test_a_file_of_format_1_opens_and_is_written_as_one_of_format_2(tmp_path):
    """As this version's own circuit of the same numbers, which draws from the same generator."""
    old = Circuit.load(FILES / "format_1")
    before = json.loads((FILES / "format_1.json").read_text())
    assert not {"format", "corticalnet", "units", "timed"} & before.keys()
    assert old.timed
    assert [p.name for p in old.populations] == [p["name"] for p in before["populations"]]
    assert old.population("area1.value").cell == Value(tau=2.0, activation="tanh")
    old.save(tmp_path / "new")
    again = Circuit.load(tmp_path / "new")
    assert json.loads((tmp_path / "new.json").read_text())["format"] == 2
    assert (str(again), again.to_dict()) == (str(old), old.to_dict())
    xr.testing.assert_identical(ran(old), ran(again))


def test_renaming_a_phase_leaves_files_readable(monkeypatch):
    made = circuit()
    content, arrays = made.to_dict(), arrays_of(made)
    content["schedule"] = ["deliver", "shift", *content["schedule"][2:]]
    with pytest.warns(
        CircuitWarning, match=r"saved by corticalnet 0\.1\.0, whose step had the phases deliver, sh"
    ):
        assert str(from_dict(content, arrays, Circuit)) == str(made)
    monkeypatch.setitem(formats.RENAMED_PHASES, "shift", "move")  # then it is known, and nothing is said
    assert str(from_dict(content, arrays, Circuit)) == str(made)


def test_a_parameter_that_an_older_version_did_not_know():
    made = circuit()
    content, arrays = made.to_dict(), arrays_of(made)
    content["corticalnet"] = "0.0.9"
    del content["populations"][1]["cell"]["parameters"]["activation"]
    with pytest.warns(CircuitWarning, match="Value was saved by another version, without 'activation'"):
        old = from_dict(content, arrays, Circuit)
    assert old.population("area1.value").cell == Value(tau=2.0)


def test_numbers_in_other_units_are_converted():
    made = circuit()
    content = made.to_dict()
    content["populations"][1]["cell"].update(
        parameters={"tau": 0.002, "activation": "tanh"}, units={"tau": "s"}
    )
    assert from_dict(content, arrays_of(made), Circuit).to_dict() == made.to_dict()


def test_the_schema_is_that_of_the_files():
    """By another tool: what is written fits, and each mistake above that is one of form does not."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    valid = jsonschema.Draft202012Validator(schema).is_valid
    for made in (circuit(), tied()):
        assert valid(json.loads(json.dumps(made.to_dict())))
    for key, value, _ in VALUES:
        if value == value:  # (JSON has no nan)
            assert not valid(_changed(circuit().to_dict(), key, value)), key
    for key, value in (
        ("populations.1.cell.parameters.tau", 0.0), ("populations.1.cell.parameters.tau", "2 ms"),
        ("populations.7.cell.parameters.first", 0.5), ("projections.1.connection.kind", "Dense"),
        ("projections.0.plasticity.parameters.colour", 3), ("format", 0),
    ):  # fmt: skip
        assert not valid(_changed(circuit().to_dict(), key, value)), key
    own = _changed(circuit().to_dict(), "populations.1.cell", {"kind": "Mine", "parameters": {"x": [1]}})
    assert valid(own)  # a kind of the user's own may have any parameters
    assert schema["$defs"]["LIF"]["properties"]["tau"] == {
        "default": 20.0, "type": "number", "unit": "ms", "exclusiveMinimum": 0.0
    }  # fmt: skip


def _changed(content, key, value):
    content = json.loads(json.dumps(content))
    *way, last = [int(word) if word.isdigit() else word for word in key.split(".")]
    inside = content
    for word in way:
        inside = inside[word]
    inside[last] = value
    return content
