"""Contracts: an Open Data Contract Standard file becomes a frozen ``DataProduct``."""
