"""Models that are trained on responses: recipe, loop, heads, trained weights, tuning."""
