"""Writing a version into a lake: rows, files, content hash, stamp."""
