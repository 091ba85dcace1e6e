"""One module for each kind of product: how its asset is made."""
