"""Many writers of one chunk lose no update, whatever the backend."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from bare_backend import BareBackend

import zarr_backends as zb

SHARDS = [pytest.param(None, id="chunked"), pytest.param(64, id="sharded")]

WRITER = """
import sys, zarr_backends as zb
array = zb.open(sys.argv[1])
sys.stdin.readline()
for i in range(int(sys.argv[2]), 512, 8):
    array[i] = i + 1
"""


def targets(tmp_path: Path) -> dict[str, Any]:
    """Return a place on every backend that threads can share."""
    return {
        "memory": "memory:",
        "filesystem": tmp_path / "a.zarr",
        "zip": tmp_path / "a.zip",
        "bare": BareBackend(),
    }


@pytest.mark.parametrize("shards", SHARDS)
@pytest.mark.parametrize("storage", ["memory", "filesystem", "zip", "bare"])
def test_64_threads_write_single_elements_of_one_chunk(
    tmp_path: Path, storage: str, shards: int | None
) -> None:
    """Each thread writes its own element at the same moment; all are there afterwards."""
    chunks = 64 if shards is None else 8
    target = targets(tmp_path)[storage]
    with zb.create(target, shape=64, chunks=chunks, shards=shards, dtype="int32") as array:
        start = Barrier(64)

        def write(i: int) -> None:
            start.wait()
            array[i] = i + 1

        with ThreadPoolExecutor(64) as pool:
            list(pool.map(write, range(64)))
        np.testing.assert_array_equal(array[...], np.arange(1, 65))


@pytest.mark.parametrize("shards", [None, 512], ids=["chunked", "sharded"])
def test_8_processes_write_single_elements_of_one_chunk(tmp_path: Path, shards: int | None) -> None:
    """Each process writes 64 elements of the same chunk; all 512 are there afterwards."""
    path = tmp_path / "a.zarr"
    zb.create(path, shape=512, chunks=512 if shards is None else 32, shards=shards, dtype="int32")
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, str(n)], stdin=subprocess.PIPE)
        for n in range(8)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    assert [writer.wait(timeout=60) for writer in writers] == [0] * 8
    for writer in writers:
        writer.stdin.close()
    np.testing.assert_array_equal(zb.open(path)[...], np.arange(1, 513))


def test_whole_and_partial_writes_of_one_chunk_are_ordered(tmp_path: Path) -> None:
    """While one thread replaces the chunk and others change elements, no change vanishes."""
    array = zb.create(tmp_path / "a.zarr", shape=8, chunks=8, dtype="int64")
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(array.__setitem__, slice(None), 100) for _ in range(20)]
        jobs += [pool.submit(array.__setitem__, i % 8, 1000 + i) for i in range(160)]
        for job in jobs:
            job.result()
        array[...] = 0
        for i in range(8):
            array[i] = i
    np.testing.assert_array_equal(array[...], np.arange(8))
