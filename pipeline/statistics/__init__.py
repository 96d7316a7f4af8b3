"""Inference over series: pure functions on arrays, a module a kind of question. No tables, files, units or settings."""
