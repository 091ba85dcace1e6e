"""The files of a new product."""
