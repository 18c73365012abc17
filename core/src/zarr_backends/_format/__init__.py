"""Zarr documents and bytes: data types, grids, codecs and metadata. Does no I/O."""
