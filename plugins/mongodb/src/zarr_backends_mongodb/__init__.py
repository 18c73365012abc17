"""Zarr arrays in MongoDB, as files of GridFS.

>>> import zarr_backends as zb
>>> a = zb.create("mongodb://host/science/arrays/run1", shape=(4, 6))  # doctest: +SKIP
"""

from zarr_backends_mongodb._backend import MongoGridfsBackend

__all__ = ["MongoGridfsBackend"]
