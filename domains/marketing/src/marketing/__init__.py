"""The marketing domain: promotions, campaigns and what is known of customers."""
