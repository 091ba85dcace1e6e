"""Serves the Dagster UI and the daemon."""
