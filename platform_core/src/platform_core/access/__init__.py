"""Access to products: grants, queries over granted products, and breaking changes for their readers."""
