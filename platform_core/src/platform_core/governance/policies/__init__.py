"""The policies built in, one module per concern. ``catalogue.BUILT_IN`` finds them all."""
