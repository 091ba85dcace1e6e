"""The facts of every location, cached until its code changes."""
