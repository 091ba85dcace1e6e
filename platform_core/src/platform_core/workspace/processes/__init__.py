"""Starts processes, watches them, ends them."""
