"""Verbs for authors of products."""
