"""From development to production by changing only where the array is.

    python development_to_production.py [development|production]

The analysis never learns which: the place is a mapping that a file or the environment may
hold.
"""

from __future__ import annotations

import sys
import tempfile
from typing import Any

import numpy as np

import zarr_backends as zb


def places(folder: str) -> dict[str, dict[str, Any]]:
    """Return where the array is, by stage."""
    bucket = {"storage": "filesystem", "path": f"{folder}/bucket"}  # or "s3", bucket=...
    return {
        "development": {"storage": "memory"},
        "test": {"storage": "mock", "inner": "memory:", "error_rates": {}, "seed": 1},
        "production": {
            "storage": "cache",
            "inner": {
                "storage": "retry",
                "inner": {"storage": "checksum", "inner": bucket},
                "attempts": 6,
            },
        },
    }


def analysis(**place: Any) -> float:
    """Write an array somewhere and return the mean of a part of it."""
    with zb.create(shape=(100, 100), chunks=25, dtype="f8", overwrite=True, **place) as array:
        array[...] = np.arange(10_000).reshape(100, 100)
        return float(array[10:20, ::2].mean())


def main(*stages: str) -> dict[str, float]:
    """Run the analysis at each stage; return what it found."""
    with tempfile.TemporaryDirectory() as folder:
        known = places(folder)
        return {stage: analysis(**known[stage]) for stage in stages or known}


if __name__ == "__main__":
    for stage, result in main(*sys.argv[1:]).items():
        print(f"{stage:>12}: {result}")  # it is what this is for
