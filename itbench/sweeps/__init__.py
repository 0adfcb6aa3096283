"""Many runs: suites of published numbers, and baselines of a benchmark."""
