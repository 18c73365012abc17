"""Faults in the shape of a class and in its options."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, ClassVar, Self

from zarr_backends import Buffer, ChunkIndex, ConfigurationError
from zarr_backends_compliance._mutants.bare import BareFiles, BareMemory
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "ContractOfTomorrow",
    "EmptyPathCrashes",
    "IdWithAColon",
    "ListingNeedsAPrefix",
    "OpensAnotherClass",
    "OtherParameterNames",
    "PathFromEnvironment",
    "PositionalPath",
    "SwallowsOptions",
    "TimeoutInMilliseconds",
    "UncheckedArrayId",
    "WithoutDeletion",
]


@mutant("ZB-CLASS-01", "It says that it was built for another version of the contract.")
class ContractOfTomorrow(Reference):
    """Is ahead of its time."""

    contract_version: ClassVar[int] = 2


@mutant("ZB-CLASS-01", "Its id has a colon, which separates a distribution from an id.")
class IdWithAColon(Reference):
    """Cannot be named."""

    backend_id: ClassVar[str] = "my:reference"


@mutant("ZB-CLASS-01", "It has no delete_chunk.")
class WithoutDeletion(BareMemory):
    """Has nine members."""

    delete_chunk: ClassVar[Any] = None


@mutant("ZB-CLASS-01", "An option of `create` can be given by position.")
class PositionalPath(BareFiles):
    """Leaves out the star."""

    @classmethod
    def create(cls, path: str) -> Self:  # type: ignore[override]
        """Connect."""
        return cls(path)


@mutant("ZB-CLASS-02", "A parameter has another name than in the contract.")
class OtherParameterNames(Reference):
    """Cannot be called by keyword."""

    def read_chunk(self, coordinates: ChunkIndex) -> Buffer:
        """Return a chunk."""
        return super().read_chunk(coordinates)


@mutant("ZB-CLASS-02", "list_chunks needs an argument that nobody gives.")
class ListingNeedsAPrefix(Reference):
    """Lists keys under another name."""

    def list_chunks(self, prefix: str) -> Iterator[ChunkIndex]:  # type: ignore[override]
        """Yield the indices of chunks whose keys begin so."""
        for index in super().list_chunks():
            if self._chunk_key(index).startswith(prefix):
                yield index


@mutant("ZB-CLASS-03", "`open` returns an instance of the base class.")
class OpensAnotherClass(Reference):
    """Names a class where it should say cls."""

    @classmethod
    def open(cls, **options: Any) -> Reference:  # type: ignore[override]
        """Connect with the wrong class."""
        return Reference.open(**options)


@mutant("ZB-CLASS-04", "Options that it does not know are ignored, misspelt ones among them.")
class SwallowsOptions(Reference):
    """Takes everything."""

    def connect(self, *, path: str, array_id: str = "a", **others: Any) -> None:
        """Ignore the others."""
        super().connect(path=path, array_id=array_id)
        self._ignored = others


@mutant("ZB-CLASS-05", "Without a path it fails with the KeyError of a dictionary.")
class PathFromEnvironment(Reference):
    """Has a default that is not there."""

    def connect(
        self, *, path: str | None = None, array_id: str = "a", timeout_s: float = 30.0
    ) -> None:
        """Look into the environment."""
        path = path if path is not None else os.environ["REFERENCE_PATH_THAT_NOBODY_SET"]
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)


@mutant("ZB-CLASS-05", "The error about a missing path does not name the option.")
class EmptyPathCrashes(BareFiles):
    """Says that something is wrong."""

    @classmethod
    def create(cls, *, path: str | None = None) -> Self:  # type: ignore[override]
        """Connect.

        Returns:
            A connected instance.

        Raises:
            ConfigurationError: Something is wrong.
        """
        if path is None:
            message = "the configuration is incomplete"
            raise ConfigurationError(message, backend=cls.backend_id)
        return cls(path)

    @classmethod
    def open(cls, *, path: str | None = None) -> Self:  # type: ignore[override]
        """Connect to an array that exists."""
        cls.create(path=path)
        return super().open(path=path or "")


@mutant("ZB-CLASS-06", "A time-out that is no number fails deep inside with a TypeError.")
class TimeoutInMilliseconds(Reference):
    """Computes before it checks."""

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Convert the unit."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s / 1000 * 1000)


@mutant("ZB-CLASS-06", "An array_id that is no text fails deep inside with an AttributeError.")
class UncheckedArrayId(Reference):
    """Believes the annotation."""

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Tidy up the name."""
        super().connect(path=path, array_id=array_id.strip(), timeout_s=timeout_s)
