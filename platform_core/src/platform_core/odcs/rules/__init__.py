"""The reader of a contract's rules."""
