"""Runs products over all code locations, in dependency order."""
