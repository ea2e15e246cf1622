"""What a stranger installs: the wheel, alone in an environment of its own, does what the checkout does."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from corticalnet import shipped
from simulations.parts.results import published

ROOT = Path(__file__).parents[1]
#: All that a wheel is made of; what was built before in the checkout is not.
FOLDERS = ["corticalnet", "models", "simulations", "docs/results"]
FILES = ["pyproject.toml", "setup.py", "README.md", "LICENSE"]


def call(*command, cwd):
    """Run a program that cannot see the checkout; what it printed."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of programs of an environment with the wheel, and beside it what the wheel needs."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name)
    for name in FILES:
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    call(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", place, source, cwd=place)
    shutil.rmtree(source)
    (wheel,) = place.glob("*.whl")
    environment = place / "environment"
    call(sys.executable, "-m", "venv", "--without-pip", environment, cwd=place)
    python = environment / "bin" / "python"
    call(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=place)
    inside = call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place).strip()
    # A path in a .pth file is searched, but the .pth files there, those of editable installs, are not read.
    outside = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(inside) / "dependencies.pth").write_text("\n".join(outside))
    return python.parent


@pytest.mark.slow
def test_the_wheel_alone_trains_simulates_audits_and_has_all_models_and_simulations(installed, tmp_path):
    python, command = installed / "python", installed / "corticalnet"
    seen = """
import json
import corticalnet
from corticalnet.training.finding import model_files
models = {name: str(path) for name, path in model_files().items()}
print(json.dumps([corticalnet.__file__, models]))
"""
    file, models = json.loads(call(python, "-c", seen, cwd=tmp_path))
    assert Path(file).is_relative_to(installed.parent)
    assert sorted(models) == sorted(path.stem for path in (ROOT / "models").glob("*.py"))
    assert all(Path(path).is_relative_to(Path(file).parent / "models") for path in models.values())

    small = ["--set", "hidden=(8,)", "--set", "limit=64"]
    done = call(command, "train", "zil_mlp", "--epochs", 1, *small, "--out", "run", "--json", cwd=tmp_path)
    assert json.loads(done)["epochs"] == 1
    call(command, "report", "run", cwd=tmp_path)
    assert "<h1>zil_mlp by z-il on" in (tmp_path / "run" / "report.html").read_text()
    call(command, "simulate", "zil_mlp", "--trials", 1, *small, "--no-plot", "--out", "sim", cwd=tmp_path)
    assert (tmp_path / "sim" / "recording.nc").exists()
    assert "backprop, on dense networks" in call(command, "audit", "backprop", "--quick", cwd=tmp_path)
    listed = json.loads(call(command, "reproduce", "--json", "--all", cwd=tmp_path))
    assert [one["name"] for one in listed] == [one.name for one in published()]
    call(command, "reproduce", "plasticity_over_time", "--quick", cwd=tmp_path)
    assert (tmp_path / "figures" / "plasticity_over_time" / "quick" / "figure.png").exists()


def test_a_simulation_is_the_same_from_the_package_and_from_the_checkout():
    import simulations.perturbation_variance as there

    here = shipped.simulation("perturbation_variance")
    assert here.__name__ == "corticalnet.simulations.perturbation_variance"
    assert Path(here.__file__).samefile(there.__file__)
