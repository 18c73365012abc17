"""Faults in moving many chunks at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zarr_backends import Buffer, ChunkIndex, ChunkNotFoundError
from zarr_backends._storage.filesystem.backend import FilesystemBackend
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__: list[str] = []

_MANY = 16


class Base(Reference):
    """Correct still: the members are there to be overridden."""

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Read several chunks."""
        return self.get_many([self._chunk_key(index) for index in indices])

    def write_chunks(self, chunks: Mapping[ChunkIndex, Buffer]) -> None:
        """Write several chunks."""
        self.set_many({self._chunk_key(index): data for index, data in chunks.items()})

    def delete_chunks(self, indices: Sequence[ChunkIndex]) -> None:
        """Delete several chunks."""
        self.delete_many([self._chunk_key(index) for index in indices])


@mutant("ZB-BATCH-01", "Long batches come back in the order of the grid.")
class OrderOfTheGrid(Base):
    """Returns rows as the database sorts them."""

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Sort where there are many."""
        return super().read_chunks(sorted(indices) if len(indices) > _MANY else indices)


@mutant("ZB-BATCH-02", "A batch of which nothing is stored raises.")
class NothingIsAnError(Base):
    """Passes on the store's 'no such keys'."""

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Raise where all chunks are absent."""
        values = super().read_chunks(indices)
        if indices and all(value is None for value in values):
            message = "none of the chunks is stored"
            raise ChunkNotFoundError(message, backend=self.backend_id)
        return values


@mutant("ZB-BATCH-02", "An empty chunk is None in a batch.")
class EmptyIsNone(Base):
    """Tests the value instead of comparing it with None."""

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Take empty for absent."""
        return [value or None for value in super().read_chunks(indices)]


@mutant("ZB-BATCH-03", "A chunk that is asked for twice comes once.")
class Distinct(Base):
    """Gathers values in a dict."""

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Read each chunk once."""
        return super().read_chunks(list(dict.fromkeys(indices)))


@mutant("ZB-BATCH-04", "Deleting no chunks deletes all.")
class NoneMeansAll(Base):
    """Leaves out the WHERE where there is nothing to put into it."""

    def delete_chunks(self, indices: Sequence[ChunkIndex]) -> None:
        """Delete everything where nothing is named."""
        super().delete_chunks(indices or list(self.list_chunks()))


@mutant("ZB-BATCH-04", "Reading no chunks is an error of the store.")
class NoneIsRefused(Base):
    """Sends a request that servers refuse."""

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Look at the first index."""
        self._chunk_key(indices[0])
        return super().read_chunks(indices)


@mutant("ZB-BATCH-05", "Of more than 1000 chunks that are deleted at once the others stay.")
class ThousandDeleted(Base):
    """Sends one request, which the store cuts."""

    def delete_chunks(self, indices: Sequence[ChunkIndex]) -> None:
        """Delete the first thousand."""
        super().delete_chunks(indices[:1000])


@mutant("ZB-BATCH-05", "Of more than 999 chunks that are read at once the others are missing.")
class ThousandRead(Base):
    """Has as many parameters as a statement may."""

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Read the first 999."""
        return super().read_chunks(indices[:999]) + [None] * len(indices[999:])


@mutant("ZB-BATCH-06", "What does not fit into one message of 2 MB is not written.")
class OneMessage(Base):
    """Fills one message and sends it."""

    def write_chunks(self, chunks: Mapping[ChunkIndex, Buffer]) -> None:
        """Write until the message is full."""
        room, sent = 2 * 10**6, {}
        for index, data in chunks.items():
            room -= len(data)
            if room > 0:
                sent[index] = data
        super().write_chunks(sent)


@mutant("ZB-BATCH-07", "The caller's list of chunks to delete is emptied.")
class EmptiesTheList(Base):
    """Pops what is done."""

    def delete_chunks(self, indices: Sequence[ChunkIndex]) -> None:
        """Pop each index."""
        while indices:
            self.delete_chunk(indices.pop())  # type: ignore[attr-defined]  # that is the fault


@mutant("ZB-BATCH-08", "The last batch is remembered as the caller's memory.")
class RemembersViews(Base):
    """Answers reads of what it has just written from memory."""

    _last: Mapping[ChunkIndex, Buffer] = {}

    def write_chunks(self, chunks: Mapping[ChunkIndex, Buffer]) -> None:
        """Keep views."""
        super().write_chunks(chunks)
        self._last = {index: memoryview(data) for index, data in chunks.items()}

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Take what was kept for what is stored, if it is as long."""
        values, last = super().read_chunks(indices), self._last
        return [
            bytes(last[index])
            if index in last and value and len(last[index]) == len(value)
            else value
            for index, value in zip(indices, values, strict=True)
        ]


