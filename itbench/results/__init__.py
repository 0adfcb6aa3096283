"""Score files: summary, comparison of two, leaderboard, explanation."""
