"""A contract's rules as SQL, and their outcomes for a table."""
