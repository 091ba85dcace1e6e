"""Who may read what: the columns that SQL uses, and queries over granted products."""
