"""What was seen of a circuit: asked for, stored, joined, and read by figures and analyses."""
