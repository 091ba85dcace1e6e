"""Incidents by their cause, from signals."""
