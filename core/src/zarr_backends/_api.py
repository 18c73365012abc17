"""What users call: `create`, `open`, `copy`, `zarr_store`; and `resolve`, for other packages."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from numpy.typing import DTypeLike

from zarr_backends._engine.array import Array
from zarr_backends._engine.creation import create_array, open_array
from zarr_backends._engine.transfer import Progress, copy_array
from zarr_backends._format.creation.new_metadata import new_metadata
from zarr_backends._storage import urls
from zarr_backends._storage.keyvalue.backend import KeyValueBackend
from zarr_backends._storage.registry.options import check_options
from zarr_backends.contract import Backend, SupportsClose, SupportsKeys
from zarr_backends.errors import ConfigurationError

if TYPE_CHECKING:
    from zarr_backends._storage.zarr_store import BackendStore

__all__ = ["Target", "copy", "create", "open", "resolve", "zarr_store"]

Target: TypeAlias = str | os.PathLike[str] | Backend
"""A url, a path, or a backend that is connected already."""

_KEY_VALUE_OPEN = vars(KeyValueBackend)["open"].__func__
"""How key-value backends open, unless they have a way of their own."""


def create(  # noqa: PLR0913  # the parameters that zarr-python's users know
    target: Target | None = None,
    /,
    *,
    storage: str | type[Backend] | None = None,
    shape: int | Sequence[int],
    dtype: DTypeLike | str = "float64",
    chunks: int | Sequence[int] | Literal["auto"] = "auto",
    shards: int | Sequence[int] | None = None,
    fill_value: Any = None,
    compressor: Any = "auto",
    codecs: Sequence[Any] | None = None,
    filters: Sequence[Any] | None = None,
    dimension_names: Sequence[str | None] | None = None,
    attributes: Mapping[str, Any] | None = None,
    zarr_format: Literal[2, 3] = 3,
    order: Literal["C", "F"] = "C",
    chunk_key_encoding: Any = None,
    overwrite: bool = False,
    **options: Any,
) -> Array:
    """Make a new array.

    Args:
        target: Where: a url such as ``"s3://bucket/run/1"``, a path (``"x.zarr"`` is a
            folder, ``"x.zip"`` an archive) or a connected backend.
        storage: Id of a backend, instead of or beside `target`.
        shape: Length of every dimension in elements.
        dtype: Data type, as NumPy takes it; ``"string"`` for strings of any length.
        chunks: Length of a chunk along every dimension; ``"auto"`` chooses.
        shards: Length of a shard, a multiple of `chunks`; None stores chunks singly.
        fill_value: What reads where nothing was written; None is the zero of the dtype.
        compressor: ``"auto"`` (zstd), None, a name, a configuration or a codec object.
        codecs: The whole Zarr v3 codec pipeline, instead of `compressor` and `filters`.
        filters: Codecs that come before the compressor.
        dimension_names: Names of the dimensions.
        attributes: The user's attributes.
        zarr_format: 3 or 2.
        order: Layout of elements inside a chunk, ``"C"`` or ``"F"``.
        chunk_key_encoding: How chunks are named, for example ``{"name": "v2"}``.
        overwrite: Delete what is stored there first.
        **options: Options of the backend; `backend_info` lists them.

    Returns:
        The array, open for reading and writing.

    Raises:
        ArrayExistsError: The place is occupied and `overwrite` is false.
        ConfigurationError: An argument or option is unknown or impossible.
        UnknownBackendError: No backend has this id or url scheme.
    """
    metadata = new_metadata(
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        shards=shards,
        fill_value=fill_value,
        compressor=compressor,
        codecs=codecs,
        filters=filters,
        dimension_names=dimension_names,
        attributes=attributes,
        zarr_format=zarr_format,
        order=order,
        chunk_key_encoding=chunk_key_encoding,
    )
    backend = _connect(target, storage, options, "create")
    try:
        return create_array(backend, metadata, overwrite=overwrite)
    except BaseException:
        _release(backend, target)
        raise


def open(  # noqa: A001  # the word that everyone expects
    target: Target | None = None,
    /,
    *,
    storage: str | type[Backend] | None = None,
    read_only: bool = False,
    **options: Any,
) -> Array:
    """Open an array that exists, of either Zarr format.

    Args:
        target: Where: a url, a path or a connected backend.
        storage: Id of a backend, instead of or beside `target`.
        read_only: Refuse every write through this array.
        **options: Options of the backend.

    Returns:
        The array.

    Raises:
        ArrayNotFoundError: No array is stored there.
        MetadataError: What is stored is not a Zarr array, or not a supported one.
        ConfigurationError: An option is unknown or impossible.
        UnknownBackendError: No backend has this id or url scheme.
    """
    backend = _connect(target, storage, options, "open")
    try:
        return open_array(backend, read_only=read_only)
    except BaseException:
        _release(backend, target)
        raise


def copy(
    source: Array | Target,
    target: Target,
    /,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Array:
    """Copy an array to another place, of any backend, chunk bytes as they are.

    Args:
        source: An open array, or where it is.
        target: Where to.
        overwrite: Delete what the target holds first.
        progress: Called with the number of chunks done and of all, after every chunk.

    Returns:
        The new array, open and flushed.

    Raises:
        ArrayExistsError: The target is occupied and `overwrite` is false.
        ArrayNotFoundError: The source is not there.
    """
    if not isinstance(source, Array):
        with open(source, read_only=True) as opened:
            return copy(opened, target, overwrite=overwrite, progress=progress)
    backend = _connect(target, None, {}, "create")
    try:
        return copy_array(source, backend, overwrite=overwrite, progress=progress)
    except BaseException:
        _release(backend, target)
        raise


def resolve(
    target: str | os.PathLike[str] | None = None,
    /,
    *,
    storage: str | type[Backend] | None = None,
    **options: Any,
) -> tuple[type[Backend], dict[str, Any]]:
    """Return the backend class and the options that a place stands for; connects nowhere.

    For packages that connect themselves: wrappers around a backend, servers, test kits.

    Args:
        target: A url or a path.
        storage: Id or class of a backend, instead of or beside `target`.
        **options: Options of the backend beside what `target` says.

    Raises:
        ConfigurationError: The target, or an option beside it, is impossible.
        UnknownBackendError: No backend has this id or url scheme.
        InvalidBackendError: The backend cannot be loaded.

    >>> cls, options = resolve("memory://scratch/run/1")
    >>> cls.backend_id, options
    ('memory', {'name': 'scratch', 'prefix': 'run/1'})
    """
    return urls.resolve(target, storage, options)


def zarr_store(
    target: Target | None = None,
    /,
    *,
    storage: str | type[Backend] | None = None,
    read_only: bool = False,
    **options: Any,
) -> BackendStore:
    """Return a place as a store of zarr-python: groups, xarray, dask, all of Zarr.

    Args:
        target: Where: a url, a path or a connected backend; need not exist yet.
        storage: Id of a backend, instead of or beside `target`.
        read_only: Refuse every write through this store.
        **options: Options of the backend.

    Returns:
        A store on the same place; a backend without keys gives one of its single array.

    Raises:
        ConfigurationError: zarr-python is not installed, or an option is impossible.
        ModuleNotFoundError: zarr-python is installed, but something that it needs is not.
    """
    try:
        from zarr_backends._storage import zarr_store as adapter  # noqa: PLC0415  # zarr is heavy
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "zarr":
            raise
        message = 'zarr_store needs zarr-python: pip install "zarr-backends[zarr]"'
        raise ConfigurationError(message) from error
    backend = _connect(target, storage, options, "create")
    return adapter.zarr_store(backend, read_only=read_only, close_backend=backend is not target)


def _connect(
    target: Target | None,
    storage: str | type[Backend] | None,
    options: Mapping[str, Any],
    method: Literal["create", "open"],
) -> Backend:
    """Return the backend that a target, an id and options mean together."""
    if target is not None and not isinstance(target, str | os.PathLike):
        if storage is None and not options and isinstance(target, Backend | SupportsKeys):
            return target  # zarr_store takes one of keys alone, and no other caller passes it
        message = (
            f"target must be a url, a path or a backend, not {type(target).__name__}; "
            "a backend that is connected already takes no storage= and no options"
        )
        raise ConfigurationError(message, option="target")
    cls, merged = urls.resolve(target, storage, options)
    check_options(cls, merged, method)
    if method == "open" and getattr(cls.open, "__func__", None) is _KEY_VALUE_OPEN:
        # The array's metadata is read next; asking before whether it is there would be a
        # request more for the same answer.
        method = "create"
    backend: Backend = getattr(cls, method)(**merged)
    return backend


def _release(backend: Backend, target: Target | None) -> None:
    """Close a backend that was connected here for a call that failed."""
    if backend is not target and isinstance(backend, SupportsClose):
        backend.close()
