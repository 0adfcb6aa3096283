"""One run: a model, a benchmark and a metric to one score."""
