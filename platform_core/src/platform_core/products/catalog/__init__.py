"""The products in Dagster's catalog: assets, pages, and when they are refreshed."""
