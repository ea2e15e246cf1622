"""Simulations: what is asked. One file for each table, figure or question."""
