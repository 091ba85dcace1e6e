"""Checks of a deployment, or of the state folder, from end to end."""
