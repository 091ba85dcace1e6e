"""A new domain: its files, its lock, and its entries in the files of the mesh."""
