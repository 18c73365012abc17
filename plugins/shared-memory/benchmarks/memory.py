"""Memory of 8 processes that read one array of 1 GB, by chunks.

Run: python memory.py

Each process reads every chunk twice: by `read_chunk`, which copies one chunk at a time, and by
`open_chunk`, which maps them. Counted is what each has of its own (Private), what it has
mapped (Shared), and its share where what several have mapped is divided among them (PSS).
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np

import zarr_backends as zb

_NAME = "benchmark-memory"
_PROCESSES = 8
_CHUNKS = 125
_ELEMENTS = 1_000_000
_MB = 1e6

_READER = f"""
import sys
import numpy as np
from zarr_backends_shared_memory import SharedMemoryBackend
backend = SharedMemoryBackend.open(table_name={_NAME!r})
def rollup():
    fields = [line.split() for line in open("/proc/self/smaps_rollup").readlines()[1:]]
    kb = {{field[0][:-1]: int(field[1]) for field in fields}}
    shared = kb["Shared_Clean"] + kb["Shared_Dirty"]
    return kb["Private_Clean"] + kb["Private_Dirty"], shared, kb["Pss"]
before = rollup()
total = 0.0
for i in range({_CHUNKS}):
    total += np.frombuffer(backend.read_chunk((i,))).sum()
for i in range({_CHUNKS}):
    with backend.open_chunk((i,)) as snapshot:
        total += np.frombuffer(snapshot.read(0, snapshot.nbytes)).sum()
print(total, flush=True)
sys.stdin.readline()
print(*before, *rollup(), flush=True)
sys.stdin.readline()
"""


def main() -> None:
    """Print what the array takes, and what each reader adds."""
    a = zb.create(
        f"shm://{_NAME}",
        shape=(_CHUNKS * _ELEMENTS,),
        chunks=(_ELEMENTS,),
        dtype="float64",
        compressor=None,
    )
    chunk = np.random.default_rng(0).random(_ELEMENTS)
    for i in range(_CHUNKS):
        a[i * _ELEMENTS : (i + 1) * _ELEMENTS] = chunk + i
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", _READER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(_PROCESSES)
    ]
    pipes = [(reader.stdin, reader.stdout) for reader in readers if reader.stdin and reader.stdout]
    for _, output in pipes:
        output.readline()
    print("| process | own memory | grown by | mapped | its share of all (PSS) |")
    print("|---|---|---|---|---|")
    everything = 0.0
    for number, (entry, output) in enumerate(pipes, 1):
        entry.write("\n")
        entry.flush()
        own0, _, _, own, shared, pss = (
            int(word) * 1024 / _MB for word in output.readline().split()
        )
        print(f"| {number} | {own:.0f} MB | {own - own0:.0f} MB | {shared:.0f} MB | {pss:.0f} MB |")
        everything += pss
    print(f"all {_PROCESSES} together: {everything:.0f} MB, the array included")
    for reader in readers:
        reader.communicate("\n")


if __name__ == "__main__":
    main()
