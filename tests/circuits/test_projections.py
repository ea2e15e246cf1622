"""Projections that cannot be: one sentence each; and what their weights, delays and synapses may be."""

import numpy as np
import pytest
import torch

from corticalnet.circuits import Circuit, OneToOne, Population, Projection, Synapses
from corticalnet.circuits.cells import Cell, State
from corticalnet.circuits.plasticity import ErrorTimesRate, Plasticity
from corticalnet.circuits.quantities import MV, PA
from tests.circuits.test_validation import circuit, refused, up


class Electrode(Cell):
    """Sends a current, or a voltage."""

    state = {"current": State(0.0, PA), "voltage": State(0.0, MV)}


class Membrane(Cell):
    """Takes a current."""

    ports = {"prediction": "predict"}
    state = {"voltage": State(-70.0, MV)}

    @classmethod
    def port_units(cls):
        return {"prediction": PA}


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (
            "unknown source of projection 'belov.value->area.prediction' 'belov.value'; "
            "did you mean 'below.value'? Choices: below.value, area.value",
            {"source": "belov.value"},
        ),
        ("unknown target of projection 'up' 'area9'", {"target": "area9", "name": "up"}),
        (
            "->area.prediction': unknown port of Prediction 'predict'; did you mean 'prediction'?",
            {"port": "predict"},
        ),
        ("port of a projection must be a text, not 3", {"port": 3}),
        ("unknown port of Prediction 'feedback'. Choices: prediction, error, phi", {"port": "feedback"}),
        ("unknown state of Value 'rat'; did you mean 'rate'? Choices: value, change, rate", {"sends": "rat"}),
        ("weights have shape (2, 3), but must have (3, 2) (post, pre)", {"weight": np.ones((2, 3))}),
        ("projection 'below.value->area.prediction': a weight is not finite", {"weight": np.nan}),
        ("a weight is not finite", {"weight": np.array([[1, 2], [3, np.inf], [5, 6]])}),
        ("weights must be numbers", {"weight": "strong"}),
        ("weights must be numbers: not complex128", {"weight": np.full((3, 2), 1j)}),
        ("weights must be numbers: not <U1", {"weight": np.full((3, 2), "1")}),
        ("weights must be numbers", {"weight": [[1, 2], [3]]}),
        ("delay must be a number (in ms) or a text like '10 ms', not True", {"delay": True}),
        ("delay must be 0 ms or more, and finite, not nan ms", {"delay": float("nan")}),
        ("is made of a Connection, not 'one to one'", {"connection": "one to one"}),
        ("OneToOne'>; did you mean OneToOne()?", {"connection": OneToOne}),
        ("is made of a Plasticity, not 'hebb'", {"plasticity": "hebb"}),
        ("sends of a projection must be a text, not 3", {"sends": 3}),
        ("needs weights, or shared_with", {"weight": None}),
        ("delay must be 0 ms or more, and finite, not -1 ms", {"delay": -1}),
        ("delay must be 0 ms or more, and finite, not inf", {"delay": "inf ms"}),
        ("delay = '3 mV' is a voltage, but must be a time", {"delay": "3 mV"}),
        ("delay 0.7 ms is no multiple of dt = 0.5 ms; choose 0.5 or 1 ms", {"delay": 0.7}),
        ("one to one needs populations of one size, not 2 and 3 cells", {"connection": OneToOne()}),
        (
            "projection 'below.value->area.prediction': synapses: pre index 2 in a population of 2 cells",
            {"connection": Synapses(np.array([0, 2]), np.array([0, 1]))},
        ),
        ("synapses: post index 3", {"connection": Synapses([0, 1], [0, 3])}),
        (
            "weights have shape (2,), but must have (4,)",
            {"connection": Synapses([0, 1], [0, 1], weight_index=[0, 1], count=4), "weight": np.ones(2)},
        ),
        (
            "unknown projection that projection 'back' shares weights with 'nix'",
            {"name": "back", "weight": None, "shared_with": "nix"},
        ),
        ("unknown projection that projection 'below.value->area.prediction'", {"shared_with": "nix"}),
        (
            "and only that may change them",
            {"shared_with": "nix", "weight": None, "plasticity": ErrorTimesRate()},
        ),
    ],
)
def test_projections(message, changes):
    refused(message, lambda: circuit(projections=[up(**changes)], dt=0.5))


