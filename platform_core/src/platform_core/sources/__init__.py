"""Sources: rows outside of the mesh, in files, databases, object stores and table formats."""
