"""The stream of a name is the same on every machine and for good: numbers worked out by ``sha256sum``."""

import numpy as np

import corticalnet as cn
from corticalnet.columns.expansion import spiking_dynamics
from corticalnet.engines.plan import Plan
from corticalnet.network.initialisation import generator
from corticalnet.seeds import seed_of


def test_the_seed_of_a_name_is_the_first_bytes_of_its_digest():
    """``printf '0/input->area1' | sha256sum`` begins with 0d5c20797ca0ead4."""
    assert seed_of(0, "input->area1", size=7) == 0x0D5C20797CA0EA
    assert seed_of(0, "input", "area1", size=2) != seed_of(0, "input->area1", size=2)


def test_weights_and_noise_and_cells_before_all_time_draw_from_their_names():
    assert generator(0, "input->area1").initial_seed() == 0x0D5C20797CA0EA
    assert cn.Noise("area1.value", "prediction").stream(1.0, 3).key == 0xC9833BD20B37F2770555A1073EBC6194
    rule = cn.rule("z-il")
    rates = cn.circuit(cn.mlp([2, 2, 2]), rule, dynamics=spiking_dynamics(rule))
    spikes = cn.spiking(rates, 3, "lif", ranges={p.name: (-1, 1) for p in rates.populations})
    cells = spikes.population("input.value.on")
    states = Plan(spikes, seed=5).scattered(cells, 1)
    wanted = cells.cell.initial_spread((cells.n,), np.random.default_rng(0xA02531DF640482BB))
    assert wanted.keys() == states.keys() == {"voltage"}
    assert np.array_equal(states["voltage"][0], wanted["voltage"])
