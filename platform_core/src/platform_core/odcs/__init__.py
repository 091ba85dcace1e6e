"""The reader of Open Data Contract Standard files."""
