"""Whether other processes can reach what a backend keeps.

One that keeps arrays in the memory of its process says so when its instance is unpickled in
another one. Nothing else counts: to keep arrays where others do not find them is a fault.
"""

from __future__ import annotations

import pickle

from zarr_backends import Backend, ConfigurationError, SupportsClose
from zarr_backends_compliance._kernel.children import Child
from zarr_backends_compliance._kernel.target import Target

__all__ = ["can_reach"]

_NAME = "zbc-process"
"""Name of a place that is connected to; nothing is written there."""

_answers: dict[type[Backend], bool] = {}


def can_reach(target: Target) -> bool:
    """Whether other processes can work at the places of a target.

    Args:
        target: Its backend is created, pickled, and unpickled in another process.

    Returns:
        False only where the backend says so, or no option names a place.
    """
    if not target.options:
        return False  # nothing says where an array is, so each instance has its own
    if target.backend not in _answers:
        _answers[target.backend] = _ask(target)
    return _answers[target.backend]


def _ask(target: Target) -> bool:
    """Unpickle an instance elsewhere; whatever else goes wrong is for the checks to say."""
    try:
        backend = target.backend.create(**target.at(_NAME))
        pickled = pickle.dumps(backend)
        if isinstance(backend, SupportsClose):
            backend.close()
        return not Child(is_refused, pickled).result()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return True


def is_refused(pickled: bytes) -> bool:
    """Whether an instance says that it cannot be had in this process."""
    try:
        backend = pickle.loads(pickled)  # noqa: S301  # our own process made it
    except ConfigurationError:
        return True
    if isinstance(backend, SupportsClose):
        backend.close()
    return False
