"""Every policy of the mesh is a test of this domain too."""

pytest_plugins = ["platform_core.conformance"]
