"""The filesystem backend when writers are killed: every value is whole, nothing is stuck."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from zarr_backends._storage.filesystem.backend import FilesystemBackend

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="writers are forked")

KEYS = ("c/0/0", "c/0/1", "c/1/0")

NURSERY = """
import itertools, os, random, signal, sys, time
from zarr_backends._storage.filesystem.backend import FilesystemBackend
from zarr_backends._storage.filesystem.stripe_locks import StripeLock

path, program, fsync, portable, seed = sys.argv[1:]
if portable == "True":
    FilesystemBackend._lock_kind = StripeLock
backend = FilesystemBackend.create(path=path, fsync=fsync == "True")
backend.set("warm/up", b"")
backend.delete("warm/up")
random.seed(int(seed))

def whole(n):
    return bytes([n]) * (50_000 + 100 * n)

def write():
    numbers = itertools.cycle(range(1, 256))
    while True:
        key = random.choice(["c/0/0", "c/0/1", "c/1/0"])
        call = random.choice(program.split())
        if call == "set":
            backend.set(key, whole(next(numbers)))
        elif call == "update":
            backend.update(key, lambda old: whole(old[0] % 255 + 1 if old else 1))
        elif call == "delete":
            backend.delete(key)
        elif call == "create":
            backend.set_if_absent(key, whole(next(numbers)))

for line in sys.stdin:
    child = os.fork()
    if not child:
        random.seed()
        write()
    time.sleep(random.random() * 0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", flush=True)
"""
"""Forks a writer for every line that it reads, and kills it after up to 10 ms."""


@contextmanager
def nursery(root: Path, program: str, *, fsync: bool, portable: bool) -> Iterator[subprocess.Popen]:
    """Yield the process that has writers and kills them."""
    options = [str(root), program, str(fsync), str(portable), "7"]
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.communicate()
    assert process.returncode == 0


def assert_whole(backend: FilesystemBackend, *, may_be_absent: bool) -> None:
    """Check that every value is one that was written, with all its bytes."""
    for key in KEYS:
        value = backend.get(key)
        if value is None:
            assert may_be_absent
        else:
            value = bytes(value)
            assert value == value[:1] * (50_000 + 100 * value[0])
    assert set(backend.list_keys()) <= set(KEYS)


def age_temporary_files(root: Path) -> int:
    """Make what killed writers left look old, and return how much that is."""
    left = list(root.rglob(".*.zb-tmp"))
    for path in left:
        os.utime(path, (0, 0))
    return len(left)


@pytest.mark.parametrize(
    ("program", "kills", "fsync", "portable"),
    [
        ("set update", 200, False, False),
        ("set update delete create", 200, False, False),
        ("set update delete create", 50, True, False),
        ("set update delete create", 50, False, True),
    ],
)
def test_killed_writers_leave_whole_values(
    tmp_path: Path, program: str, kills: int, fsync: bool, portable: bool
) -> None:
    """After each kill every chunk is an old or a new one; locks are free, nothing is listed."""
    backend = FilesystemBackend.create(path=tmp_path)
    may_be_absent = "delete" in program
    if not may_be_absent:
        for key in KEYS:
            backend.set(key, b"\1" * 50_100)
    with nursery(tmp_path, program, fsync=fsync, portable=portable) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(kills):
            process.stdin.write("next\n")
            process.stdin.flush()
            assert process.stdout.readline() == "killed\n"
            assert_whole(backend, may_be_absent=may_be_absent)
    # Of two hundred kills some land inside a write; of fewer perhaps none.
    assert age_temporary_files(tmp_path) > 0 or kills < 200
    keys = set(backend.list_keys())
    found = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {tmp_path / key for key in keys}
