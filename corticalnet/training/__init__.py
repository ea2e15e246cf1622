"""Training: models, settings, the loop, checkpoints that survive anything, and what a run leaves behind.

>>> from corticalnet.training import Model, Settings, train
>>> from corticalnet import mlp
>>> model = Model(mlp([64, 16, 10], hidden="relu"), "backprop", Settings(epochs=20, lr=0.3))
>>> result = train(model, progress=False)
>>> result.last_test_accuracy > 0.5
True
"""

from corticalnet.training.checkpoint import load_weights
from corticalnet.training.loop import train
from corticalnet.training.model import Model
from corticalnet.training.model_file import load_model, model_files
from corticalnet.training.result import Result
from corticalnet.training.seeds import SeedsResult, run_seeds
from corticalnet.training.settings import Settings

__all__ = [
    "Model",
    "Result",
    "SeedsResult",
    "Settings",
    "load_model",
    "load_weights",
    "model_files",
    "run_seeds",
    "train",
]
