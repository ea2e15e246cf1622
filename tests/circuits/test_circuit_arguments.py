"""Arguments of cn.circuit and cn.spiking that cannot be: one sentence each, before anything is built."""

import math

import pytest

import corticalnet as cn
from tests.circuits.test_validation import refused

NETWORK, RULE = cn.mlp([3, 4, 2], "tanh"), cn.rule("backprop")


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("learning_rate must be 0 or more, and finite, not -0.1", {"learning_rate": -0.1}),
        ("learning_rate must be 0 or more, and finite, not nan", {"learning_rate": math.nan}),
        ("learning_rate must be 0 or more, and finite, not inf", {"learning_rate": math.inf}),
        ("learning_rate must be a number, not 'fast'", {"learning_rate": "fast"}),
        ("learning_rate must be a number, not True", {"learning_rate": True}),
        ("phase_signal must be True or False, not 'no'", {"phase_signal": "no"}),
        ("cells_per_column must be a whole number from 0, not -3", {"cells_per_column": -3}),
        ("cells_per_column must be a whole number from 0, not 2.5", {"cells_per_column": 2.5}),
        ("cells_per_column must be a number, not None", {"cells_per_column": None}),
        ("cells_per_column must be a number, not True", {"cells_per_column": True}),
        ("unknown spiking cell 'lfi'; did you mean 'lif'?", {"cell": "lfi"}),
        ("cell = 'lif' says what spikes, but cells_per_column is 0: nothing does", {"cell": "lif"}),
        ("name must be a text, not 3", {"name": 3}),
        ("consolidation 'later' is not possible", {"consolidation": "later"}),
        ("dynamics is Continuous(...) or one of", {"dynamics": 10.0}),
    ],
)
def test_what_cn_circuit_refuses(message, options):
    refused(message, lambda: cn.circuit(NETWORK, RULE, **options))


def test_what_is_no_network_no_rule_and_no_circuit():
    refused("a circuit is made from a Network (cn.mlp(...)), not list", lambda: cn.circuit([3, 4, 2], RULE))
    refused("a circuit is made from a Rule (cn.rule(...)), not str", lambda: cn.circuit(NETWORK, "backprop"))
    refused("cn.spiking takes a Circuit (cn.circuit(...)), not Network", lambda: cn.spiking(NETWORK))


def test_a_learning_rate_of_zero_is_a_circuit_that_does_not_learn():
    assert {p.plasticity.rate for p in cn.circuit(NETWORK, RULE, 0).plastic} == {0.0}


@pytest.mark.parametrize(
    ("message", "settings"),
    [
        ("Continuous: tau must be a number (in ms)", {"tau": True}),
        ("Continuous: dt must be more than 0, not nan ms", {"dt": math.nan}),
        ("Continuous: pooled must be True or False, not 'no'", {"pooled": "no"}),
        ("Continuous: read_delay must be 0 ms or more, not inf ms", {"read_delay": "inf ms"}),
        ("Continuous: threshold must be a number from 0, not nan", {"threshold": math.nan}),
    ],
)
def test_what_continuous_time_refuses(message, settings):
    refused(message, lambda: cn.Continuous(**settings))
