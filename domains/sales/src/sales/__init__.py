"""The sales domain: what the stores sell, to whom, and how well they do."""
