"""The only reader of dbt projects, and dbt itself."""
