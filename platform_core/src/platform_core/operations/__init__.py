"""Operation of a mesh: incidents, alerts, and the ledger of kept promises."""
