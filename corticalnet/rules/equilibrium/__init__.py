"""Networks that come to rest: recurrent backprop, equilibrium propagation, contrastive Hebbian learning."""
