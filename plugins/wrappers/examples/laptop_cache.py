"""A laptop cache before a slow bucket: what was read once comes from the disk.

    python laptop_cache.py [PLACE]

PLACE is a url, such as ``s3://bucket/run``; without it, a store with the delay of a distant
bucket is made up.
"""

from __future__ import annotations

import sys
import tempfile
import time
from typing import Any

import numpy as np

import zarr_backends as zb


def main(place: str | None = None) -> tuple[float, float]:
    """Read an array twice through a cache on disk; return how long both took, in seconds."""
    with tempfile.TemporaryDirectory() as disk:
        bucket: Any = place
        if place is None:
            slow = {"inner": "memory://bucket/run", "latency_s": 0.05, "nbytes_per_s": 50e6}
            zb.create("memory://bucket/run", shape=(800, 800), chunks=100, dtype="f8")[...] = (
                np.random.default_rng(1).random((800, 800))
            )
            bucket = {"storage": "latency", **slow}
        options = {"inner": bucket, "on": disk, "max_nbytes": 10**9, "max_age_s": 3600}
        taken = []
        for _ in range(2):  # two sessions: the second one finds the disk full of chunks
            with zb.open(storage="cache", **options) as array:
                begin = time.perf_counter()
                array[...]
                taken.append(time.perf_counter() - begin)
    return taken[0], taken[1]


if __name__ == "__main__":
    first, second = main(*sys.argv[1:2])
    print(
        f"first read: {first:.3f} s, second read, in another session: {second:.3f} s"
    )  # it is what this is for
