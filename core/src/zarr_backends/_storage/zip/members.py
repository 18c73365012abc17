"""Reading members: a value or a part of one, straight from its place in the file.

The CRC-32 is checked whenever a value is read whole. A part of a stored member is read
alone and so cannot be checked; codecs that carry a checksum (crc32c, zstd's own) do that.
"""

from __future__ import annotations

import zlib
from typing import Any

from zarr_backends._storage.files.raw_file import RawFile
from zarr_backends._storage.zip.errors import zip_errors
from zarr_backends._storage.zip.inflate import METHODS, inflate
from zarr_backends._storage.zip.records import LOCAL, Member
from zarr_backends.contract import Buffer
from zarr_backends.errors import CorruptStorageError

__all__ = ["MemberReader", "MemberVersion"]

_ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
"""General purpose bits of members that are encrypted, or whose headers are masked."""

_PATCHED = 1 << 5
"""General purpose bit of members that are differences to another file."""


class MemberReader:
    """Reads the members of one file; for any number of threads."""

    def __init__(self, file: RawFile, members_stop: int | None = None) -> None:
        """Read from `file`, in which no member ends after `members_stop`."""
        self.file = file
        self._members_stop = members_stop
        self._data_offsets: dict[int, int] = {}

    def read(self, member: Member) -> Buffer:
        """Return a value.

        Raises:
            CorruptStorageError: It is damaged, encrypted or compressed in an unknown way.
        """
        data: Buffer = self.read_stored(member, 0, member.stored_nbytes)
        if member.method:
            try:
                data = inflate(member.method, member.flags, data, member.nbytes)
            except ValueError as error:
                raise self._corrupt(member, str(error)) from error
        if zlib.crc32(data) != member.crc:
            raise self._corrupt(member, "is damaged: its checksum is wrong")
        return data

    def read_stored(self, member: Member, start: int, stop: int) -> bytes | bytearray:
        """Return a part of the data as it is in the archive, which is not checked.

        Raises:
            CorruptStorageError: The data cannot be understood or is not there.
        """
        offset = self.data_offset(member) + start
        data = self.file.read_at(offset, stop - start)
        if len(data) != stop - start:
            raise self._corrupt(member, "ends after the file does")
        return data

    def data_offset(self, member: Member) -> int:
        """Return where the data of a member starts, which only its local header says.

        Raises:
            CorruptStorageError: The member or its header is not as the directory says.
        """
        if member.data_offset is not None:
            return member.data_offset
        offset = self._data_offsets.get(member.offset)
        if offset is None:
            self._check(member)
            offset = self.read_data_offset(member)
            self._data_offsets[member.offset] = offset
        return offset

    def _check(self, member: Member) -> None:
        """Refuse what cannot be read.

        Raises:
            CorruptStorageError: It is encrypted, of an unknown method or contradictory.
        """
        if member.flags & _ENCRYPTED:
            raise self._corrupt(member, "is encrypted; decrypt the archive first")
        if member.flags & _PATCHED or member.method not in (0, *METHODS):
            what = f"is compressed by method {member.method}, which is not supported"
            raise self._corrupt(member, f"{what}; write the archive anew, stored or deflated")
        if not member.method and member.nbytes != member.stored_nbytes:
            raise self._corrupt(member, "is stored, yet of two sizes")

    def read_data_offset(self, member: Member) -> int:
        """Return where the data starts by the local header, compared with the directory.

        Raises:
            CorruptStorageError: It says something else, or the data would not fit.
        """
        raw = self.file.read_at(member.offset, LOCAL.size + len(member.name))
        if len(raw) < LOCAL.size or not raw.startswith(b"PK\3\4"):
            raise self._corrupt(member, "has no local header")
        fields: tuple[Any, ...] = LOCAL.unpack_from(raw)
        if raw[LOCAL.size :] != member.name or fields[9] != len(member.name):
            raise self._corrupt(member, "has another name in its local header")
        if fields[3] != member.method:
            raise self._corrupt(member, "has another method in its local header")
        offset: int = member.offset + LOCAL.size + fields[9] + fields[10]
        limit = self._members_stop
        if limit is not None and offset + member.stored_nbytes > limit:
            raise self._corrupt(member, "reaches into the directory")
        return offset

    def _corrupt(self, member: Member, what: str) -> CorruptStorageError:
        """Return the error that says what is wrong with a member."""
        message = f"member {member.key!r:.80} of {self.file.path!r} {what}"
        return CorruptStorageError(message, backend="zip", key=member.key)


class MemberVersion:
    """One version of a value, which stays readable when the archive is replaced."""

    def __init__(self, reader: MemberReader, member: Member) -> None:
        """Stand for `member` of the file that `reader` reads."""
        self.identity = reader, member
        """Equal only for the same version in the same file."""
        self._inflated: Buffer | None = None

    @property
    def nbytes(self) -> int:
        """Length of the value in bytes."""
        return self.identity[1].nbytes

    def whole(self) -> Buffer:
        """Return the value, checked against its CRC-32.

        Raises:
            CorruptStorageError: The member cannot be read.
            BackendError: Reading failed.
        """
        reader, member = self.identity
        with zip_errors(reader.file.path, member.key):
            return reader.read(member)

    def read(self, start: int, stop: int) -> Buffer:
        """Return ``value[start:stop]`` for ``0 <= start <= stop <= nbytes``.

        Raises:
            CorruptStorageError: The member cannot be read; damage to a part of a stored
                one is not noticed.
            BackendError: Reading failed.
        """
        reader, member = self.identity
        if (start, stop) == (0, member.nbytes):
            return self.whole()
        if member.method:
            self._inflated = self.whole() if self._inflated is None else self._inflated
            return memoryview(self._inflated)[start:stop]
        with zip_errors(reader.file.path, member.key):
            return reader.read_stored(member, start, stop)
