"""The one reader of dbt projects, and dbt itself."""
