"""SQL as DuckDB has it: quoting, types, and what a statement reads. Knows no contract and no lake."""
