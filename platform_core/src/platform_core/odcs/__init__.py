"""Reads an Open Data Contract Standard file into a ``DataProduct``."""
