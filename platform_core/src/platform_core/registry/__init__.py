"""Where contracts are, and what other repositories may rely on."""
