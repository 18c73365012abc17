"""Backends over backends: each serves the contract that its inner one serves, and something more.

>>> import zarr_backends as zb
>>> a = zb.create(storage="retry", inner="memory://scratch/run", shape=4, dtype="int8")
>>> a[:] = 7
>>> a[...].tolist()
[7, 7, 7, 7]
"""

from zarr_backends_wrappers._blobs import SweepReport
from zarr_backends_wrappers._breaker import BreakerState
from zarr_backends_wrappers._cache import CacheBackend, CacheStatistics
from zarr_backends_wrappers._checksum import ChecksumBackend
from zarr_backends_wrappers._circuit_breaker import CircuitBreakerBackend, CircuitOpenError
from zarr_backends_wrappers._content_addressed import (
    ContentAddressedBackend,
    DeduplicationStatistics,
)
from zarr_backends_wrappers._inner import Inner
from zarr_backends_wrappers._instrumented import InstrumentedBackend, OperationStatistics
from zarr_backends_wrappers._latency import LatencyBackend
from zarr_backends_wrappers._migration import MigrationReport
from zarr_backends_wrappers._mock import Call, MockBackend
from zarr_backends_wrappers._operations import OPERATIONS
from zarr_backends_wrappers._prefix_partitioned import PrefixPartitionedBackend
from zarr_backends_wrappers._quota import QuotaBackend
from zarr_backends_wrappers._read_only import ReadOnlyBackend
from zarr_backends_wrappers._repair import Difference, RepairReport
from zarr_backends_wrappers._replicated import ReplicatedBackend
from zarr_backends_wrappers._retry import RetryBackend
from zarr_backends_wrappers._tiered import TieredBackend
from zarr_backends_wrappers._usage import Usage

__all__ = [
    "OPERATIONS",
    "BreakerState",
    "CacheBackend",
    "CacheStatistics",
    "Call",
    "ChecksumBackend",
    "CircuitBreakerBackend",
    "CircuitOpenError",
    "ContentAddressedBackend",
    "DeduplicationStatistics",
    "Difference",
    "Inner",
    "InstrumentedBackend",
    "LatencyBackend",
    "MigrationReport",
    "MockBackend",
    "OperationStatistics",
    "PrefixPartitionedBackend",
    "QuotaBackend",
    "ReadOnlyBackend",
    "RepairReport",
    "ReplicatedBackend",
    "RetryBackend",
    "SweepReport",
    "TieredBackend",
    "Usage",
]
