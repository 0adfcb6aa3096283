"""Readouts and comparisons computed from Gram matrices."""
