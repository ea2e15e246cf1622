"""What happens to a circuit: stimuli, teachers, rewards and noise, as a protocol that engines run."""
