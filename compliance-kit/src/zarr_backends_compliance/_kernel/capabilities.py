"""What a backend can do beyond the ten members, found by structure as the core finds it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from zarr_backends import (
    SupportsAtomicUpdate,
    SupportsBatches,
    SupportsBatchReads,
    SupportsClose,
    SupportsFlush,
    SupportsKeys,
    SupportsRangeReads,
    SupportsSizes,
    SupportsSnapshots,
    SupportsTransactions,
    SupportsUrls,
)

__all__ = ["CAPABILITIES", "SURROUNDINGS", "capabilities_of", "members_of"]

CAPABILITIES: MappingProxyType[str, type[Any]] = MappingProxyType(
    {
        "batch reads": SupportsBatchReads,
        "batches": SupportsBatches,
        "close": SupportsClose,
        "flush": SupportsFlush,
        "keys": SupportsKeys,
        "ranges": SupportsRangeReads,
        "sizes": SupportsSizes,
        "snapshots": SupportsSnapshots,
        "transactions": SupportsTransactions,
        "updates": SupportsAtomicUpdate,
        "urls": SupportsUrls,
    }
)
"""The optional capabilities of the contract, by the names that checks use."""

SURROUNDINGS = MappingProxyType(
    {
        "network": "an option that names a host and a port",
        "http": "an option that is an http url",
        "secret": "an option that is a credential",
        "processes": "a place that other processes can reach",
        "places": "an option that names the place of an array",
    }
)
"""What else a check may need, and how a skip says that it is missing."""


def capabilities_of(backend: object) -> frozenset[str]:
    """Return the names of the capabilities that a connected backend has."""
    return frozenset(
        name for name, protocol in CAPABILITIES.items() if isinstance(backend, protocol)
    )


def members_of(capability: str) -> tuple[str, ...]:
    """Return the names of the methods that make a capability, beside those of one below it."""
    return tuple(
        name
        for name, value in vars(CAPABILITIES[capability]).items()
        if callable(value) and (not name.startswith("_") or name in ("__enter__", "__exit__"))
        if getattr(value, "__qualname__", "").startswith("Supports")
    )
