"""A run of a product: its context, its redaction and its report."""
