"""Files that people write, read with the place of everything in them: YAML 1.2, text, the files of a mesh."""
