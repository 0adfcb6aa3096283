"""Scores on disk and what is computed from them: summary, paired comparison, difference, explanation, leaderboard."""
