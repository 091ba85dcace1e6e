"""Inputs: what a product's function gets to see, from the lake, from made-up rows or from no rows."""
