"""Static site of a leaderboard: pages of scores, models, benchmarks and comparisons, from a folder of score files."""
