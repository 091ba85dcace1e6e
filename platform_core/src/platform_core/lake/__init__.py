"""The only place that publishes: where lakes are, how they are opened, locked, written and read back."""
