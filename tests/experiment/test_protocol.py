"""Protocols: what they compile to, worked by hand, and what each mistake says."""

import numpy as np
import pytest
import torch

from corticalnet.circuits import Circuit, MinimumDurations, Population
from corticalnet.circuits.cells import Clamped, Clock, Prediction, Sensory, Value
from corticalnet.errors import CorticalnetError, ProtocolError
from corticalnet.experiment.compiled import compile_protocol
from corticalnet.experiment.noise import Noise
from corticalnet.experiment.protocol import Present, Rest, SetInput, Teach
from corticalnet.experiment.stream import Stream

STIMULUS, TARGET = ("input.value", "stimulus"), ("output.value", "target")
CLAMPED, TEACHING = ("output.value", "clamped"), ("output.clock", "teaching")


def circuit(**changes):
    populations = [
        Population("input.value", 2, Sensory()),
        Population("area1.value", 3, Value()),
        Population("area1.prediction", 3, Prediction()),
        Population("output.value", 3, Clamped()),
        Population("output.clock", 1, Clock()),
    ]
    return Circuit(populations, **{"dt": 0.5, "name": "small", **changes})


def over_time(compiled, key):
    """A signal laid out: [T, B or 1, n or 1]."""
    signal = compiled.signals[key]
    return signal.patterns[signal.index]


def refused(message, protocol, on=None, error=ProtocolError, **options):
    with pytest.raises(error) as caught:
        compile_protocol(on or circuit(), protocol, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_trial_by_hand():
    compiled = compile_protocol(circuit(), [Present([1, 2], steps=2), Teach(1, ms="1.5 ms"), Rest(steps=1)])
    assert (compiled.steps, compiled.batch) == (6, 1)
    assert compiled.events == ((0, "present"), (2, "teach"), (5, "rest"))
    assert over_time(compiled, STIMULUS).squeeze().tolist() == [[1, 2]] * 5 + [[0, 0]]
    assert over_time(compiled, TARGET).squeeze().tolist() == [[0, 0, 0]] * 2 + [[0, 1, 0]] * 3 + [[0, 0, 0]]
    for key in (CLAMPED, TEACHING):
        assert over_time(compiled, key).squeeze().tolist() == [0, 0, 1, 1, 1, 0]
    assert compiled.noise == {}


def test_a_teacher_may_come_first_and_a_single_element_is_a_protocol():
    compiled = compile_protocol(circuit(), Teach([0.5, 0, -1.0], steps=2))
    assert over_time(compiled, TARGET).squeeze().tolist() == [[0.5, 0, -1]] * 2
    assert STIMULUS not in compiled.signals


def test_batches_shapes_and_tensors():
    images = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]], requires_grad=True)
    compiled = compile_protocol(circuit(), [Present(images, 1), Teach([2, 0], 1), Present([5, 6], 1)])
    assert compiled.batch == 2
    shown = over_time(compiled, STIMULUS).tolist()
    assert shown == [[[1, 2], [3, 4]], [[1, 2], [3, 4]], [[5, 6], [5, 6]]]
    assert over_time(compiled, TARGET)[1].tolist() == [[0, 0, 1], [1, 0, 0]]
    whole = compile_protocol(circuit(), [Teach(torch.tensor([2, 0]), 1), Teach(np.int64(1), 1)], batch=2)
    assert over_time(whole, TARGET)[1].tolist() == [[0, 1, 0]] * 2


def test_patterns_are_kept_once():
    compiled = compile_protocol(circuit(), [Present([1, 2], 100), Present([3, 4], 100)] * 3)
    signal = compiled.signals[STIMULUS]
    assert signal.patterns.shape == (2, 1, 2)
    assert signal.index.tolist() == ([0] * 100 + [1] * 100) * 3
    assert compiled.signals[CLAMPED].patterns.tolist() == [[[0]]]


def test_give_drives_by_name_and_leaves_the_rest():
    protocol = [
        Present([1, 2], 1),
        SetInput({"output.clock.teaching": 1, "output.value.target": [1, 2, 3]}, 2),
    ]
    compiled = compile_protocol(circuit(), protocol)
    assert over_time(compiled, STIMULUS).squeeze().tolist() == [[1, 2]] * 3
    assert over_time(compiled, TEACHING).squeeze().tolist() == [0, 1, 1]
    assert over_time(compiled, TARGET)[2].tolist() == [[1, 2, 3]]
    assert over_time(compiled, CLAMPED).squeeze().tolist() == [0, 0, 0]


