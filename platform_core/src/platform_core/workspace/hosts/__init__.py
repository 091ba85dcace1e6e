"""Dagster on several hosts: its instance in Postgres, and the code servers that run products."""
