"""Verbs for readers of products."""
