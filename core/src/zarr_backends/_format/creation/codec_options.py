"""Compressors, filters and codecs as users give them, as documents have them.

Accepted are names, dictionaries of either format (``{"id": ...}`` of v2 and ``{"name":
...}`` of v3), codecs of numcodecs and codecs of zarr-python. A codec of the one format is
written as its counterpart of the other where it has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zarr_backends._format.metadata.json_values import json_object
from zarr_backends.errors import ConfigurationError

__all__ = ["DEFAULT_ZSTD_LEVEL", "codec_list", "codec_v2", "codec_v3", "endian_bytes"]

DEFAULT_ZSTD_LEVEL = 1
"""Level of zstd where none is given. Against level 3, which zarr-python takes, one thread
writes about twice as fast (noisy floats 180 -> 400 MB/s, 16-bit images 180 -> 350 MB/s,
smooth floats 620 -> 1000 MB/s; runs of labels 530 -> 460 MB/s), reads as fast, and needs
up to 45 % more room where data compress well."""

_DEFAULTS: dict[str, dict[str, Any]] = {
    "zstd": {"level": DEFAULT_ZSTD_LEVEL},
    "gzip": {"level": 5},
    "zlib": {"level": 1},
    "blosc": {"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
    "lz4": {"acceleration": 1},
    "bz2": {"level": 1},
    "lzma": {"format": 1, "check": -1, "preset": None, "filters": None},
}
"""Compressors that may be given by name, with the v2 configuration that is meant."""

_NUMCODECS = "numcodecs."
"""What v3 names start with of codecs that only numcodecs has."""

_SHUFFLES = {0: "noshuffle", 1: "shuffle", 2: "bitshuffle"}
"""Blosc's ways to reorder bytes: numbers in v2, names in v3."""


_MAX_TYPESIZE = 255
"""Bytes of the largest element that blosc knows."""


def codec_list(codecs: Any, option: str) -> Sequence[Any]:
    """Return what was given for several codecs as a sequence; None is an empty one.

    Raises:
        ConfigurationError: It is a single codec, or none.
    """
    if codecs is None:
        return ()
    if isinstance(codecs, list | tuple):
        return codecs
    message = f"{option} must be a list of codecs, not {codecs!r:.80}"
    raise ConfigurationError(message, option=option)


def _document(codec: Any, option: str) -> dict[str, Any]:
    """Return a codec as the object that it is in one format or the other.

    Args:
        codec: Name, mapping, or codec of numcodecs or zarr-python.
        option: Argument concerned, for messages.

    Raises:
        ConfigurationError: `codec` is none of these.
    """
    if isinstance(codec, str):
        return _named(codec, option)
    for method in ("to_dict", "get_config"):
        if hasattr(codec, method) and not isinstance(codec, type):
            codec = getattr(codec, method)()
            break
    if isinstance(codec, Mapping) and isinstance(codec.get("name", codec.get("id")), str):
        return json_object(codec, option)
    message = (
        f"{option} {codec!r:.80} is no codec; give a name such as 'zstd', a dict with 'name' (v3) "
        "or 'id' (v2), or an instance of a codec of numcodecs or zarr; several go into codecs="
    )
    raise ConfigurationError(message, option=option)


def codec_v2(codec: Any, option: str) -> dict[str, Any]:
    """Return a codec as v2 has it, an object with an id.

    Raises:
        ConfigurationError: v2 has no such codec.
    """
    document = _document(codec, option)
    if "id" not in document:
        document = _v3_to_v2(document, option)
    if document["id"] == "zstd" and not document.get("checksum", True):
        # Older versions of numcodecs do not know this member, and false is what they do.
        del document["checksum"]
    return document


def codec_v3(codec: Any, dtype: np.dtype[Any], option: str) -> dict[str, Any]:
    """Return a codec as v3 has it, an object with a name.

    Args:
        codec: Name, mapping, or codec of numcodecs or zarr-python.
        dtype: Stored dtype of the array, from which a missing byte order or size is taken.
        option: Argument concerned, for messages.

    Raises:
        ConfigurationError: `codec` is none.
    """
    document = _document(codec, option)
    if "name" not in document:
        return _v2_to_v3(document, dtype)
    if document["name"] == "bytes" and not document.get("configuration"):
        return endian_bytes(dtype)
    return document


def endian_bytes(dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return the v3 codec that stores elements in the byte order of `dtype`.

    Structures are stored little endian, as zarr-python reads no others.
    """
    if dtype.kind in "TO":
        return {"name": "bytes"}
    little, big = dtype.newbyteorder("<"), dtype.newbyteorder(">")
    if little == big:
        return {"name": "bytes"}
    order = "big" if dtype == big and dtype.names is None else "little"
    return {"name": "bytes", "configuration": {"endian": order}}


def _named(name: str, option: str) -> dict[str, Any]:
    """Return the codec that a name stands for.

    Raises:
        ConfigurationError: `name` is not known.
    """
    if name in _DEFAULTS:
        return {"id": name, **_DEFAULTS[name]}
    if name in ("bytes", "crc32c", "vlen-utf8", "vlen-bytes"):
        return {"name": name}
    from difflib import get_close_matches  # noqa: PLC0415  # only for messages, and slow to import

    nearest = get_close_matches(name, _DEFAULTS, 1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    message = (
        f"{option} {name!r:.80} is not known{hint} Known names are {', '.join(_DEFAULTS)}; any "
        "other codec is given as a dict with its configuration"
    )
    raise ConfigurationError(message, option=option)


def _v2_to_v3(document: Mapping[str, Any], dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return a v2 codec under its v3 name, with its v3 configuration."""
    configuration = {name: value for name, value in document.items() if name != "id"}
    match document["id"]:
        case "zstd":
            configuration.setdefault("checksum", False)
        case "gzip":
            pass
        case "blosc":
            # -1 is numcodecs' own choice by the size of elements.
            configuration = {**_DEFAULTS["blosc"], "typesize": _typesize(dtype), **configuration}
            automatic = "bitshuffle" if configuration["typesize"] == 1 else "shuffle"
            configuration["shuffle"] = _SHUFFLES.get(configuration["shuffle"], automatic)
        case name:
            return {"name": f"{_NUMCODECS}{name}", "configuration": configuration}
    return {"name": document["id"], "configuration": configuration}


def _typesize(dtype: np.dtype[Any]) -> int:
    """Return the size of elements whose bytes blosc is to reorder, at most 255."""
    return 1 if dtype.kind in "TO" or dtype.itemsize > _MAX_TYPESIZE else dtype.itemsize


def _v3_to_v2(document: Mapping[str, Any], option: str) -> dict[str, Any]:
    """Return a v3 codec under its v2 id, with its v2 configuration.

    Raises:
        ConfigurationError: v2 has no such codec.
    """
    name = document["name"]
    configuration = dict(document.get("configuration") or {})
    if name == "blosc":
        numbers = {word: number for number, word in _SHUFFLES.items()}
        configuration["shuffle"] = numbers.get(configuration.get("shuffle", "shuffle"), -1)
        configuration.pop("typesize", None)
    elif name.startswith(_NUMCODECS):
        name = name.removeprefix(_NUMCODECS)
    elif name not in ("zstd", "gzip"):
        message = (
            f"{option} {name!r:.80} is a codec of Zarr v3; zarr_format=2 takes codecs of "
            "numcodecs, as dicts with an 'id'"
        )
        raise ConfigurationError(message, option=option)
    return {"id": name, **configuration}
