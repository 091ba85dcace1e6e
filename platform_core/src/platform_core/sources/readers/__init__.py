"""The readers of each kind of source, which only the staging process runs."""
