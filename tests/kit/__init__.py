"""Helpers of the tests: toy models and recordings, commands in this and other processes, servers, lab files."""
