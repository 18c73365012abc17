"""What the metadata of one array says, whichever format it is written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index as as_int
from typing import Any, Literal, NamedTuple

import numpy as np

from zarr_backends._format.chunks.keys import ChunkKeyEncoding
from zarr_backends._format.chunks.spec import ChunkSpec
from zarr_backends._format.data_types.data_type import DataType
from zarr_backends._format.metadata.json_values import json_object
from zarr_backends._format.metadata.members import extents
from zarr_backends.contract import ZarrFormat
from zarr_backends.errors import ConfigurationError, MetadataError

__all__ = ["DIMENSIONS_ATTRIBUTE", "ArrayMetadata", "names_in_attributes"]

DIMENSIONS_ATTRIBUTE = "_ARRAY_DIMENSIONS"
"""Attribute in which xarray keeps the dimension names of Zarr v2 arrays."""


class ArrayMetadata(NamedTuple):
    """The metadata of one array, checked; see `parse_metadata` and `new_metadata`.

    Two of them are compared by their documents.
    """

    zarr_format: ZarrFormat
    """2 or 3."""
    shape: tuple[int, ...]
    """Elements along each dimension; their product may exceed any memory."""
    data_type: DataType
    """Kind of elements, with their dtype in memory."""
    stored_dtype: np.dtype[Any]
    """Dtype of elements in the chunks: byte order, and layout of v2 structures."""
    chunk_shape: tuple[int, ...]
    """Shape of what one key holds: of a shard where the array is sharded."""
    fill_value: Any
    """Scalar of the dtype in memory; what elements are that were never written."""
    codecs: tuple[dict[str, Any], ...]
    """Codec objects of v3, in encoding order; those of v2 have names such as ``"v2:zlib"``."""
    key_encoding: ChunkKeyEncoding
    """How chunks are named."""
    order: Literal["C", "F"]
    """Which index runs fastest within a stored chunk: the last one, or the first."""
    dimension_names: tuple[str | None, ...] | None
    """Name of each dimension; of v2, what xarray's attribute says."""
    attributes: dict[str, Any]
    """The user's attributes."""
    document: dict[str, Any]
    """The metadata document; of v2, with the attributes as a member."""

    def chunk_spec(self) -> ChunkSpec:
        """Return what codecs have to know of a chunk."""
        return ChunkSpec(
            shape=self.chunk_shape,
            dtype=self.data_type.dtype,
            stored_dtype=self.stored_dtype,
            fill_value=self.fill_value,
        )

    def with_shape(self, shape: Sequence[int]) -> ArrayMetadata:
        """Return the same metadata with another shape, and nothing else changed.

        Raises:
            ConfigurationError: `shape` is none, or has another number of dimensions.
        """
        try:
            new = extents([as_int(extent) for extent in shape], "shape")
        except (TypeError, MetadataError) as error:
            message = f"shape must be a tuple of integers, not {shape!r:.80}: {error}"
            raise ConfigurationError(message, option="shape") from error
        if len(new) != len(self.shape):
            message = f"shape {new} must have {len(self.shape)} dimensions, as the array has"
            raise ConfigurationError(message, option="shape")
        return self._replace(shape=new, document={**self.document, "shape": list(new)})

    def with_attributes(self, attributes: Mapping[str, Any]) -> ArrayMetadata:
        """Return the same metadata with other attributes, and nothing else changed.

        Raises:
            ConfigurationError: `attributes` is no mapping that JSON can hold.
        """
        plain = json_object(attributes, "attributes")
        names = self.dimension_names
        if self.zarr_format == 2:  # noqa: PLR2004  # the format's own number
            names = names_in_attributes(plain, len(self.shape))
        document = {**self.document, "attributes": plain}
        return self._replace(attributes=plain, dimension_names=names, document=document)


def names_in_attributes(attributes: Mapping[str, Any], ndim: int) -> tuple[str, ...] | None:
    """Return the dimension names that xarray keeps in v2 attributes, if they are well formed."""
    names = attributes.get(DIMENSIONS_ATTRIBUTE)
    if not isinstance(names, list) or len(names) != ndim:
        return None
    return tuple(names) if all(isinstance(name, str) for name in names) else None
