"""Fixtures of the tests of changes."""

from change.two_domains import committed, shop

__all__ = ["committed", "shop"]
