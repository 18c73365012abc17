"""Faults in urls, and in what a backend says that it can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from zarr_backends import Buffer, ChunkIndex, ConfigurationError
from zarr_backends_compliance._mutants.capable import WithUrls
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__: list[str] = []


@mutant("ZB-URL-01", "A url becomes options that create does not take.")
class OtherNames(WithUrls):
    """Has renamed an option since."""

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return options by their former names."""
        options = super().options_from_url(url)
        return {"file": options["path"], "array_id": options["array_id"]}


@mutant("ZB-URL-01", "The path of a url is put into lower case.")
class LowerCase(WithUrls):
    """Takes a path for a host."""

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return options in lower case."""
        return {k: v.lower() for k, v in super().options_from_url(url).items()}


@mutant("ZB-URL-02", "A bad url is quoted with its password.")
class QuotesPassword(WithUrls):
    """Tells the user what he wrote."""

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Show the url.

        Returns:
            The options.

        Raises:
            ConfigurationError: The url is bad.
        """
        try:
            return super().options_from_url(url)
        except ConfigurationError as error:
            message = f"{url!r} is no url of this backend: {error}"
            raise ConfigurationError(message, backend=cls.backend_id) from error


@mutant("ZB-URL-02", "A url with a bracket or port that cannot be raises ValueError.")
class PassesValueErrorOn(WithUrls):
    """Does not catch what urlsplit raises."""

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Look at the port first."""
        _ = urlsplit(url).port
        return super().options_from_url(url)


@mutant("ZB-URL-03", "A url is decoded twice.")
class DecodesTwice(WithUrls):
    """Decodes the whole, and then its parts."""

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Decode the options again."""
        return {k: unquote(v) for k, v in super().options_from_url(url).items()}


@mutant("ZB-URL-03", "What is percent-encoded in a url is not decoded.")
class NeverDecodes(WithUrls):
    """Takes parts of a url for values."""

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Split alone."""
        super().options_from_url(url)
        parts = urlsplit(url)
        return {"path": parts.path, "array_id": parts.fragment}


# --- Capabilities -----------------------------------------------------------------------


@mutant("ZB-CAP-01", "Chunks can be read in batches, but not deleted.")
class HalfBatches(Reference):
    """Has begun to write batches."""

    delete_chunks = None


@mutant("ZB-CAP-02", "The range of a chunk is named otherwise than in the contract.")
class OtherParameters(Reference):
    """Has names of its own."""

    def read_chunk_range(self, index: ChunkIndex, begin: int, end: int | None = None) -> Buffer:
        """Read a range by position alone."""
        return bytes(self.read_chunk(index))[begin:end]


@mutant("ZB-CAP-02", "update_chunk takes an argument more than the contract has.")
class OneArgumentMore(Reference):
    """Leaves a decision to callers that do not know of it."""

    def update_chunk(self, index: ChunkIndex, transform: Any, retries: int) -> None:
        """Need to be told how often to try."""
        for _ in range(retries):
            self.update(self._chunk_key(index), transform)


@mutant("ZB-CAP-03", "Batches name chunks as v3 does, in arrays of v2 as well.")
class BatchesOfV3(Reference):
    """Knows one format."""

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Join coordinates."""
        return self.get_many(["/".join(["c", *map(str, index)]) for index in indices])


@mutant("ZB-CAP-03", "Sizes of chunks of 0-d arrays are looked for under another key.")
class SizesOf0d(Reference):
    """Joins no coordinates to an empty name."""

    def chunk_nbytes(self, index: ChunkIndex) -> int:
        """Return the size, 0 for the chunk of a 0-d array."""
        return len(self.read_chunk(index)) if index else 0


@mutant("ZB-CAP-04", "max_concurrency is 0, which is to mean 'no limit'.")
class NoLimit(Reference):
    """Has a convention of its own."""

    max_concurrency: ClassVar[int] = 0


@mutant("ZB-CAP-05", "never_blocks is a word.")
class NeverBlocksInWords(Reference):
    """Has it from a configuration file."""

    never_blocks: ClassVar[str] = "false"


@mutant("ZB-CAP-06", "An attribute that does not exist raises KeyError.")
class LooksUpAttributes(Reference):
    """Keeps attributes in a dict."""

    def __getattr__(self, name: str) -> Any:
        """Look a name up, those of the contract excepted."""
        if name.startswith(("_", "open_", "flush", "options_", "max_", "never_")):
            raise AttributeError(name)
        raise KeyError(name)