def test_weights_of_torch_are_weights():
    weight = torch.nn.Parameter(torch.full((3, 2), 0.1))
    assert circuit(projections=[up(weight=weight)]).projections[0].weight.tolist() == weight.tolist()


def test_delays_that_are_whole_steps_pass():
    assert circuit(projections=[up(delay="1.5 ms")], dt=0.5).delay_steps(up(delay=1.5)) == 3
    assert circuit(projections=[up(delay=0.3)], dt=0.1).delay_steps(up(delay=0.3)) == 3  # 0.3 / 0.1 is not 3


class Moved(Plasticity):
    """Learns by how far the presynaptic value moved, and by what that cell sends."""

    def eligibility(self, synapse, pre, post, port):
        return port.error * (pre.change + pre.rate)


def test_a_projection_carries_what_is_sent_and_what_is_learnt_by():
    made = circuit(projections=[up(name="up", plasticity=Moved(), delay=2, sends="value")])
    assert made.carried(made.projection("up")) == ["value", "change", "rate"]
    assert circuit(projections=[plain := up(delay=2)]).carried(plain) == ["rate"]


def test_two_projections_of_one_name():
    refused(
        "two projections are called 'below.value->area.prediction'", lambda: circuit(projections=[up(), up()])
    )


def test_weights_that_are_shared_run_the_other_way():
    def back(**changes):
        return Projection("area.error", "below.value", "feedback", name="back", **changes)

    assert circuit(projections=[up(name="up"), back(shared_with="up")]).weights.keys() == {"up"}
    wrong = Projection("area.error", "area.value", "feedback", name="back", shared_with="up")
    refused(
        "projection 'back' runs from 3 to 3 cells, so it cannot run back along 'up', "
        "whose way back is from 3 to 2",
        lambda: circuit(projections=[up(name="up"), wrong]),
    )
    forth = Projection("below.value", "area.prediction", "prediction", name="again", shared_with="back")
    refused(
        "so it cannot run back along 'back'",
        lambda: circuit(projections=[up(name="up"), back(shared_with="up"), forth]),
    )


@pytest.mark.parametrize(
    ("message", "index"),
    [
        ("synapses: 2 pre, 3 post and 2 weight indices", ([0, 1], [0, 1, 2])),
        ("synapses: 2 pre, 2 post and 1 weight indices", ([0, 1], [0, 1], [0])),
        ("there must be at least one synapse", ([], [])),
        ("indices count from 0", ([0, -1], [0, 1])),
        ("synapses: post must be a list of whole numbers", ([0, 1], [0.0, 1.5])),
        ("synapses: pre must be a list of whole numbers", ([[0, 1]], [0, 1])),
        ("synapses: post must be a list of whole numbers", ([0, 1], [[0], [1, 2]])),
        (
            "weight_index must be a list of whole numbers, not [0.5, 2.0]; the weights go to the Projection",
            ([0, 1], [0, 1], [0.5, 2.0]),
        ),
        ("synapses: count must be a whole number from 0, not 2.5", ([0, 1], [0, 1], [0, 1], 2.5)),
        ("synapses: count must be a whole number from 0, not '3'", ([0, 1], [0, 1], [0, 1], "3")),
    ],
)
def test_lists_of_synapses(message, index):
    refused(
        message, lambda: Synapses(*index[:2], **dict(zip(("weight_index", "count"), index[2:], strict=False)))
    )


def test_units_of_what_is_sent():
    ends = [Population("electrode", 1, Electrode()), Population("membrane", 1, Membrane())]

    def joined(sends):
        return Circuit(ends, [Projection("electrode", "membrane", "prediction", 1.0, sends=sends)])

    assert joined("current").sent("electrode", "current") == "current"
    refused("sends mV, but port 'prediction' of 'membrane' takes pA", lambda: joined("voltage"))


def test_other_weights():
    small = circuit(projections=[up(name="up")])
    changed = small.with_weights({"up": np.arange(6.0).reshape(3, 2)})
    assert changed.weights["up"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert small.weights["up"].tolist() == [[0.5, 0.5]] * 3
    refused(
        "unknown projection 'upp'; did you mean 'up'?", lambda: small.with_weights({"upp": np.ones((3, 2))})
    )
    refused("must have (3, 2)", lambda: small.with_weights({"up": np.ones(3)}))


def test_which_weight_a_synapse_has_is_said_by_name():
    """A third list would be read as weights by people, and as their indices here."""
    with pytest.raises(TypeError, match="takes 3 positional arguments"):
        Synapses([0, 1], [0, 1], [1, 2])
