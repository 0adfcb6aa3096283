"""Stimuli, responses, recordings and benchmarks, and the files they come from."""
