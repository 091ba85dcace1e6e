"""The servers of `mesh serve`: the Dagster UI and the daemon."""
