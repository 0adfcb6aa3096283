"""Tests of itbench. One thread a process: workers that run side by side would fight for the cores."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch are imported
