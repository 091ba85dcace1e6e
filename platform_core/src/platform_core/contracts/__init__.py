"""What a contract says, as frozen objects without YAML and without Dagster."""
