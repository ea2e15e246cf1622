"""Every simulation's quick form runs, and finds in small what its header says it finds."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

NAMES = sorted(p.stem for p in Path("simulations").glob("*.py") if p.stem not in ("__init__", "common"))


def results(name, **options):
    module = importlib.import_module(f"simulations.{name}")
    found = module.run(quick=True, **options)
    assert module.report(found).count("\n") >= 2
    plt.close(module.draw(found))
    json.dumps(found)
    return found


def test_z_il_needs_all_three_conditions():
    found = {k: v[0]["weights"] for k, v in results("divergence")["divergence"].items()}
    kept = {"C1 sigma=0", "C2/C3 t=l gamma=1"}
    assert all(found[k] < 1e-9 for k in kept)
    assert all(v > 1e-3 for k, v in found.items() if k not in kept)


def test_a_teacher_shows_classes_sooner_than_reward():
    module = importlib.import_module("simulations.class_discovery")
    found = results("class_discovery")
    third = {rule: module.discovered(runs[0], found["every"])[2] for rule, runs in found["rules"].items()}
    assert third["backprop"] is not None
    assert third["brainprop"] is None or third["brainprop"] > third["backprop"]


def test_update_cost_measures_every_rule():
    """Times are not asserted, only that autograd is the reference and IL does many times Z-IL's work."""
    for found in results("update_cost")["networks"].values():
        assert found["autograd"]["ratio"] == 1.0
        assert found["il"]["ms"] > found["z-il"]["ms"]
        assert all(cost["rounds"] >= 8 for cost in found.values())


def test_accuracy_table_fills_goes_on_and_reads(tmp_path):
    first = results("accuracy_table", runs=tmp_path)
    again = results("accuracy_table", runs=tmp_path)
    assert first["rules"]["backprop"][0]["best_test_accuracy"] > 0.6
    for rule, runs in first["rules"].items():
        assert again["rules"][rule][0]["last_test_accuracy"] == runs[0]["last_test_accuracy"]


@pytest.mark.parametrize("name", NAMES)
def test_help_teaches(name):
    shown = subprocess.run(
        [sys.executable, "-m", f"simulations.{name}", "--help"], capture_output=True, text=True, check=True
    )
    assert "--quick" in shown.stdout
    assert f"python -m simulations.{name}" in shown.stdout
