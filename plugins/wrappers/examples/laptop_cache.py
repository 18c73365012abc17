"""A laptop cache before a slow bucket: what was read once comes from the disk.

    python laptop_cache.py [PLACE]

PLACE is a url, such as ``s3://bucket/run``; without it, a store with the delay of a distant
bucket is made up.
"""

from __future__ import annotations

import sys
import tempfile
import time
from typing import Any, NamedTuple

import numpy as np

import zarr_backends as zb


class Run(NamedTuple):
    """What reading the array took."""

    seconds: float
    hits: int
    """Reads that the disk answered."""
    misses: int
    """Reads that the bucket answered."""


def main(place: str | None = None) -> list[Run]:
    """Read an array through a cache on disk, in two runs; return what they took."""
    with tempfile.TemporaryDirectory() as disk:
        bucket: Any = place
        if place is None:
            slow = {"inner": "memory://bucket/run", "latency_s": 0.05, "nbytes_per_s": 50e6}
            zb.create("memory://bucket/run", shape=(800, 800), chunks=100, dtype="f8")[...] = (
                np.random.default_rng(1).random((800, 800))
            )
            bucket = {"storage": "latency", **slow}
        options = {"inner": bucket, "on": disk, "max_nbytes": 10**9, "max_age_s": 3600}
        runs = []
        for _ in range(2):  # the second run finds the disk full of chunks
            with zb.open(storage="cache", **options) as array:
                begin = time.perf_counter()
                array[...]
                taken = time.perf_counter() - begin
                runs.append(Run(taken, *array.backend.statistics[:2]))
    return runs


if __name__ == "__main__":
    for run in main(*sys.argv[1:2]):
        disk, bucket = run.hits, run.misses
        print(f"{run.seconds:.3f} s: {disk} reads from the disk, {bucket} from the bucket")
