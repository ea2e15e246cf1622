"""The torch engine: batches of animals that share their weights, on a CPU or GPU."""

from corticalnet.engines.torch_engine.engine import TorchEngine

__all__ = ["TorchEngine"]
