"""Figures as pure functions: data and labels in, a figure out. No query, no file, no clock."""
