"""The quick forms of the simulations that hold time and spikes against backprop."""

import pytest

from tests.simulations.test_quick import results


@pytest.mark.slow
def test_dt_matters_as_eulers_order_says_and_engines_agree():
    pytest.importorskip("brian2")
    module = __import__("simulations.order_of_dt", fromlist=["orders"])
    found = results("order_of_dt")
    for dt, runs in found["torch"].items():
        assert runs[0]["all"] == pytest.approx(found["brian2"][dt][0]["all"], rel=1e-3)
    assert found["torch"]["5"][0]["all"] < found["torch"]["2"][0]["all"] < 1e-3
    for _, distances, _ in module.orders(found).values():
        assert distances == sorted(distances, reverse=True)
        assert 1.4 < distances[1] / distances[2] < 3  # dt halved


@pytest.mark.slow
def test_more_spiking_cells_less_noise():
    found = results("validation")["cells"]
    for rule in ("z-il", "brainprop"):
        few, many = (found[f"{rule}, pif"][n][0]["all"] for n in ("10", "30"))
        assert few[0] > 0.97
        assert many[0] > 0.99
        assert many[4] < few[4]
