"""Neural simulation toolkit with explicit neuron populations."""
