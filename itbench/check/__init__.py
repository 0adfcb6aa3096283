"""The conformance kit: what a plugin must do so that its scores mean what they say, checked one rule at a time."""
