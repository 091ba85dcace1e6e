"""One module for each kind of product."""
