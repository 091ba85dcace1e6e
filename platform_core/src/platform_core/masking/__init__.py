"""Masked twins: the keys, the SQL, the files, and the check that no raw value is left."""
