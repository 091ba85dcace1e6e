"""The built-in policies, one module per subject; ``policy_set.BUILT_IN`` finds them."""
