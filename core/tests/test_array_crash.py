"""A writer that is killed at any moment leaves an array of old and new chunks, all whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 200

FORKING_PARENT = """
import os, random, signal, sys, time
import numpy as np
import zarr_backends as zb

path, kills = sys.argv[1], int(sys.argv[2])
zb.create(path, shape=(8, 4096), chunks=(2, 4096), dtype="int64", compressor=None).close()
random.seed(7)
landed = 0
for kill in range(kills):
    child = os.fork()
    if child == 0:
        array = zb.open(path)
        for value in range(kill * 1000 + 1, 10**9):
            array[...] = value
            array.flush()
    time.sleep(random.uniform(0.002, 0.02))
    os.kill(child, signal.SIGKILL)
    landed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
    with zb.open(path, read_only=True) as array:
        for region, block in array.iter_chunks():
            assert (block == block.flat[0]).all(), (kill, region, np.unique(block))
print("killed", landed, "written", int(block.flat[0]) > 0)
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork to be quick")
@pytest.mark.parametrize("name", ["a.zarr", "a.zip"])
def test_a_writer_is_killed_200_times(tmp_path: Path, name: str) -> None:
    """After every kill the array opens and each chunk holds one value throughout."""
    command = [sys.executable, "-W", "ignore", "-c", FORKING_PARENT, tmp_path / name, str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"killed {KILLS} written True"
    left = {p.name for p in tmp_path.rglob("*") if p.is_file() and p.suffix == ".zb-tmp"}
    assert len(left) <= KILLS
