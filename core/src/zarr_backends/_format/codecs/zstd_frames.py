"""Where the frames of Zstandard begin and end, found without decompressing them.

The library reads the first frame of several and is content, and reads one that is cut short
as far as it goes. From the headers of a frame's blocks it is seen where it ends.

Source: RFC 8878, section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from zstandard import ZstdError, frame_header_size, get_frame_parameters

from zarr_backends.errors import ChunkCorruptionError

__all__ = ["frame_end", "frames"]

_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
"""Numbers that frames start with which are to be skipped."""

_MAX_HEADER_NBYTES = 18
_CHECKSUM_NBYTES = 4


def frames(data: memoryview) -> Iterator[memoryview]:
    """Yield the frames of some data, without those that are to be skipped.

    Raises:
        ChunkCorruptionError: There is none, or something else.
    """
    if not data:
        message = "zstd: there are no bytes, which is not even an empty frame"
        raise ChunkCorruptionError(message)
    start = 0
    while start < len(data):
        if int.from_bytes(data[start : start + 4], "little") in _SKIPPABLE:
            start += 8 + int.from_bytes(data[start + 4 : start + 8], "little")
            if start > len(data):
                _refuse_cut(data)
            continue
        end = frame_end(data, start)
        yield data[start:end]
        start = end


def frame_end(data: memoryview, start: int) -> int:
    """Return where the frame ends that starts at `start`, from the headers of its blocks.

    Raises:
        ChunkCorruptionError: There is no frame, or not all of it.
    """
    head = data[start : start + _MAX_HEADER_NBYTES]
    try:
        has_checksum = get_frame_parameters(head).has_checksum
    except ZstdError as error:
        message = f"zstd: byte {start} of {len(data)} is not the start of a frame: {error}"
        raise ChunkCorruptionError(message) from error
    position = start + frame_header_size(head)
    header = 0
    while not header & 1:
        # Three bytes: whether it is the last block, its kind (1: one byte, repeated) and size.
        header = int.from_bytes(data[position : position + 3], "little")
        position += 3 + (1 if header & 6 == 2 else header >> 3)  # noqa: PLR2004
        if position > len(data):
            _refuse_cut(data)
    position += _CHECKSUM_NBYTES if has_checksum else 0
    if position > len(data):
        _refuse_cut(data)
    return position


def _refuse_cut(data: memoryview) -> None:
    """Raise the error that says that data end in a frame.

    Raises:
        ChunkCorruptionError: Always.
    """
    message = f"zstd: the last frame is cut short after {len(data)} bytes"
    raise ChunkCorruptionError(message)
