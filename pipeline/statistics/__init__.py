"""Inference over series: pure functions on arrays. No tables and no files: those who call them bring the data."""
