"""The facts of every location, kept until its code changes."""
