"""One Zarr array API over any storage.

>>> import zarr_backends as zb
>>> a = zb.create("memory:", shape=(4, 6), chunks=(2, 3), dtype="int16")
>>> a[1:3, ::2] = 7
>>> a[1].tolist()
[7, 0, 7, 0, 7, 0]
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from zarr_backends._api import Target, copy, create, open, resolve, zarr_store  # noqa: A004  # our own words
from zarr_backends._engine.array import Array
from zarr_backends._engine.attributes import Attributes
from zarr_backends._storage.keyvalue.backend import KeyValueBackend
from zarr_backends._storage.registry.registered import (
    get_backend,
    is_registered,
    list_backends,
    register,
    unregister,
)
from zarr_backends.contract import (
    CONTRACT_VERSION,
    Backend,
    Buffer,
    ChunkIndex,
    Snapshot,
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
    Transform,
    ZarrFormat,
    contiguous_view,
)
from zarr_backends.errors import (
    ArrayExistsError,
    ArrayNotFoundError,
    BackendError,
    BackendTimeoutError,
    ChunkCorruptionError,
    ChunkNotFoundError,
    CodecError,
    ConfigurationError,
    ConflictError,
    CorruptStorageError,
    InvalidBackendError,
    MetadataError,
    MetadataNotFoundError,
    NetworkError,
    NotFoundError,
    PermissionDeniedError,
    StorageFullError,
    UnknownBackendError,
    ZarrBackendsError,
)

if TYPE_CHECKING:
    from zarr_backends._engine.info import ArrayInfo
    from zarr_backends._storage.registry.backend_info import BackendInfo, backend_info

__all__ = [
    "CONTRACT_VERSION",
    "Array",
    "ArrayExistsError",
    "ArrayInfo",
    "ArrayNotFoundError",
    "Attributes",
    "Backend",
    "BackendError",
    "BackendInfo",
    "BackendTimeoutError",
    "Buffer",
    "ChunkCorruptionError",
    "ChunkIndex",
    "ChunkNotFoundError",
    "CodecError",
    "ConfigurationError",
    "ConflictError",
    "CorruptStorageError",
    "InvalidBackendError",
    "KeyValueBackend",
    "MetadataError",
    "MetadataNotFoundError",
    "NetworkError",
    "NotFoundError",
    "PermissionDeniedError",
    "Snapshot",
    "StorageFullError",
    "SupportsAtomicUpdate",
    "SupportsBatchReads",
    "SupportsBatches",
    "SupportsClose",
    "SupportsFlush",
    "SupportsKeys",
    "SupportsRangeReads",
    "SupportsSizes",
    "SupportsSnapshots",
    "SupportsTransactions",
    "SupportsUrls",
    "Target",
    "Transform",
    "UnknownBackendError",
    "ZarrBackendsError",
    "ZarrFormat",
    "backend_info",
    "contiguous_view",
    "copy",
    "create",
    "get_backend",
    "is_registered",
    "list_backends",
    "open",
    "register",
    "resolve",
    "unregister",
    "zarr_store",
]


_LATER = {
    "ArrayInfo": "zarr_backends._engine.info",
    "BackendInfo": "zarr_backends._storage.registry.backend_info",
    "backend_info": "zarr_backends._storage.registry.backend_info",
}
"""Modules that are imported when one of their names is asked for: dataclasses, which they
define, are slow to make, and programs that read and write arrays do not need them."""


def __getattr__(name: str) -> Any:
    """Return what is seldom needed, and the version of the installed distribution."""
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  # slow, and seldom needed

        return version("zarr-backends")
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
