"""Reads the checks of a contract."""
