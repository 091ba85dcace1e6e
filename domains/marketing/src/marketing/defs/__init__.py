"""Components, and definitions that Dagster finds by itself. `dg scaffold defs` writes here."""
