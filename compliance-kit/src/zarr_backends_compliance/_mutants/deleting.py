"""Faults in deleting chunks."""

from __future__ import annotations

from collections.abc import Iterator

from zarr_backends import Buffer, ChunkIndex, ChunkNotFoundError
from zarr_backends_compliance._mutants.bare import BareFiles
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "DeletesByPattern",
    "DeletesByPrefix",
    "DeletesForItself",
    "EmptyChunksStay",
    "EmptyForDeleted",
    "LastChunkTakesAll",
    "RemembersDeletions",
    "StrictDeletion",
    "StrictSecondDeletion",
]


@mutant("ZB-DEL-01", "A chunk of no bytes cannot be deleted.")
class EmptyChunksStay(Reference):
    """Tests the truth of a value."""

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete what is there."""
        if self.get(self._chunk_key(index)):
            super().delete_chunk(index)


@mutant("ZB-DEL-01", "A deleted chunk stays as empty bytes.")
class EmptyForDeleted(Reference):
    """Overwrites where it should delete."""

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Empty a chunk that is there."""
        if self.get(self._chunk_key(index)) is not None:
            self.write_chunk(index, b"")


@mutant("ZB-DEL-01", "A deletion is seen by this instance alone.")
class DeletesForItself(Reference):
    """Deletes from a cache."""

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Begin with nothing deleted."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)
        self._gone: set[ChunkIndex] = set()

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Remember."""
        self._chunk_key(index)
        self._gone.add(index)

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write, and forget that it was deleted."""
        super().write_chunk(index, data)
        self._gone.discard(index)

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a chunk that was not deleted here.

        Raises:
            ChunkNotFoundError: It was.
        """
        if index in self._gone:
            message = f"no chunk {index}"
            raise ChunkNotFoundError(message, backend=self.backend_id, index=index)
        return super().read_chunk(index)

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """List without what was deleted here."""
        return (index for index in super().list_chunks() if index not in self._gone)


@mutant("ZB-DEL-02", "Deleting a chunk that is not stored raises ChunkNotFoundError.")
class StrictDeletion(Reference):
    """Looks first."""

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete a chunk that is there."""
        self.read_chunk(index)
        super().delete_chunk(index)


@mutant("ZB-DEL-02", "Deleting a chunk whose file is not there raises FileNotFoundError.")
class StrictSecondDeletion(BareFiles):
    """Forgets missing_ok."""

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Remove the file of a chunk."""
        file = self._file(index)
        if self.folder.exists():
            file.unlink()


@mutant("ZB-DEL-03", "A chunk that was deleted and written again cannot be read.")
class RemembersDeletions(Reference):
    """Never takes a mark of deletion away."""

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Begin with nothing deleted."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)
        self._gone: set[ChunkIndex] = set()

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete and remember."""
        super().delete_chunk(index)
        self._gone.add(tuple(index))

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a chunk that was never deleted.

        Raises:
            ChunkNotFoundError: It was.
        """
        if tuple(index) in self._gone:
            message = f"no chunk {index}"
            raise ChunkNotFoundError(message, backend=self.backend_id, index=index)
        return super().read_chunk(index)


@mutant("ZB-DEL-04", "Deleting chunk 1 deletes 10 to 19 as well.")
class DeletesByPrefix(Reference):
    """Deletes what begins with the key."""

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete by prefix."""
        self.delete_prefix(self._chunk_key(index))


@mutant("ZB-DEL-04", "Deleting a chunk deletes those whose names end alike.")
class DeletesByPattern(BareFiles):
    """Uses a pattern."""

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Remove whatever matches."""
        for file in self.folder.glob(f"{self._file(index).name.replace('chunk.', 'chunk.*')}"):
            file.unlink()


@mutant("ZB-DEL-04", "With its last chunk the whole array is removed.")
class LastChunkTakesAll(Reference):
    """Tidies up."""

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete a chunk, and the rest if it was the last of several."""
        before = sum(1 for _ in self.list_chunks())
        super().delete_chunk(index)
        if index == (2, 1) and before == 1:
            self.delete_prefix("")
