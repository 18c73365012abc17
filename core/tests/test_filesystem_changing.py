"""Folders that change while they are listed, on the disk and in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from zarr_backends._storage.filesystem.backend import FilesystemBackend

COUNT = 2000


@pytest.fixture(params=["disk", "memory"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FilesystemBackend]:
    """Return a backend in a folder of each kind."""
    memory = Path("/dev/shm")  # noqa: S108  # a name is made in it
    if request.param == "memory" and not memory.is_dir():
        pytest.skip("there is no file system in memory")
    with tempfile.TemporaryDirectory(
        dir=memory if request.param == "memory" else tmp_path
    ) as folder:
        backend = FilesystemBackend.create(path=folder)
        for i in range(COUNT):
            backend.set(f"c/{i}", b"old")
        yield backend


def test_what_is_replaced_while_it_is_listed_is_listed_once(backend: FilesystemBackend) -> None:
    """A file system may give a file that takes the place of another twice, or not at all."""
    listed = []
    for n, key in enumerate(backend.list_keys()):
        listed.append(key)
        backend.set(f"c/{7 * n % COUNT}", b"new")
    assert sorted(listed) == sorted(f"c/{i}" for i in range(COUNT))


def test_what_is_deleted_while_it_is_listed_takes_nothing_else_along(
    backend: FilesystemBackend,
) -> None:
    """All that stays is listed, once each."""
    listed = []
    for key in backend.list_keys():
        listed.append(key)
        if key.endswith(("1", "3", "5", "7", "9")):
            backend.delete(key)
    assert sorted(listed) == sorted(f"c/{i}" for i in range(COUNT))


def test_a_folder_that_grows_with_its_listing_ends(backend: FilesystemBackend) -> None:
    """Whoever writes for each key that is listed does not do so for ever."""
    listed = 0
    for key in backend.list_keys():
        listed += 1
        backend.set(f"{key}x", b"new")
    assert listed >= COUNT
