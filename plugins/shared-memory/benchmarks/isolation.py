"""Eight processes move amounts between elements in transactions, while others read.

Run: python isolation.py

Each read is that of the whole array in a transaction; its sum must never change.
"""

from __future__ import annotations

import subprocess
import sys

import zarr_backends as zb

_NAME = "benchmark-isolation"
_MOVERS, _READERS = 8, 2
_SECONDS = 5

_COMMON = f"""
import random, time
import zarr_backends as zb
a = zb.open(storage="shared_memory", table_name={_NAME!r})
backend = a.backend
count, end = 0, time.monotonic() + {_SECONDS}
while time.monotonic() < end:
    count += 1
"""
_MOVE = """
    i, j = random.sample(range(100), 2)
    with backend.transaction():
        amount = random.randrange(10)
        a[i] -= amount
        a[j] += amount
print(count)
"""
_READ = """
    with backend.transaction(read_only=True):
        total = a[:].sum()
    assert total == 10_000, total
print(count)
"""


def main() -> None:
    """Run them, and print how often each was done."""
    a = zb.create(f"shm://{_NAME}", shape=(100,), chunks=(10,), dtype="int64")
    a[:] = 100
    programs = [_COMMON + _MOVE] * _MOVERS + [_COMMON + _READ] * _READERS
    processes = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for program in programs
    ]
    counts = [int(process.communicate()[0]) for process in processes]
    print(f"{sum(counts[:_MOVERS])} moves by {_MOVERS} processes in {_SECONDS} s")
    print(f"{sum(counts[_MOVERS:])} reads by {_READERS} processes, every one with the same total")
    print(f"the total at the end: {a[:].sum()}")


if __name__ == "__main__":
    main()
