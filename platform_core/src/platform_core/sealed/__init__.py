"""The sealed engine: DuckDB over the exact files of granted versions, with nothing else in reach."""
