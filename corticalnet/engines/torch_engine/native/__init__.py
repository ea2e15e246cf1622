"""Compiled steps: the operations of a plan written as a C program, for long runs on a processor."""

from corticalnet.engines.torch_engine.native.choice import Choice
from corticalnet.engines.torch_engine.native.program import StepProgram
from corticalnet.engines.torch_engine.native.stepper import Stepper

__all__ = ["Choice", "StepProgram", "Stepper"]
