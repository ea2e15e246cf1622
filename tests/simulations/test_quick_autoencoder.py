"""The quick form of the autoencoder: what fixed random feedback does not do, and learned feedback does."""

from tests.simulations.test_quick import results


def test_fixed_random_feedback_is_no_better_than_the_output_alone(tmp_path):
    found = results("autoencoder", runs=tmp_path)
    loss = {name: runs[0]["test"][-1] for name, runs in found["ways"].items()}
    angle = {name: max(runs[0]["angle"][-1]) for name, runs in found["ways"].items()}
    assert loss["backprop"] < found["baselines"]["two principal components"]
    assert loss["feedback alignment"] > 0.97 * loss["output only"]
    assert loss["output only"] < found["baselines"]["mean image"]
    assert loss["weight mirror"] < 0.85 * loss["output only"]
    assert angle["backprop"] < 1e-3
    assert angle["weight mirror"] < 20 < 60 < angle["feedback alignment"]
    again = results("autoencoder", runs=tmp_path)  # read, not trained
    assert again["ways"] == found["ways"]
