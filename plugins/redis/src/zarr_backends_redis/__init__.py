"""Zarr arrays in Redis or Valkey.

>>> import zarr_backends as zb
>>> a = zb.create("redis://localhost/0/waves", shape=(4, 6), dtype="int16")  # doctest: +SKIP
"""

from zarr_backends_redis._backend import RedisBackend
from zarr_backends_redis._persistence import Persistence

__all__ = ["Persistence", "RedisBackend"]
