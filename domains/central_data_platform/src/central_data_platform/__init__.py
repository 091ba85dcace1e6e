"""The central_data_platform domain: data about the mesh itself."""
