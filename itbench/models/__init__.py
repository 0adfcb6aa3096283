"""Models: torch networks and functions that turn images into activations."""
