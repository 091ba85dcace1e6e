"""DuckDB's SQL: quoting, types, and the tables and columns that a statement reads. No contracts, no lakes."""
