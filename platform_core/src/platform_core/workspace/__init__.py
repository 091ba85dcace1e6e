"""The whole mesh: its code locations, and running their products in dependency order.

Nothing here imports Dagster except ``worker`` and what it imports (``recipe``, ``described``,
``progress``): those run in a location's own interpreter, the rest in the ``mesh`` command.
"""
