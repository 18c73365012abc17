"""The codecs of the library numcodecs, under their names in Zarr v2 and v3.

Zarr v2 runs filters and compressor on the flat elements; here each of them makes bytes of
bytes. Zarr v3 has them as ``blosc`` and as ``numcodecs.<id>``, where those that change
elements make arrays of arrays. Codecs that would run code while decoding, or have no
bound, are refused.

Source: numcodecs' documentation; Zarr v2 specification, "Filters"; blosc codec specification.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


from zarr_backends._format.chunk_spec import ChunkSpec
from zarr_backends._format.codecs.base import Configuration, checked_configuration
from zarr_backends._format.codecs.numcodecs_arrays import ARRAY_IDS, NumcodecsArrayCodec
from zarr_backends._format.codecs.numcodecs_bytes import NumcodecsBytesCodec
from zarr_backends._format.codecs.numcodecs_serializers import NumcodecsSerializer
from zarr_backends.errors import CodecError

__all__ = ["make_numcodecs"]

_REFUSED = {
    "pickle": "unpickling runs whatever code is stored",
    "json2": "its text has no bound",
    "msgpack2": "its objects have no bound",
    "vlen-array": "its elements have no data type of Zarr",
}
"""Ids that are never decoded, and why."""

_SERIALIZERS = ("pcodec", "zfpy")
"""Ids that make bytes of arrays in Zarr v3."""

_SHUFFLES = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}
"""Blosc's shuffles: names in v3, numbers in numcodecs."""


def make_numcodecs(name: str, configuration: Configuration, spec: ChunkSpec) -> tuple[str, Any]:
    """Return a codec of numcodecs and its kind.

    Args:
        name: ``"blosc"``, ``"v2:<id>"`` or ``"numcodecs.<id>"``.
        configuration: Its options.
        spec: What it encodes.

    Returns:
        ``"array -> array"``, ``"array -> bytes"`` or ``"bytes -> bytes"``, and the codec.

    Raises:
        CodecError: The codec is unknown, refused or misconfigured, or numcodecs is not
            installed.
    """
    if name == "blosc":
        return "bytes -> bytes", _blosc(configuration, spec)
    version, _, codec_id = name.partition("." if name.startswith("numcodecs.") else ":")
    if version not in ("v2", "numcodecs") or not codec_id:
        message = f"unknown codec {name!r:.80}"
        raise CodecError(message)
    if codec_id in _REFUSED:
        message = f"codec {codec_id!r} is refused: {_REFUSED[codec_id]}"
        raise CodecError(message)
    codec = _codec(codec_id, configuration)
    if version == "numcodecs" and codec_id in ARRAY_IDS:
        return "array -> array", NumcodecsArrayCodec(codec_id, codec, spec)
    if version == "numcodecs" and codec_id in _SERIALIZERS:
        return "array -> bytes", NumcodecsSerializer(codec_id, codec, spec)
    return "bytes -> bytes", NumcodecsBytesCodec(codec_id, codec, spec)


def _blosc(configuration: Configuration, spec: ChunkSpec) -> NumcodecsBytesCodec:
    """Return blosc as Zarr v3 configures it."""
    checked_configuration(
        "blosc", configuration, "cname", "clevel", "shuffle", "typesize", "blocksize"
    )
    shuffle = configuration.get("shuffle", "noshuffle")
    if shuffle not in _SHUFFLES:
        message = f"shuffle of codec 'blosc' must be one of {list(_SHUFFLES)}, not {shuffle!r:.80}"
        raise CodecError(message)
    words = {
        "cname": configuration.get("cname", "zstd"),
        "clevel": configuration.get("clevel", 5),
        "shuffle": _SHUFFLES[shuffle],
        "blocksize": configuration.get("blocksize", 0),
    }
    typesize = configuration.get("typesize", spec.dtype.itemsize)
    if isinstance(typesize, bool) or not isinstance(typesize, int) or typesize < 1:
        message = f"typesize of codec 'blosc' must be a positive integer, not {typesize!r:.80}"
        raise CodecError(message)
    return NumcodecsBytesCodec("blosc", _codec("blosc", words), spec, itemsize=typesize)


def _codec(codec_id: str, configuration: Configuration) -> Any:
    """Return the library's codec object."""
    get_codec, unknown = _numcodecs()
    try:
        return get_codec({**configuration, "id": codec_id})
    except unknown as error:
        message = f"unknown codec {codec_id!r:.80}; numcodecs has none of this name"
        raise CodecError(message) from error
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
        message = f"codec {codec_id!r} can't take {dict(configuration)!r:.120}: {error}"
        raise CodecError(message) from error


def _numcodecs() -> tuple[Callable[[Any], Any], type[Exception]]:
    """Return the library's registry and its error for unknown ids."""
    try:
        from numcodecs.registry import get_codec  # noqa: PLC0415  # an extra, and slow to import
    except ModuleNotFoundError as error:
        message = 'this codec needs numcodecs: pip install "zarr-backends[numcodecs]"'
        raise CodecError(message) from error
    try:
        from numcodecs.errors import UnknownCodecError  # noqa: PLC0415  # newer releases have it
    except ModuleNotFoundError:
        return get_codec, ValueError
    return get_codec, UnknownCodecError
