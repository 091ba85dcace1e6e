"""Verbs for the platform team and CI."""
