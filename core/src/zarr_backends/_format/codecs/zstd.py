"""The codec ``zstd``: the compressor Zstandard, by the library `zstandard`.

Stored bytes are one frame or several, one after the other; frames may leave out how large
their content is, and frames that are to be skipped are. Nothing may follow the last frame.

The library's objects are costly to make and serve one thread at a time, so each thread has
its own. It releases the interpreter's lock while it works.

Source: zstd codec specification 1; RFC 8878, section 3.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from zstandard import (
    MAX_COMPRESSION_LEVEL,
    ZstdCompressor,
    ZstdDecompressor,
    ZstdError,
    frame_content_size,
)

from zarr_backends._format.codecs.base import Extent
from zarr_backends._format.codecs.options import Options
from zarr_backends._format.codecs.zstd_frames import frame_end, frames
from zarr_backends.contract import Buffer
from zarr_backends.errors import ChunkCorruptionError, CodecError

__all__ = ["ZstdCodec"]

_MIN_LEVEL = -131072
"""The fastest level that the library has."""

_UNKNOWN = -1
"""What the library says of a frame that does not announce its size."""

_PIECE_NBYTES = 2**20
"""Bytes that are decompressed at a time where it is not known how many there will be."""

_MAX_COMPRESSORS = 4
"""Compressors that a thread keeps. One takes some megabytes, at high levels hundreds."""

_of_thread = threading.local()


def _decompressor() -> ZstdDecompressor:
    """Return this thread's decompressor."""
    try:
        decompressor: ZstdDecompressor = _of_thread.decompressor
    except AttributeError:
        decompressor = _of_thread.decompressor = ZstdDecompressor()
    return decompressor


def _compressor(level: int, checksum: bool) -> ZstdCompressor:  # noqa: FBT001  # a key
    """Return this thread's compressor for some settings."""
    try:
        compressors: dict[tuple[int, bool], ZstdCompressor] = _of_thread.compressors
    except AttributeError:
        compressors = _of_thread.compressors = {}
    compressor = compressors.get((level, checksum))
    if compressor is None:
        if len(compressors) >= _MAX_COMPRESSORS:
            compressors.clear()
        compressor = ZstdCompressor(level=level, write_checksum=checksum)
        compressors[level, checksum] = compressor
    return compressor


class ZstdCodec:
    """Bytes to bytes, compressed with Zstandard."""

    def __init__(self, decoded: Extent, level: int, *, checksum: bool) -> None:
        """Prepare for data of some extent.

        Args:
            decoded: The data.
            level: From -131072 (fast) to 22 (small); 0 is the library's own choice.
            checksum: Whether frames carry a checksum of their content. One that is there is
                always compared.
        """
        self.encoded = decoded.compressed()
        self._decoded = decoded
        self._exact_nbytes = decoded.nbytes if decoded.is_exact else 0
        self._level = level
        self._checksum = checksum

    @classmethod
    def build(cls, options: Options, decoded: Extent) -> ZstdCodec:
        """Build the codec from its configuration."""
        level = options.integer("level", 0, _MIN_LEVEL, MAX_COMPRESSION_LEVEL)
        return cls(decoded, level, checksum=options.boolean("checksum", default=False))

    def encode(self, data: Buffer) -> bytes:
        """Return one frame that announces its size.

        Raises:
            CodecError: The library failed.
        """
        try:
            return _compressor(self._level, self._checksum).compress(data)
        except ZstdError as error:
            message = f"zstd: {len(data)} bytes cannot be compressed: {error}"
            raise CodecError(message) from error

    def decode(self, data: Buffer) -> bytes:
        """Return the content of every frame.

        Raises:
            ChunkCorruptionError: The frames are damaged, cut short, followed by something,
                or hold another number of bytes than a chunk has.
        """
        nbytes = self._exact_nbytes
        content = self._single_frame(data) if nbytes else None
        if content is not None and len(content) == nbytes:
            return content
        return self._decode_frames(memoryview(data))

    def _single_frame(self, data: Buffer) -> bytes | None:
        """Return what is one frame of a chunk's size; None where it is anything else."""
        nbytes = self._exact_nbytes
        try:
            if frame_content_size(data) not in (nbytes, _UNKNOWN):
                return None
            return _decompressor().decompress(data, nbytes, allow_extra_data=False)
        except ZstdError:
            # There may be several frames; if not, it is found out what is wrong.
            return None

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Write the content of every frame into `out`.

        Raises:
            ChunkCorruptionError: As `decode`.
        """
        view = memoryview(data)
        try:
            # The library would read a frame that is cut short as far as it goes, and be
            # content. So it is given whole frames only.
            if frame_content_size(view) == out.nbytes and frame_end(view, 0) == len(view):
                reader = _decompressor().stream_reader(view)
                if reader.readinto(out) == out.nbytes:
                    return
        except (ZstdError, ChunkCorruptionError):
            pass
        out[:] = np.frombuffer(self.decode(data), np.uint8)

    def decode_many(self, chunks: Sequence[Buffer]) -> list[memoryview] | None:
        """Return the content of several chunks that are one frame each; None for any other."""
        try:
            for data in chunks:
                # The library stops behind the first frame and does not look further.
                whole = frame_content_size(data) == self._exact_nbytes
                if not whole or frame_end(memoryview(data), 0) != len(data):
                    return None
            found: Any = _decompressor().multi_decompress_to_buffer(list(chunks), threads=1)
        except (ZstdError, ChunkCorruptionError):
            return None
        return [memoryview(content) for content in found]

    def _decode_frames(self, data: memoryview) -> bytes:
        """Return the content of every frame; the way that works always, and says what fails.

        Raises:
            ChunkCorruptionError: As `decode`.
        """
        parts: list[bytes] = []
        left = self._decoded.nbytes
        try:
            for frame in frames(data):
                for piece in self._content(frame, left):
                    parts.append(piece)
                    left -= len(piece)
        except ZstdError as error:
            message = f"zstd: {len(data)} bytes cannot be decompressed: {error}"
            raise ChunkCorruptionError(message) from error
        self._decoded.check(self._decoded.nbytes - left, "zstd")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _content(self, frame: memoryview, most: int) -> Iterator[bytes]:
        """Yield the content of a frame piece by piece.

        Raises:
            ChunkCorruptionError: There are more than `most` bytes.
        """
        announced = frame_content_size(frame)
        if announced > most:
            self._refuse(announced)
        if announced != _UNKNOWN:
            yield _decompressor().decompress(frame)
            return
        reader: Any = _decompressor().stream_reader(frame)
        left = most
        while piece := reader.read(min(_PIECE_NBYTES, left + 1)):
            left -= len(piece)
            if left < 0:
                self._refuse(most - left)
            yield piece

    def _refuse(self, nbytes: int) -> None:
        """Raise the error that says that a frame is too large.

        Raises:
            ChunkCorruptionError: Always.
        """
        message = (
            f"zstd: a frame holds {nbytes} bytes or more where a chunk has {self._decoded.nbytes}"
        )
        raise ChunkCorruptionError(message)