def test_several_eyes():
    eyes = Circuit([Population("left.value", 1, Sensory()), Population("right.value", 2, Sensory())])
    compiled = compile_protocol(eyes, [Present({"right.value": [1, 2]}, 1), Present({"left.value": [3]}, 1)])
    assert over_time(compiled, ("right.value", "stimulus")).squeeze().tolist() == [[1, 2], [0, 0]]
    assert over_time(compiled, ("left.value", "stimulus")).squeeze().tolist() == [0, 3]
    refused("several populations take a stimulus", [Present([1], 1)], eyes)
    refused("choices: left.value, right.value", [Present([1], 1)], eyes)
    refused("did you mean 'left.value'?", [Present({"left": [1]}, 1)], eyes)


def test_streams_are_the_same_for_a_seed():
    stimuli, labels = np.arange(20.0).reshape(10, 2), np.arange(10) % 3

    def lengths(trials=10, seed=4):
        parts = Stream(stimuli[:trials], labels[:trials], present=(3, 9), teach=(2, 2), seed=seed).expand()
        assert [type(p) for p in parts] == [Present, Teach] * trials
        assert all(3 <= p.steps <= 9 for p in parts[::2])
        assert all(p.steps == 2 for p in parts[1::2])
        return [p.steps for p in parts]

    assert lengths() == lengths()
    assert lengths() != lengths(seed=5)
    assert lengths(trials=6) == lengths()[:12]
    assert len(set(lengths()[::2])) > 1
    stream = Stream(stimuli, labels, present=(3, 9), teach=(2, 2), seed=4)
    compiled = compile_protocol(circuit(), [stream])
    assert compiled.steps == sum(lengths())
    assert len(compiled.events) == 20
    assert compiled.signals[STIMULUS].patterns.shape == (10, 1, 2)
    assert compiled.signals[TARGET].patterns.shape == (4, 1, 3)  # three classes, and no teacher
    batched = Stream(np.ones((4, 5, 2)), np.zeros((4, 5), dtype=int), present=(1, 1), teach=(1, 1))
    assert compile_protocol(circuit(), [batched]).batch == 5


def test_streams_that_cannot_be():
    ones, lengths = np.ones((2, 2)), {"present": (1, 2), "teach": (1, 2)}
    for message, stimuli, changes in (
        ("shapes (3, 2) and (2,)", np.ones((3, 2)), {}),
        ("present = (2, 1) must not begin above its end", ones, {"present": (2, 1)}),
        ("present = 3 must be (least, greatest)", ones, {"present": 3}),
        ("teach must be a whole number from 1, not 0", ones, {"teach": (0, 1)}),
    ):
        with pytest.raises(ProtocolError) as caught:
            Stream(stimuli, [0, 1], **{**lengths, **changes})
        assert message in str(caught.value)


def test_noise_has_a_stream_for_each_port():
    one, other = Noise("area1.prediction", sd=0.5, seed=3), Noise("area1.value", "feedback")
    alone = compile_protocol(circuit(), [Present(np.ones((2, 2)), 400)], one).noise
    both = compile_protocol(circuit(), [Present(np.ones((2, 2)), 400)], [other, one]).noise
    key = ("area1.prediction", "prediction")
    assert alone.keys() == {key}
    drawn = alone[key].table(0, 400, 2, 3)
    assert drawn.shape == (400, 2, 3)
    assert np.array_equal(drawn, both[key].table(0, 400, 2, 3))
    assert drawn.std() == pytest.approx(0.5, rel=0.1)
    assert len(np.unique(drawn)) == drawn.size  # another number for each step, sample and cell
    later, other = (one.draw(10, 2, 3, dt=0.5, seed=seed, begin=390) for seed in (0, 1))
    assert np.array_equal(later, drawn[390:])
    assert not np.isin(other, drawn).any()
    assert not np.allclose(drawn, 50 * both["area1.value", "feedback"].table(0, 400, 2, 3))
    assert not np.array_equal(one.draw(4, 1, 3), Noise("area1.prediction", sd=0.5, seed=4).draw(4, 1, 3))
    assert np.array_equal(one.draw(4, 1, 3), one.draw(9, 1, 3)[:4])
    shown = [Present([1, 2], 1)]
    refused("unknown population of Noise 'area2'", shown, noise=[Noise("area2")])
    refused("unknown port of Noise on 'area1.value' 'prediction'", shown, noise=[Noise("area1.value")])
    refused("Choices: none", shown, noise=[Noise("input.value", "none")])
    refused("is given twice", shown, noise=[one, one])
    for wrong in ({"sd": -1}, {"sd": float("nan")}, {"seed": -1}):
        with pytest.raises(ProtocolError, match=next(iter(wrong))):
            Noise("area1.value", **wrong)


