"""Faults in listings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from zarr_backends import Buffer, ChunkIndex
from zarr_backends._storage.filesystem.backend import FilesystemBackend
from zarr_backends_compliance._mutants.bare import BareMemory
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "EmptyChunksUnlisted",
    "ExistsAbove",
    "FirstPageOnly",
    "IteratesOverWhatChanges",
    "LastOfPageTwice",
    "ListsMetadata",
    "NestedArraysLeak",
    "OneCursor",
    "OpenedListsOnePage",
    "PagesByOffset",
    "PrefixWithoutSlash",
    "ReturnsAList",
    "ScalarUnlisted",
]


@mutant("ZB-LIST-01", "The listing ends after the first page of 1000.")
class FirstPageOnly(Reference):
    """Does not ask for the next page."""

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield one page."""
        return islice(super().list_chunks(), 1000)


@mutant("ZB-LIST-01", "An instance that has not written anything lists one page of the store.")
class OpenedListsOnePage(Reference):
    """Knows what it wrote itself, and asks for the rest once."""

    _wrote = False

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write, and know everything from then on."""
        self._wrote = True
        super().write_chunk(index, data)

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield one page, or everything."""
        return islice(super().list_chunks(), None if self._wrote else 1000)


@mutant("ZB-LIST-01", "The last chunk of a page comes again as the first of the next.")
class LastOfPageTwice(Reference):
    """Asks from the last key on, inclusively."""

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield every thousandth chunk twice."""
        for i, index in enumerate(super().list_chunks(), start=1):
            yield index
            if i % 1000 == 0:
                yield index


@mutant("ZB-LIST-02", "list_chunks returns a list.")
class ReturnsAList(BareMemory):
    """Is no iterator."""

    def list_chunks(self) -> Any:
        """Return everything."""
        return list(self.chunks)


@mutant("ZB-LIST-02", "All listings of an instance share a cursor.")
class OneCursor(Reference):
    """Keeps a cursor, as connections do."""

    _cursor: Iterator[ChunkIndex] = iter(())

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Begin anew, for everybody."""
        self._cursor = super().list_chunks()
        return self._from_cursor()

    def _from_cursor(self) -> Iterator[ChunkIndex]:
        while (index := next(self._cursor, None)) is not None:
            yield index


@mutant("ZB-LIST-03", "In an empty v2 array the metadata is listed as the first chunk.")
class ListsMetadata(Reference):
    """Parses every key, somehow."""

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield what keys could mean."""
        listed = 0
        for index in super().list_chunks():
            listed += 1
            yield index
        ndim = self._current_layout().ndim
        if not listed and ndim and self.get(".zarray") is not None:
            yield (0,) * ndim


@mutant("ZB-LIST-04", "The chunk of an array without dimensions is not listed where its key is 0.")
class ScalarUnlisted(Reference):
    """Knows one name of it."""

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield all but that one."""
        zero = self.get("zarr.json") is not None and self.get("0") is not None
        return (index for index in super().list_chunks() if index or not zero)


@mutant("ZB-LIST-05", "Chunks of no bytes are not listed.")
class EmptyChunksUnlisted(Reference):
    """Takes what is empty for a folder."""

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield what has bytes."""
        single = self._current_layout().ndim == 1
        for index in super().list_chunks():
            if not single or index == (0,) or self.size(self._chunk_key(index)):
                yield index


@mutant("ZB-LIST-06", "Pages are counted by an offset, which deletions shift.")
class PagesByOffset(Reference):
    """Says LIMIT and OFFSET."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield pages of 100."""
        offset = 0
        while rows := list(islice(super().list_keys(prefix), offset, offset + 100)):
            yield from rows
            offset += len(rows)


@mutant("ZB-LIST-06", "A write during a listing ends it with a RuntimeError.")
class IteratesOverWhatChanges(BareMemory):
    """Iterates over a dictionary."""

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield from the dictionary itself."""
        yield from self.chunks


@mutant("ZB-LIST-07", "Chunks of `ab` are listed in `a`.")
class PrefixWithoutSlash(Reference):
    """Compares the beginnings of places."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield keys of all places whose names begin like this one."""
        rows = self._rows(
            "SELECT key FROM entries WHERE place = ? OR substr(place, 1, ?) = ? AND place GLOB ?"
            " AND substr(key, 1, ?) = ? ORDER BY key",
            *(self._place, len(self._place), self._place, "*-ab", len(prefix), prefix),
        )
        return (key for (key,) in rows if key.startswith(prefix))


@mutant("ZB-LIST-07", "Deleting the chunks of an array takes those of the arrays inside it along.")
class NestedArraysLeak(FilesystemBackend):
    """Removes the folder with its last chunk."""

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete a chunk, and folders that have no chunk of this array any more."""
        super().delete_chunk(index)
        if next(self.list_chunks(), None) is None:
            for key in list(self.list_keys("")):
                if key.endswith("/zarr.json"):
                    self.delete(key)


@mutant("ZB-LIST-08", "A folder that holds an array somewhere below exists as an array.")
class ExistsAbove(Reference):
    """Asks whether there is anything below."""

    def exists(self) -> bool:
        """Whether there is metadata here or below."""
        below = self._rows(
            "SELECT 1 FROM entries WHERE substr(place, 1, ?) = ? LIMIT 1",
            *(len(self._place) + 1, self._place + "/"),
        )
        return super().exists() or bool(below)
