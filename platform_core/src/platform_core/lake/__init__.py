"""Lakes: where they are, how they are opened, locked, written and read. Only this package publishes."""
