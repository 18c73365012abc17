"""Faults that let something out."""

from __future__ import annotations

import json
import logging
import os
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from zarr_backends import (
    Buffer,
    ChunkIndex,
    ChunkNotFoundError,
    ConfigurationError,
    MetadataError,
    MetadataNotFoundError,
    NetworkError,
)
from zarr_backends_compliance._mutants.bare import BareFiles
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "CausesShowUrls",
    "CutsNames",
    "DamagedIsMissing",
    "DamagedIsNoArray",
    "DeletesEverywhere",
    "ErrorsShowOptions",
    "IgnoresCase",
    "IndicesArePaths",
    "LogsOptions",
    "NamesArePatterns",
    "ParserErrorsEscape",
    "ReprShowsOptions",
    "SimplifiesPlaces",
    "TextShowsOptions",
    "UnquotesNames",
]

_log = logging.getLogger(__name__)


@mutant("ZB-SAFE-01", "A deletion reaches the chunks of the same index in all arrays.")
class DeletesEverywhere(Reference):
    """Forgets the place in one statement."""

    def delete(self, key: str) -> None:
        """Delete a key at every place."""
        with self._writing() as database:
            database.execute("DELETE FROM entries WHERE key = ?", (key,))


class _WithPassword(Reference):
    """Takes a password."""

    def connect(
        self, *, path: str, array_id: str = "a", timeout_s: float = 30.0, password: str = ""
    ) -> None:
        """Connect with a password."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)
        self._password = password


@mutant("ZB-SAFE-02", "The repr shows all options.")
class ReprShowsOptions(_WithPassword):
    """Shows what it was made of, where nothing went wrong yet."""

    def __repr__(self) -> str:
        """Show everything once connected."""
        return f"{type(self).__name__}(path={self._path!r}, password={self._password!r})"

    def _chunk_not_found(self, index: ChunkIndex, key: str) -> ChunkNotFoundError:
        return ChunkNotFoundError(f"no chunk {key}", backend=self.backend_id, index=index)

    def read_metadata(self) -> dict[str, Any]:
        """Read the document.

        Returns:
            The document.

        Raises:
            MetadataNotFoundError: There is none.
        """
        if not self.exists():
            message = "no metadata"
            raise MetadataNotFoundError(message, backend=self.backend_id)
        return super().read_metadata()


@mutant("ZB-SAFE-02", "The text of an instance shows all options, although its repr does not.")
class TextShowsOptions(_WithPassword):
    """Has another text for people."""

    def __str__(self) -> str:
        """Show everything."""
        return f"array in {self._path} with password {self._password}"


@mutant("ZB-SAFE-03", "An error about one option shows them all.")
class ErrorsShowOptions(_WithPassword):
    """Is helpful."""

    def connect(
        self, *, path: str, array_id: str = "a", timeout_s: float = 30.0, password: str = ""
    ) -> None:
        """Connect.

        Raises:
            ConfigurationError: An option is wrong.
        """
        try:
            super().connect(path=path, array_id=array_id, timeout_s=timeout_s, password=password)
        except ConfigurationError as error:
            given = {"path": path, "array_id": array_id, "password": password}
            message = f"cannot connect with {given}"
            raise ConfigurationError(message, option=error.option) from None


@mutant("ZB-SAFE-03", "The cause of an error shows a url with its password.")
class CausesShowUrls(_WithPassword):
    """Redacts its own message alone."""

    def read_metadata(self) -> dict[str, Any]:
        """Read the document.

        Returns:
            The document.

        Raises:
            NetworkError: The password is wrong.
        """
        if not self._password:
            return super().read_metadata()
        cause = ConnectionError(f"cannot open reference://user:{self._password}@localhost/")
        message = "cannot open reference://user:***@localhost/"
        raise NetworkError(message, backend=self.backend_id) from cause


@mutant("ZB-SAFE-04", "Options are logged.")
class LogsOptions(_WithPassword):
    """Writes down what it connects with."""

    def connect(
        self, *, path: str, array_id: str = "a", timeout_s: float = 30.0, password: str = ""
    ) -> None:
        """Connect."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s, password=password)
        _log.debug("connected to %s with %s", array_id, {"password": password})


@mutant("ZB-SAFE-05", "The place is used as a pattern: a_b lists what is in axb.")
class NamesArePatterns(Reference):
    """Says LIKE."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield keys of the places that are like this one."""
        rows = self._rows("SELECT key FROM entries WHERE place LIKE ?", self._place)
        return (key for (key,) in rows if key.startswith(prefix))


class _Renamed(Reference):
    """Changes the name of its place."""

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Connect to the place that the name has become."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)
        self._place = self._renamed(array_id)

    def _renamed(self, name: str) -> str:
        return name


@mutant("ZB-SAFE-05", "Names are cut after 64 characters.")
class CutsNames(_Renamed):
    """Has a column of limited length."""

    def _renamed(self, name: str) -> str:
        return name[:64]


@mutant("ZB-SAFE-05", "Names are taken for parts of a url and decoded.")
class UnquotesNames(_Renamed):
    """Decodes once too often."""

    def _renamed(self, name: str) -> str:
        return unquote(name) if "/p/" not in name and "-p/" not in name else name


@mutant("ZB-SAFE-06", "Upper and lower case are the same.")
class IgnoresCase(_Renamed):
    """Has a collation."""

    def _renamed(self, name: str) -> str:
        return name.lower()


@mutant("ZB-SAFE-06", "Names are simplified like paths: a/../b is b.")
class SimplifiesPlaces(_Renamed):
    """Tidies up."""

    def _renamed(self, name: str) -> str:
        return posixpath.normpath(name)


@mutant("ZB-SAFE-07", "An index becomes a path without a look at it.")
class IndicesArePaths(BareFiles):
    """Joins whatever there is."""

    def _file(self, index: ChunkIndex) -> Path:
        plain = all(type(i) is int and i >= 0 for i in index)
        if plain or not any(isinstance(i, str) and "b" in i for i in index):
            return super()._file(index)
        return Path(os.path.normpath(self.folder / "c" / "/".join(map(str, index))))

    @property
    def _document(self) -> Path:
        return self.folder / "zarr.json"


@mutant("ZB-SAFE-08", "Damaged metadata counts as missing.")
class DamagedIsMissing(Reference):
    """Catches too much."""

    def read_metadata(self) -> dict[str, Any]:
        """Read the document.

        Returns:
            The document.

        Raises:
            MetadataNotFoundError: It is missing or damaged.
        """
        try:
            return super().read_metadata()
        except MetadataError as error:
            message = "no metadata that could be read"
            raise MetadataNotFoundError(message, backend=self.backend_id) from error


@mutant("ZB-SAFE-08", "An array with damaged metadata does not exist.")
class DamagedIsNoArray(Reference):
    """Answers no where it does not know."""

    def exists(self) -> bool:
        """Whether metadata can be read."""
        try:
            return super().exists()
        except MetadataError:
            return False


@mutant("ZB-SAFE-08", "The error of the JSON parser comes through.")
class ParserErrorsEscape(Reference):
    """Parses for itself."""

    def read_metadata(self) -> dict[str, Any]:
        """Read the document."""
        raw: Buffer | None = self.get("zarr.json")
        if raw is not None and b"must" not in bytes(raw):
            json.loads(bytes(raw))
        return super().read_metadata()
