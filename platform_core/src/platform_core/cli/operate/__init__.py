"""Verbs for those who run the mesh."""
