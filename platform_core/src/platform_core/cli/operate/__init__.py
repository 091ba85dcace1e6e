"""Verbs for operators of the mesh."""
