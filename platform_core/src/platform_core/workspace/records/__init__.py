"""What Dagster and the lakes recorded of products."""
