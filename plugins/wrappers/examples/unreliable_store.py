"""Retry and circuit breaker around a store that fails three times in ten, and then is gone.

python unreliable_store.py
"""

from __future__ import annotations

import time

import numpy as np

import zarr_backends as zb


def main() -> list[str]:
    """Work on an unreliable store, lose it, get it back; return what happened."""
    store = zb.get_backend("mock").create(inner="memory:", error_rate=0.3, seed=1)
    options = {"attempts": 20, "initial_s": 0.001, "max_pause_s": 0.01}
    retry = zb.get_backend("retry").create(inner=store, **options)
    breaker = zb.get_backend("circuit_breaker").create(
        inner=retry, failure_threshold=2, recovery_s=0.2
    )
    told = []

    array = zb.create(breaker, shape=(100, 100), chunks=10, dtype="i4", overwrite=True)
    array[...] = np.arange(10_000).reshape(100, 100)
    right = np.array_equal(array[...], np.arange(10_000).reshape(100, 100))
    failed = sum(call.fault == "error" for call in store.calls)
    told.append(f"{failed} of {len(store.calls)} calls failed; the array is right: {right}")

    store.script(error_rate=1.0)  # the store is gone
    for _ in range(3):
        begin = time.perf_counter()
        try:
            array.backend.read_chunk((0, 0))
        except zb.BackendError as error:
            taken = time.perf_counter() - begin
            told.append(f"{type(error).__name__} after {taken * 1000:.1f} ms")

    store.script()  # and back
    time.sleep(0.2)
    told.append(f"{breaker.state}, then read {len(breaker.read_chunk((0, 0)))} bytes")
    told.append(f"the circuit is {breaker.state}")
    return told


if __name__ == "__main__":
    for line in main():
        print(line)  # it is what this is for
