"""Zarr arrays in SQL databases, with transactions.

>>> import zarr_backends as zb
>>> a = zb.create("sqlite:///waves.db", shape=(4, 6), dtype="int16")  # doctest: +SKIP
"""

from zarr_backends_sql._backend import SqlBackend

__all__ = ["SqlBackend"]
