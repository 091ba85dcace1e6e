"""Verbs for those who read products."""
