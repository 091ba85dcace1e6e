"""The contracts of a mesh, and the registry that repositories share."""
