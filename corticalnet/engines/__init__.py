"""Engines: what runs a circuit. The description is the truth, torch is what you run, Brian2 is the witness."""
