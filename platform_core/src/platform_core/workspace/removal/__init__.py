"""Removing a product or a domain: what goes from the tree, and from the state of the mesh."""
