"""The whole mesh: its code locations, and runs of their products in dependency order.

Only ``worker``, ``introspect`` and the modules that they import use Dagster: they run in a location's own
interpreter, the others in the ``mesh`` command.
"""
