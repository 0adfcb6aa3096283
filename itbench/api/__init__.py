"""The Python API: functions of `itbench` that score models and read, compare and explain scores."""