def test_phases_as_long_as_the_circuit_needs():
    needy = circuit(needs=MinimumDurations(present=4, teach=3))
    good = [Present([1, 2], 4), Teach(0, 3), Rest(1), Present([1, 2], 1)]
    assert compile_protocol(needy, good).steps == 9
    shown = (
        "element 2 of the protocol (Present) lasts 3 steps, but must last at least 4: the error needs 4 steps"
    )
    refused(shown, [Rest(1), Present([1, 2], 3), Teach(0, 3)], needy)
    taught = (
        "element 2 of the protocol (Teach) lasts 2 steps, but must last at least 3: the error needs 3 steps"
    )
    refused(taught, [Present([1, 2], 4), Teach(0, 2)], needy)
    assert compile_protocol(needy, [Present([1, 2], 1), Teach(0, 1)], check=False).steps == 2
    given = SetInput({"output.clock.teaching": 0}, 2)
    assert compile_protocol(needy, [Present([1, 2], 2), given, Teach(0, 1), given]).steps == 7
    stream = Stream(np.ones((3, 2)), [0, 1, 2], present=(4, 4), teach=(2, 2))
    refused("element 1 of the protocol (Stream), trial 1, teach, lasts 2 steps", [stream], needy)


@pytest.mark.parametrize(
    ("message", "protocol"),
    [
        ("the protocol is empty", []),
        ("element 1 of the protocol: unknown kind 'dict'", [{"a": 1}]),
        (
            "element 2 of the protocol (Present): stimulus of 'input.value' has shape (3,), "
            "but must have (2,) or (batch, 2)",
            [Rest(1), Present([1, 2, 3], 1)],
        ),
        ("has shape (2, 3)", [Present(np.ones((2, 3)), 1)]),
        ("has shape ()", [Present(1.0, 1)]),
        ("has shape (0, 2)", [Present(np.ones((0, 2)), 1)]),
        ("is no full array of numbers", [Present([[1], [1, 2]], 1)]),
        ("holds no numbers", [Present("face", 1)]),
        ("has a value that is not finite", [Present([1, np.nan], 1)]),
        ("target of 'output.value' is class 3, but its 3 cells stand for classes 0 to 2", [Teach(3, 1)]),
        ("is class -1", [Present(np.ones((2, 2)), 1), Teach([0, -1], 1)]),
        (
            "2 whole numbers are neither a class for each of 1 sample nor a vector for its 3 cells",
            [Teach([0, 1], 1)],
        ),
        ("must be a class (a whole number from 0 to 2), not True", [Teach(True, 1)]),
        ("target of 'output.value' has shape (2,)", [Teach([0.0, 1.0], 1)]),
        (
            "element 2 of the protocol (Present): 'input.value.stimulus' has a batch of 3, "
            "but element 1 of the protocol (Present) has one of 2",
            [Present(np.ones((2, 2)), 1), Present(np.ones((3, 2)), 1)],
        ),
        (
            "element 2 of the protocol (Teach): 'output.value.target' has a batch of 4, "
            "but the stimuli have one of 2",
            [Present(np.ones((2, 2)), 1), Teach(np.ones((4, 3)), 1)],
        ),
        ("did you mean 'input.value.stimulus'?", [SetInput({"input.value.stimuls": 1}, 1)]),
        ("input.value.stimulus has shape (3,)", [SetInput({"input.value.stimulus": [1, 2, 3]}, 1)]),
        ("lasts 0.7 ms, which is no whole number of steps of 0.5 ms", [Rest(ms=0.7)]),
        ("lasts 0 ms", [Rest(ms=0)]),
        ("lasts inf ms", [Rest(ms="inf ms")]),
    ],
)
def test_what_does_not_fit(message, protocol):
    refused(message, protocol)


def test_nobody_listens():
    deaf = Circuit([Population("area1.value", 3, Value())], name="deaf")
    refused("no population of circuit 'deaf' takes a stimulus", [Present([1], 1)], deaf)
    refused("no population of circuit 'deaf' takes a target", [Teach(0, 1)], deaf)
    refused("Choices: none", [SetInput({"none": 0}, 1)], deaf)
    assert compile_protocol(deaf, [Rest(3)]).signals == {}


@pytest.mark.parametrize(
    ("message", "make"),
    [
        ("exactly one", lambda: Present([1])),
        ("exactly one", lambda: Rest(3, ms=3)),
        ("Teach: steps must be a whole number from 1, not 0", lambda: Teach(0, 0)),
        ("not 1.5", lambda: Rest(1.5)),
        ("not True", lambda: Rest(True)),
        ("Rest: ms", lambda: Rest(ms="3 mV")),
        ("population.input", lambda: SetInput(3, 1)),
    ],
)
def test_elements_that_cannot_be(message, make):
    with pytest.raises(CorticalnetError) as caught:
        make()
    assert message in str(caught.value)
