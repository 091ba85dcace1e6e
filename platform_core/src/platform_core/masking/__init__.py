"""Masked twins: keys, SQL, files, and the check that the files hold no raw value."""
