"""Whether other processes can reach the place of an array.

They can, unless the backend says deliberately that they cannot: `open` with the same options
finds no array in another process, and a pickled instance either is refused or raises
`ConfigurationError` there. One whose pickle carries a copy of the array that nobody else
sees says nothing deliberately; it is treated as out of reach here, and the check that looks
at pickles reports it.
"""

from __future__ import annotations

import pickle
from typing import Any

from zarr_backends import ArrayNotFoundError, ConfigurationError
from zarr_backends_compliance._kernel.samples import v3_metadata
from zarr_backends_compliance._kernel.target import Target
from zarr_backends_compliance._kernel.trial import Trial

__all__ = ["other_processes_reach"]

_HERE, _THERE = b"written here", b"written there"


def other_processes_reach(target: Target, folder: str) -> bool:
    """Write an array at a fresh place and look for it in another process.

    Args:
        target: What is tested.
        folder: Folder for the kit's own files.

    Returns:
        Whether the checks may use other processes. It is also true where nothing can be
        said, so that the checks say it.
    """
    try:
        opens, uses = _tried(Trial(target, folder=folder))
    except Exception:
        return True
    return opens != "absent" or uses not in ("refused", "private")


def _tried(t: Trial) -> tuple[str, str]:
    """Say what `open` and a pickle came to in another process."""
    backend = t.create("probe")
    if backend.exists() or next(iter(backend.list_chunks()), None) is not None:
        t.release()
        return "occupied", "unused"  # it is not ours to write to; another check reports it
    try:
        backend.write_metadata(v3_metadata(), 3)
        backend.write_chunk((0,), _HERE)
        t.settle(backend)
        opens, uses = t.child(_looked_for, _pickled(backend))
        private = uses == "used" and bytes(backend.read_chunk((0,))) == _HERE
    finally:
        t.finish()
    return opens, "private" if private else uses


def _pickled(backend: Any) -> bytes | None:
    """Return an instance's pickle, None where it cannot be pickled."""
    try:
        return pickle.dumps(backend)
    except Exception:
        return None


def _looked_for(t: Trial, pickled: bytes | None) -> tuple[str, str]:
    """Look for the array in this process; say what `open` and the pickle came to."""
    try:
        opens = "found" if t.open("probe").exists() else "absent"
    except ArrayNotFoundError:
        opens = "absent"
    except Exception:
        opens = "failed"
    if pickled is None:
        return opens, "refused"
    try:
        backend = pickle.loads(pickled)  # noqa: S301  # made by the kit itself
        backend.read_chunk((0,))
        backend.write_chunk((0,), _THERE)
        t.settle(backend)
    except ConfigurationError:
        return opens, "refused"
    except Exception:
        return opens, "failed"
    return opens, "used"
