"""The sales domain: stores, their sales and their customers."""
