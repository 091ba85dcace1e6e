"""Data products as Dagster assets: functions and dbt models, derived from their contracts."""
