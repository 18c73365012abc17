"""Compressors of Python's standard library: ``gzip``, and ``zlib``, ``bz2``, ``lzma`` of v2.

Stored bytes are one stream or several, one after the other, which are joined. Nothing may
follow the last one but the zeros that gzip allows for.

Source: gzip codec specification 1; RFC 1950, RFC 1952. The others are numcodecs'.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from zarr_backends._format.codecs.base import Extent
from zarr_backends._format.codecs.options import Options
from zarr_backends.contract import Buffer
from zarr_backends.errors import ChunkCorruptionError, CodecError

__all__ = ["StandardCompressor"]

_GZIP_WINDOW = 31
"""What zlib is told to read and write gzip's header."""

_LZMA_MEMORY_NBYTES = 256 * 2**20
"""Memory that decompressing LZMA may take; its highest level needs 65 MiB."""


def _errors() -> tuple[type[Exception], ...]:
    """Return what the compressors raise for data or settings that they cannot do with."""
    import lzma  # noqa: PLC0415  # as below

    return (zlib.error, lzma.LZMAError, OSError, ValueError, TypeError, EOFError)


class StandardCompressor:
    """Bytes to bytes by one of the compressors."""

    def __init__(
        self,
        name: str,
        decoded: Extent,
        compress: Callable[[Buffer], bytes],
        new_decompressor: Callable[[], Any],
    ) -> None:
        """Prepare for data of some extent.

        Args:
            name: Of the compressor, for messages.
            decoded: The data.
            compress: Returns compressed data.
            new_decompressor: Returns an object of the interface of ``zlib.decompressobj()``
                that reads one stream.
        """
        self.encoded = decoded.compressed()
        self._decoded = decoded
        self._name = name
        self._compress = compress
        self._new_decompressor = new_decompressor

    @classmethod
    def gzip(cls, options: Options, decoded: Extent) -> StandardCompressor:
        """Build the codec ``gzip``; what it writes holds no time."""
        level = options.integer("level", 5, -1, 9)
        return cls(
            "gzip",
            decoded,
            lambda data: zlib.compress(data, level, wbits=_GZIP_WINDOW),
            lambda: zlib.decompressobj(wbits=_GZIP_WINDOW),
        )

    @classmethod
    def zlib(cls, options: Options, decoded: Extent) -> StandardCompressor:
        """Build the codec ``zlib``."""
        level = options.integer("level", 1, -1, 9)
        return cls("zlib", decoded, lambda data: zlib.compress(data, level), zlib.decompressobj)

    @classmethod
    def bz2(cls, options: Options, decoded: Extent) -> StandardCompressor:
        """Build the codec ``bz2``."""
        import bz2  # noqa: PLC0415  # of rare arrays, and no small part of importing the core

        level = options.integer("level", 1, 1, 9)
        return cls("bz2", decoded, lambda data: bz2.compress(data, level), bz2.BZ2Decompressor)

    @classmethod
    def lzma(cls, options: Options, decoded: Extent) -> StandardCompressor:
        """Build the codec ``lzma``; its options are those of Python's module."""
        import lzma  # noqa: PLC0415  # of rare arrays, and no small part of importing the core

        container = options.integer("format", lzma.FORMAT_XZ, lzma.FORMAT_XZ, lzma.FORMAT_RAW)
        check = options.integer("check", -1, -1, 15)
        preset = options.take("preset")
        filters = options.take("filters")
        is_raw = container == lzma.FORMAT_RAW
        limits = {"filters": filters} if is_raw else {"memlimit": _LZMA_MEMORY_NBYTES}

        def compress(data: Buffer) -> bytes:
            return lzma.compress(data, container, check, preset, filters)

        return cls("lzma", decoded, compress, lambda: lzma.LZMADecompressor(container, **limits))

    def encode(self, data: Buffer) -> bytes:
        """Return one stream.

        Raises:
            CodecError: The compressor does not take its settings.
        """
        try:
            return self._compress(data)
        except _errors() as error:
            message = f"{self._name}: {len(data)} bytes cannot be compressed: {error}"
            raise CodecError(message) from error

    def decode(self, data: Buffer) -> bytes:
        """Return the content of every stream.

        Raises:
            ChunkCorruptionError: The streams are damaged, cut short, followed by something,
                or hold another number of bytes than a chunk has.
        """
        try:
            return self._decode_streams(data)
        except _errors() as error:
            if isinstance(error, ChunkCorruptionError):
                raise
            message = f"{self._name}: {len(data)} bytes cannot be decompressed: {error}"
            raise ChunkCorruptionError(message) from error

    def _decode_streams(self, data: Buffer) -> bytes:
        """Return the content of every stream.

        Raises:
            ChunkCorruptionError: A stream is cut short, or there is more than a chunk has.
        """
        parts: list[bytes] = []
        nbytes = 0
        rest = data
        while rest or not parts:
            stream = self._new_decompressor()
            # One byte more than there may be, to see that there is one.
            parts.append(stream.decompress(rest, self._decoded.nbytes - nbytes + 1))
            nbytes += len(parts[-1])
            if nbytes > self._decoded.nbytes:
                break
            if not stream.eof:
                message = f"{self._name}: the data are cut short after {len(data)} bytes"
                raise ChunkCorruptionError(message)
            rest = stream.unused_data
            if self._name == "gzip" and not rest.strip(b"\0"):
                break
        self._decoded.check(nbytes, self._name)
        return parts[0] if len(parts) == 1 else b"".join(parts)
