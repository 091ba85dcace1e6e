"""The ledger of promised deliveries."""
