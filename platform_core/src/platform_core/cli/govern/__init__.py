"""Verbs for the platform team and for CI."""
