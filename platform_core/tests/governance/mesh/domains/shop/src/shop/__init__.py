"""A domain of the valid mesh."""
