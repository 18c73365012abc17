"""Faults in reading parts of chunks."""

from __future__ import annotations

import threading

from zarr_backends import BackendError, Buffer
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__: list[str] = []

_PAGE = 10_000
_PART = 262_144


@mutant("ZB-RANGE-01", "The stop of a range is included.")
class InclusiveStop(Reference):
    """Takes the contract for HTTP."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Read a byte too many."""
        return super().get_range(key, start, None if stop is None else stop + 1)


@mutant("ZB-RANGE-01", "The stop of a range is taken for its length.")
class StopIsLength(Reference):
    """Takes the contract for another library's."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Read so many bytes."""
        return super().get_range(key, start, None if stop is None else start + stop)


@mutant("ZB-RANGE-01", "A range that ends exactly where a chunk ends lacks the last byte.")
class LastByteLost(Reference):
    """Compares with < instead of <=, where chunks are not small."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Stop too early at the end."""
        nbytes = self.size(key) or 0
        at_end = stop == nbytes and nbytes >= 1_000  # noqa: PLR2004
        return super().get_range(key, start, nbytes - 1 if at_end else stop)


@mutant("ZB-RANGE-02", "A suffix that is longer than the chunk is refused.")
class LongSuffixRefused(Reference):
    """Passes on what some servers answer."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Refuse what the server refuses."""
        nbytes = self.size(key)
        if nbytes is not None and -start > nbytes:
            message = "range not satisfiable"
            raise BackendError(message, backend=self.backend_id, key=key)
        return super().get_range(key, start, stop)


@mutant("ZB-RANGE-02", "A suffix longer than the chunk gives its end alone.")
class LongSuffixWraps(Reference):
    """Counts back from the end twice."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Add the length, and leave the rest to a slice."""
        value = self.get(key)
        if value is None or start >= 0:
            return super().get_range(key, start, stop)
        return bytes(value)[len(value) + start :]


@mutant("ZB-RANGE-03", "A range of no bytes gives all bytes.")
class EmptyRangeIsAll(Reference):
    """Sends 'bytes=5-4', which servers ignore."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return everything where nothing is asked for."""
        if stop is not None and stop == start:
            return self.get(key)
        return super().get_range(key, start, stop)


@mutant("ZB-RANGE-03", "A range that begins at the end of the chunk or beyond is refused.")
class PastTheEndRefused(Reference):
    """Passes on 'range not satisfiable'."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Refuse what the server refuses."""
        nbytes = self.size(key)
        if nbytes is not None and start >= nbytes:
            message = "range not satisfiable"
            raise BackendError(message, backend=self.backend_id, key=key)
        return super().get_range(key, start, stop)


@mutant("ZB-RANGE-04", "Offsets are cut to 32 bits.")
class ShortOffsets(Reference):
    """Sends offsets as C's unsigned int."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Drop the upper bits."""
        short = start & 0xFFFFFFFF if start >= 0 else start
        return super().get_range(key, short, stop if stop is None else stop & 0xFFFFFFFF)


@mutant("ZB-RANGE-04", "A buffer of the length asked for is made before anything is read.")
class EagerBuffer(Reference):
    """Trusts the caller's numbers."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Make room for all that was asked for."""
        part = super().get_range(key, start, stop)
        if part is None or stop is None or stop - start < 2**40:
            return part
        return bytes(bytearray(stop - start)[: len(part)] or part)


@mutant("ZB-RANGE-05", "An empty range of a chunk that is not stored is empty bytes.")
class EmptyRangeOfNothing(Reference):
    """Answers without asking the store."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Save a request."""
        if stop is not None and 0 <= stop <= start:
            return b""
        return super().get_range(key, start, stop)


@mutant("ZB-RANGE-05", "A range of a chunk that is not stored is empty bytes.")
class RangeOfNothing(Reference):
    """Takes 'not found' for 'not satisfiable'."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return empty bytes for an absent chunk."""
        return super().get_range(key, start, stop) or b""


@mutant("ZB-RANGE-06", "A range across exactly one border of pages lacks what is behind it.")
class OnePageOnly(Reference):
    """Forgets the second of two pages."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Stop at the end of the first page."""
        first, last = start // _PAGE, ((stop or 0) - 1) // _PAGE
        if start > 0 and stop is not None and last == first + 1:
            return super().get_range(key, start, last * _PAGE)
        return super().get_range(key, start, stop)


@mutant("ZB-RANGE-07", "The length of a chunk is remembered, and not forgotten when others write.")
class RememberedLength(Reference):
    """Saves a request for each suffix."""

    def __init__(self) -> None:
        """Begin with no length known."""
        super().__init__()
        self._lengths: dict[str, int] = {}

    def set(self, key: str, value: Buffer) -> None:
        """Forget one length."""
        self._lengths.pop(key, None)
        super().set(key, value)

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Count from the end that was."""
        if key not in self._lengths:
            self._lengths[key] = self.size(key) or 0
        if start < 0:
            start, stop = max(0, self._lengths[key] + start), self._lengths[key]
        return super().get_range(key, start, stop)


@mutant("ZB-RANGE-08", "Where a range begins at the border of a part, the part before is read.")
class PartBefore(Reference):
    """Is off by one part, beyond a megabyte."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Begin a part too early at borders."""
        if start > 0 and start % _PART == 0 and (self.size(key) or 0) > 2**20:
            shift = _PART
            return super().get_range(key, start - shift, stop and stop - shift)
        return super().get_range(key, start, stop)


@mutant("ZB-RANGE-09", "Parts are views of a buffer that the next range is read into.")
class ReusedBuffer(Reference):
    """Allocates once for each thread."""

    def __init__(self) -> None:
        """Prepare the buffers."""
        super().__init__()
        self._local = threading.local()

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Copy into the buffer of this thread."""
        part = super().get_range(key, start, stop)
        if part is None or len(part) > 4_096:  # noqa: PLR2004
            return part
        buffer = self._local.__dict__.setdefault("buffer", bytearray(4_096))
        buffer[: len(part)] = part
        return memoryview(buffer)[: len(part)]


@mutant("ZB-RANGE-10", "All threads share one position, which is set before it is used.")
class SharedPosition(Reference):
    """Seeks, and reads."""

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Keep the position in the instance while the size is asked for."""
        self._position = slice(start, stop)
        value = self.get(key)
        return None if value is None else bytes(value)[self._position]
