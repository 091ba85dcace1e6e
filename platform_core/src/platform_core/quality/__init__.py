"""A contract's rules as SQL, and what they found in a table."""
