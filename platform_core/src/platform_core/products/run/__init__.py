"""What happens around one run of a product: its context, what it may say, what it reports."""
