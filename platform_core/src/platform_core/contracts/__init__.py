"""The content of a contract as frozen objects, without YAML and without Dagster."""
