"""Where the parts of a mesh are: its lakes, Dagster's instance, its servers. Without a file: this machine."""
