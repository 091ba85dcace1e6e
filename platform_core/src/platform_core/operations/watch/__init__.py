"""The watch: it reads the facts of a mesh, and keeps its incidents and messages."""
