"""The codec ``zstd``.

Contexts of the library are expensive to make and serve one thread at a time, hence one for
each thread. Decoding goes by streams where memory is there to be filled: that spares a
fresh allocation, and with it the page faults that cost a third of the time at 1 MB.

Source: zstd codec specification; RFC 8878. Frames need not announce their size, and a
chunk may be several frames.
"""

from __future__ import annotations

from threading import local
from typing import cast

import zstandard

from zarr_backends._format.codecs.base import (
    Configuration,
    checked_configuration,
    corrupt,
    integer_option,
)
from zarr_backends.contract import Buffer
from zarr_backends.errors import CodecError

__all__ = ["ZstdCodec"]

_LOWEST_LEVEL, _HIGHEST_LEVEL = -131072, 22


class ZstdCodec:
    """Compresses with zstandard at a level, with or without a checksum."""

    def __init__(self, configuration: Configuration) -> None:
        """Take ``level`` and ``checksum``.

        Raises:
            CodecError: The configuration is not that of this codec.
        """
        checked_configuration("zstd", configuration, "level", "checksum")
        level = configuration.get("level", 0)
        if isinstance(level, str) and level.lstrip("-").isdecimal():
            level = int(level)  # old metadata has it as text
        self._level = integer_option(
            "zstd", {"level": level}, "level", 0, low=_LOWEST_LEVEL, high=_HIGHEST_LEVEL
        )
        checksum = configuration.get("checksum", False)
        if not isinstance(checksum, bool):
            message = f"checksum of codec 'zstd' must be true or false, not {checksum!r:.80}"
            raise CodecError(message)
        self._checksum = checksum
        self._contexts = local()

    def fixed_nbytes(self, decoded: int) -> int | None:  # noqa: ARG002  # the protocol's
        """Return None: it depends on the data."""
        return None

    def max_nbytes(self, decoded: int) -> int:
        """Return the library's bound, and room for a frame or two."""
        return decoded + (decoded >> 7) + 1024

    def encode(self, data: Buffer) -> bytes:
        """Return one frame, which announces its size."""
        try:
            compressor = self._contexts.compressor
        except AttributeError:
            compressor = zstandard.ZstdCompressor(self._level, write_checksum=self._checksum)
            self._contexts.compressor = compressor
        return cast("bytes", compressor.compress(data))

    def decode(self, data: Buffer, limit: int, *, exact: bool) -> bytes:
        """Return what all frames hold together."""
        decompressor = self._decompressor()
        try:
            announced = zstandard.frame_content_size(data)
            if announced == limit and exact:
                return decompressor.decompress(data, limit, allow_extra_data=False)
            if announced > limit:
                corrupt(f"a zstd frame announces {announced} bytes, at most {limit} are expected")
            with decompressor.stream_reader(data, read_across_frames=True) as reader:
                decoded = _read(reader, limit)
        except (zstandard.ZstdError, MemoryError) as error:
            corrupt(f"bytes are not zstd: {error}", error)
        if len(decoded) > limit or (exact and len(decoded) != limit):
            corrupt(f"zstd frames hold {len(decoded)} bytes or more, {limit} are expected")
        return decoded

    def decode_into(self, data: Buffer, target: memoryview) -> None:
        """Fill `target` with what all frames hold together."""
        decompressor = self._decompressor()
        try:
            with decompressor.stream_reader(data, read_across_frames=True) as reader:
                nbytes = reader.readinto(target)
                more = reader.read(1)
        except zstandard.ZstdError as error:
            corrupt(f"bytes are not zstd: {error}", error)
        if nbytes != len(target) or more:
            corrupt(f"zstd frames hold {'more' if more else nbytes} bytes, not {len(target)}")

    def _decompressor(self) -> zstandard.ZstdDecompressor:
        """Return this thread's context."""
        try:
            return cast("zstandard.ZstdDecompressor", self._contexts.decompressor)
        except AttributeError:
            self._contexts.decompressor = zstandard.ZstdDecompressor()
            return cast("zstandard.ZstdDecompressor", self._contexts.decompressor)


def _read(reader: zstandard.ZstdDecompressionReader, limit: int) -> bytes:
    """Return up to one byte more than `limit`, allocating only as bytes come."""
    parts = []
    missing = limit + 1
    while missing and (part := reader.read(min(missing, 1 << 24))):
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
