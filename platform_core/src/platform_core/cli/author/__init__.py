"""Verbs for those who write products."""
