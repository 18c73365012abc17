"""What the tests of the filesystem backend share: its kinds, its calls, a look at the disk."""

from __future__ import annotations

from pathlib import Path

from zarr_backends._storage.filesystem.backend import FilesystemBackend
from zarr_backends._storage.filesystem.inode_locks import WritableInodeLock
from zarr_backends._storage.filesystem.stripe_locks import StripeLock

__all__ = ["CALLS", "NetworkBackend", "PortableBackend", "files_of"]


class PortableBackend(FilesystemBackend):
    """The backend as it is where there is neither ``flock`` nor hard links."""

    _lock_kind = StripeLock


class NetworkBackend(FilesystemBackend):
    """The backend as it is on NFS."""

    _lock_kind = WritableInodeLock


CALLS = {
    "get": lambda b, k: b.get(k),
    "get_many": lambda b, k: b.get_many(["k", k]),
    "get_range": lambda b, k: b.get_range(k, 0, 1),
    "open_value": lambda b, k: b.open_value(k),
    "size": lambda b, k: b.size(k),
    "set": lambda b, k: b.set(k, b"x"),
    "set_if_absent": lambda b, k: b.set_if_absent(k, b"x"),
    "update": lambda b, k: b.update(k, lambda _: b"x"),
    "delete": lambda b, k: b.delete(k),
}
"""Every method that takes a key, with a backend and a key to be called with."""


def files_of(root: Path) -> set[str]:
    """Return what is really in a tree, as keys; folders with a slash at their end."""
    return {
        path.relative_to(root).as_posix() + ("/" if path.is_dir() and not path.is_symlink() else "")
        for path in root.rglob("*")
    }
