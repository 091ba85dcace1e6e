"""Inputs of a product's function: from the lake, from made-up rows, or without rows."""
