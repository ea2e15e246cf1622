"""What pyproject.toml cannot say: models, simulations and their results are installed inside the package.

In the repository they lie beside it, where people look for them; as packages of their own, named ``models``
and ``simulations``, they would clash with other people's.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["corticalnet*"]),
        "corticalnet.models",
        *(f"corticalnet.{name}" for name in find_packages(include=["simulations*"])),
        "corticalnet.simulations.results",
    ],
    package_dir={
        "corticalnet.models": "models",
        "corticalnet.simulations": "simulations",
        "corticalnet.simulations.results": "docs/results",
    },
)
