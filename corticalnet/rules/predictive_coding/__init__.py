"""Predictive coding: value and error cells that infer, and when their synapses learn (Song et al. 2020)."""
