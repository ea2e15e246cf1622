"""Cells whose apical dendrites hear what comes down apart from what comes up: errors without error cells."""
