"""Explained variance, reliability, noise ceilings, intervals and tests."""
