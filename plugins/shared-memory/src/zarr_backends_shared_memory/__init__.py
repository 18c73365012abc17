"""Zarr arrays in shared memory: one table, many processes, no server.

>>> import zarr_backends as zb
>>> a = zb.create("shm://waves", shape=(4, 6), dtype="int16")  # doctest: +SKIP
"""

from zarr_backends_shared_memory._backend import SharedMemoryBackend

__all__ = ["SharedMemoryBackend"]
