"""Faults in chunk indices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zarr_backends import Buffer, ChunkIndex, ChunkNotFoundError, ConfigurationError
from zarr_backends_compliance._mutants.bare import BareFiles, BareMemory
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "CutsFractions",
    "DoublePrecision",
    "FlattensByAThousand",
    "IgnoresExtraNumbers",
    "JoinsWithoutSeparator",
    "KeysByRepr",
    "NegativeFromTheEnd",
    "NegativesAreLost",
    "SevenDimensions",
    "SignedIntegers",
    "SortsNumbers",
]


@mutant("ZB-INDEX-01", "Numbers are flattened as if no dimension had more than 1000 chunks.")
class FlattensByAThousand(Reference):
    """Makes one number of three."""

    def _chunk_key(self, index: ChunkIndex) -> str:
        key = super()._chunk_key(index)
        if len(index) == 3 and index[1] < 2000 > index[2]:  # noqa: PLR2004  # it has a limit
            flat = index[0] * 10**6 + index[1] * 10**3 + index[2]
            index = flat // 10**6, flat // 10**3 % 10**3, flat % 10**3
            return super()._chunk_key(index)
        return key


@mutant("ZB-INDEX-01", "Numbers are joined without a separator.")
class JoinsWithoutSeparator(BareMemory):
    """Makes a key of digits."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a chunk by its digits."""
        return super().read_chunk(self._same(index))

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write a chunk by its digits."""
        super().write_chunk(self._same(index), data)

    def _same(self, index: ChunkIndex) -> ChunkIndex:
        """Return the stored index with the same digits, if there is one."""
        digits = "".join(map(str, index))
        same = (old for old in self.chunks if "".join(map(str, old)) == digits)
        return next(same, index)


@mutant("ZB-INDEX-01", "The order of the numbers is lost.")
class SortsNumbers(Reference):
    """Looks for a canonical form."""

    def _chunk_key(self, index: ChunkIndex) -> str:
        return super()._chunk_key(tuple(sorted(index)))


@mutant("ZB-INDEX-02", "Only seven numbers of an index are kept.")
class SevenDimensions(BareFiles):
    """Has seven columns."""

    def _file(self, index: ChunkIndex) -> Any:
        return super()._file((*index[:7], *(0 for _ in index[7:])))


@mutant("ZB-INDEX-03", "Numbers are 32-bit integers.")
class SignedIntegers(Reference):
    """Has a column of the usual type."""

    def _chunk_key(self, index: ChunkIndex) -> str:
        if all(type(i) is int for i in index):
            index = tuple(i & 0x7FFFFFFF if i >= 0 else i for i in index)
        return super()._chunk_key(index)


@mutant("ZB-INDEX-03", "Numbers are doubles.")
class DoublePrecision(Reference):
    """Keeps numbers as JSON in a language with one kind of number."""

    def _chunk_key(self, index: ChunkIndex) -> str:
        if all(type(i) is int for i in index):
            index = tuple(int(float(i)) for i in index)
        return super()._chunk_key(index)


@mutant("ZB-INDEX-04", "What prints in another way is another chunk: True, numpy.int64(1).")
class KeysByRepr(BareMemory):
    """Uses the text of an index as the key."""

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write under the text."""
        super().write_chunk(_Text(index), data)

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Read by the text.

        Returns:
            Its bytes.

        Raises:
            ChunkNotFoundError: It is not stored.
        """
        if _Text(index) not in self.chunks:
            message = f"no chunk {index}"
            raise ChunkNotFoundError(message, backend=self.backend_id, index=index)
        return super().read_chunk(_Text(index))

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete by the text."""
        super().delete_chunk(_Text(index))

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Return the indices."""
        return iter([tuple(index) for index in self.chunks])


class _Text(tuple[int, ...]):
    """An index that is equal to those with the same text."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(repr(tuple(self)))

    def __eq__(self, other: object) -> bool:
        return repr(tuple(self)) == repr(tuple(other))  # type: ignore[arg-type]


@mutant("ZB-INDEX-05", "A negative number counts from the end.")
class NegativeFromTheEnd(Reference):
    """Does as NumPy does."""

    def _chunk_key(self, index: ChunkIndex) -> str:
        if isinstance(index, tuple) and index and index[0] == -1:
            index = (7, *index[1:])
        return super()._chunk_key(index)


@mutant("ZB-INDEX-05", "Numbers beyond the dimensions of the array are ignored.")
class IgnoresExtraNumbers(BareFiles):
    """Takes what it needs."""

    def _file(self, index: ChunkIndex) -> Any:
        ndim = len(self.read_metadata()["shape"]) if self.exists() else len(index)
        return super()._file(index[: max(ndim, 1)])


@mutant("ZB-INDEX-05", "A fraction is cut off.")
class CutsFractions(Reference):
    """Calls int() on everything."""

    def _chunk_key(self, index: ChunkIndex) -> str:
        try:
            index = tuple(int(i) if isinstance(i, float) else i for i in index)
        except (TypeError, ValueError, OverflowError) as error:
            message = f"{index!r:.80} is no index"
            raise ConfigurationError(message, backend=self.backend_id, option="index") from error
        return super()._chunk_key(index)


@mutant("ZB-INDEX-05", "Chunks with a negative number can be written, and are never listed.")
class NegativesAreLost(BareMemory):
    """Filters where it lists, not where it writes."""

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield what is an index."""
        return (index for index in super().list_chunks() if all(i >= 0 for i in index))
