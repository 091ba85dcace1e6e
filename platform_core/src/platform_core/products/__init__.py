"""Data products as Dagster assets: functions and dbt models with their contracts."""
