"""What is around a backend: servers that its options name, credentials, other processes."""

from __future__ import annotations

from zarr_backends_compliance._kernel.target import Target

__all__ = ["surroundings_of"]


def surroundings_of(target: Target) -> frozenset[str]:
    """Return the names of what there is around a backend; see `SURROUNDINGS`."""
    return frozenset({"places"} if target.has_places else set())
