"""The marketing domain: promotions, campaigns and customers."""
