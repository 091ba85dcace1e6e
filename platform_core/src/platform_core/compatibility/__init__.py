"""The effect of a contract's changes on its readers, by one named rule for each change of each key."""
