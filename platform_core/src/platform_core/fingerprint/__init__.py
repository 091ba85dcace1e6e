"""Fingerprints of what makes a product: its SQL by output column, its Python code, its locked libraries."""
