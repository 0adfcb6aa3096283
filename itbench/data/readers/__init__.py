"""Readers of the files that other labs publish."""
