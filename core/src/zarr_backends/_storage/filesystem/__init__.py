"""A folder of plain Zarr files: the backend, and what makes it safe."""
