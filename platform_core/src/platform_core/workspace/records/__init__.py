"""The records of Dagster and the lakes about products."""