@mutant("ZB-BATCH-09", "Deleting a chunk that is not stored is an error of the batch.")
class MissingIsAnError(Base):
    """Deletes, and counts."""

    def delete_chunks(self, indices: Sequence[ChunkIndex]) -> None:
        """Raise where less was there than was named."""
        if None in super().read_chunks(indices):
            message = "some of the chunks are not stored"
            raise ChunkNotFoundError(message, backend=self.backend_id)
        super().delete_chunks(indices)


@mutant("ZB-BATCH-09", "A batch deletes every chunk whose key begins as one of its keys.")
class DeletesPrefixes(Base):
    """Takes keys for prefixes."""

    def delete_chunks(self, indices: Sequence[ChunkIndex]) -> None:
        """Delete (10,) with (1,)."""
        for index in indices:
            self.delete_many(list(self.list_keys(self._chunk_key(index))))


@mutant("ZB-BATCH-10", "What a batch has read is remembered until a batch writes.")
class CacheOfBatches(Base):
    """Caches, and forgets that chunks are written one by one as well."""

    def __init__(self) -> None:
        """Begin with nothing remembered."""
        super().__init__()
        self._cache: dict[ChunkIndex, Buffer | None] = {}

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Read what is not remembered."""
        new = [index for index in indices if index not in self._cache]
        found = dict(zip(new, super().read_chunks(new), strict=True))
        self._cache.update((index, value) for index, value in found.items() if value is not None)
        return [found[index] if index in found else self._cache.get(index) for index in indices]

    def write_chunks(self, chunks: Mapping[ChunkIndex, Buffer]) -> None:
        """Forget everything."""
        super().write_chunks(chunks)
        self._cache.clear()

    def delete_chunks(self, indices: Sequence[ChunkIndex]) -> None:
        """Forget everything."""
        super().delete_chunks(indices)
        self._cache.clear()


@mutant("ZB-BATCH-11", "An index that cannot be comes out of a batch as an error of Python's.")
class BadIndexInside(Base):
    """Packs indices before they are checked."""

    def write_chunks(self, chunks: Mapping[ChunkIndex, Buffer]) -> None:
        """Pack every index into 64 bits."""
        for index in chunks:
            for i in index:
                i.to_bytes(8, "big")
        super().write_chunks(chunks)


@mutant("ZB-BATCH-12", "A batch leaves a mark in the metadata.")
class MarksTheMetadata(Base):
    """Keeps count of what is written."""

    def write_chunks(self, chunks: Mapping[ChunkIndex, Buffer]) -> None:
        """Count chunks in the attributes."""
        super().write_chunks(chunks)
        document = self.read_metadata()
        document.setdefault("attributes", {})["written"] = len(chunks)
        self.write_metadata(document, document["zarr_format"])


@mutant("ZB-BATCH-13", "Threads share the list of what they ask for.")
class SharedRequest(Base):
    """Keeps the request in the instance."""

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Read, and look up what was asked for."""
        self._request = [self._chunk_key(index) for index in indices]
        self.size("zarr.json")
        return self.get_many(self._request)


@mutant("ZB-BATCH-14", "A group of files is read by their distinct names.")
class ReadsDistinctFiles(FilesystemBackend):
    """Asks for each file once, and forgets that it was asked for twice."""

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return the values of different keys."""
        return super().get_many(list(dict.fromkeys(keys)))


@mutant("ZB-BATCH-14", "An empty file in a group reads as missing.")
class EmptyFileIsMissing(FilesystemBackend):
    """Takes nothing for no file."""

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return the values, empty ones as None."""
        return [value or None for value in super().get_many(keys)]
