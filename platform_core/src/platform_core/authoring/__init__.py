"""Writes contracts, functions and tests: inferred from data, formatted, scaffolded."""
