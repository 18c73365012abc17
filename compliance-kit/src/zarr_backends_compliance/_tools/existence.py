"""Whether an instance says that there is an array: True or False, not something like them."""

from __future__ import annotations

from typing import Any

from zarr_backends_compliance._kernel.expect import equal

__all__ = ["is_absent", "is_there"]


def is_there(backend: Any, what: str) -> None:
    """Fail unless ``exists()`` returns True; `what` begins the sentence."""
    equal(backend.exists(), expected=True, what=what)


def is_absent(backend: Any, what: str) -> None:
    """Fail unless ``exists()`` returns False; `what` begins the sentence."""
    equal(backend.exists(), expected=False, what=what)
