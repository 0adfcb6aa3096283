"""Forward passes of a model over stimuli: Gram matrices, and raw activations."""
