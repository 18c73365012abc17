"""Faults in metadata."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from zarr_backends import MetadataError, MetadataNotFoundError, ZarrFormat
from zarr_backends_compliance._mutants.bare import BareFiles, BareMemory
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "AsciiMetadata",
    "AttributesInZarray",
    "BooleansAreNumbers",
    "CutsMetadata",
    "DropsEmptyMembers",
    "DropsUnknownMembers",
    "EmptyDictForMissing",
    "FloatsInSixDigits",
    "GivesAwayItsDocument",
    "KeepsTheArgument",
    "LargeIntegersAreFloats",
    "LeavesTheOldFormat",
    "LosesV2Attributes",
    "MakesUpMetadata",
    "MergesMetadata",
    "NewShapeClears",
    "NormalisesText",
    "NumbersFromWords",
    "PopsAttributes",
    "RefusesLargeMetadata",
    "RemembersTheFormat",
    "SortsMembers",
    "TakesAnythingForMissing",
    "TruncatesFirst",
]


def _mapped(value: Any, change: Any) -> Any:
    """Return a JSON value with a function applied to its leaves."""
    if isinstance(value, dict):
        return {change(name): _mapped(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        return [_mapped(inner, change) for inner in value]
    return change(value)


class _Changed(Reference):
    """Reads metadata with a change of every value."""

    def _change(self, value: Any) -> Any:
        return value

    def read_metadata(self) -> dict[str, Any]:
        """Read the document and change it."""
        return dict(_mapped(super().read_metadata(), self._change))


@mutant("ZB-META-01", "Members that the backend does not know are lost.")
class DropsUnknownMembers(Reference):
    """Has a column for each known member."""

    def read_metadata(self) -> dict[str, Any]:
        """Read what it knows."""
        return {key: value for key, value in super().read_metadata().items() if key != "extra"}


@mutant("ZB-META-01", "Attributes of v2 arrays are not read.")
class LosesV2Attributes(Reference):
    """Reads .zarray alone."""

    def read_metadata(self) -> dict[str, Any]:
        """Read one document."""
        document = super().read_metadata()
        if document["zarr_format"] == 2:  # noqa: PLR2004  # the format
            document["attributes"] = {}
        return document


@mutant("ZB-META-02", "Where no metadata was written, an empty dict is read.")
class EmptyDictForMissing(Reference):
    """Says nothing where there is nothing."""

    def read_metadata(self) -> dict[str, Any]:
        """Read the document, or {}."""
        try:
            return super().read_metadata()
        except MetadataNotFoundError:
            return {}


@mutant("ZB-META-02", "Where there are chunks and no metadata, a document is made up.")
class MakesUpMetadata(Reference):
    """Says what an array of these chunks could be."""

    def read_metadata(self) -> dict[str, Any]:
        """Read the document, or guess."""
        try:
            return super().read_metadata()
        except MetadataNotFoundError:
            if next(self.list_keys(), None) is None:
                raise
            return {"zarr_format": 3, "node_type": "array"}


@mutant("ZB-META-02", "Missing metadata is a FileNotFoundError, once there is a folder.")
class TakesAnythingForMissing(BareFiles):
    """Lets the system's error through."""

    def read_metadata(self) -> dict[str, Any]:
        """Read the document."""
        if self.folder.exists():
            self._document.stat()
        return super().read_metadata()


@mutant("ZB-META-03", "A new document is merged into the old one.")
class MergesMetadata(BareMemory):
    """Updates."""

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Add and replace members."""
        old = json.loads(self.document) if self.document else {}
        same = old.get("zarr_format") == zarr_format and "old" in old
        super().write_metadata({**old, **metadata} if same else metadata, zarr_format)


@mutant("ZB-META-04", "Characters beyond ASCII are dropped.")
class AsciiMetadata(_Changed):
    """Encodes with errors ignored."""

    def _change(self, value: Any) -> Any:
        return value.encode("ascii", "ignore").decode() if isinstance(value, str) else value


@mutant("ZB-META-04", "Text is normalised.")
class NormalisesText(_Changed):
    """Means well."""

    def _change(self, value: Any) -> Any:
        return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


@mutant("ZB-META-05", "Texts are cut after 64 KiB.")
class CutsMetadata(_Changed):
    """Keeps texts in a column of limited length."""

    def _change(self, value: Any) -> Any:
        return value[: 2**16] if isinstance(value, str) else value


@mutant("ZB-META-05", "Documents of more than 512 KiB are refused.")
class RefusesLargeMetadata(Reference):
    """Puts metadata into a header."""

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Write a small document.

        Raises:
            OSError: It is large.
        """
        if len(repr(metadata)) > 2**19:
            message = "request header fields too large"
            raise OSError(message)
        super().write_metadata(metadata, zarr_format)


@mutant("ZB-META-06", "Floats are kept with six digits.")
class FloatsInSixDigits(_Changed):
    """Formats them."""

    def _change(self, value: Any) -> Any:
        return float(f"{value:g}") if isinstance(value, float) else value


@mutant("ZB-META-06", "Booleans come back as 0 and 1.")
class BooleansAreNumbers(_Changed):
    """Has no type for them."""

    def _change(self, value: Any) -> Any:
        return int(value) if isinstance(value, bool) and value else value


@mutant("ZB-META-06", "Integers beyond 2**53 come back as floats.")
class LargeIntegersAreFloats(_Changed):
    """Parses JSON as JavaScript does."""

    def _change(self, value: Any) -> Any:
        return float(value) if type(value) is int and abs(value) > 2**53 else value


@mutant("ZB-META-06", "The text NaN comes back as a number.")
class NumbersFromWords(_Changed):
    """Is clever."""

    def _change(self, value: Any) -> Any:
        return float(value) if value in ("Infinity", "-Infinity") else value


@mutant("ZB-META-06", "Members that are null are lost.")
class DropsEmptyMembers(Reference):
    """Leaves out what is not set."""

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Write attributes without what is None inside lists of them."""
        attributes = dict(metadata.get("attributes", {}))
        if isinstance(attributes.get("nothing"), list):
            attributes["nothing"] = [v for v in attributes["nothing"] if v is not None]
            metadata = {**metadata, "attributes": attributes}
        super().write_metadata(metadata, zarr_format)


@mutant("ZB-META-07", "Members come back sorted.")
class SortsMembers(Reference):
    """Writes JSON in a canonical form."""

    def read_metadata(self) -> dict[str, Any]:
        """Read the document, sorted."""
        return dict(json.loads(json.dumps(super().read_metadata(), sort_keys=True)))


@mutant("ZB-META-08", "The dict that is returned is the one that is kept.")
class GivesAwayItsDocument(BareMemory):
    """Parses once."""

    _parsed: dict[str, Any] | None = None

    def read_metadata(self) -> dict[str, Any]:
        """Return the parsed document."""
        if self._parsed is None:
            self._parsed = super().read_metadata()
        return self._parsed

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Write the document."""
        super().write_metadata(metadata, zarr_format)
        self._parsed = None


@mutant("ZB-META-09", "The argument is kept, nested objects and all.")
class KeepsTheArgument(BareMemory):
    """Copies one level."""

    _kept: tuple[Mapping[str, Any], ZarrFormat] | None = None

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Check the document and keep it."""
        super().write_metadata(metadata, zarr_format)
        self._kept = dict(metadata), zarr_format

    def read_metadata(self) -> dict[str, Any]:
        """Return what it has become."""
        if self._kept is not None:
            super().write_metadata(*self._kept)
        return super().read_metadata()


@mutant("ZB-META-09", "The attributes are taken out of the argument.")
class PopsAttributes(Reference):
    """Splits a v2 document in place."""

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Write two documents."""
        super().write_metadata(metadata, zarr_format)
        if zarr_format == 2 and isinstance(metadata, dict) and len(metadata["attributes"]) == 2:  # noqa: PLR2004  # some
            metadata.pop("attributes")


@mutant(
    "ZB-META-10", "The format is remembered by the instance, and documents of the other missed."
)
class RemembersTheFormat(Reference):
    """Looks once which format it is."""

    _key: str | None = None

    def read_metadata(self) -> dict[str, Any]:
        """Read the document of the format that was seen first.

        Returns:
            The document.

        Raises:
            MetadataNotFoundError: There is none.
        """
        document = super().read_metadata()
        key = "zarr.json" if document["zarr_format"] == 3 else ".zarray"  # noqa: PLR2004  # the format
        self._key = self._key or key
        if key != self._key:
            message = f"no {self._key}"
            raise MetadataNotFoundError(message, backend=self.backend_id)
        return document


@mutant("ZB-META-11", "A new shape clears the chunks.")
class NewShapeClears(Reference):
    """Takes a resize for a new array."""

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Write the document, and clear where the shape is another."""
        try:
            old = super().read_metadata()
        except (MetadataError, MetadataNotFoundError):
            old = dict(metadata)
        super().write_metadata(metadata, zarr_format)
        if old["shape"] != metadata["shape"]:
            for index in list(self.list_chunks()):
                self.delete_chunk(index)


@mutant("ZB-META-12", "The attributes of v2 stand in .zarray, where no other program looks.")
class AttributesInZarray(Reference):
    """Stores the document as it is."""

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Write one document."""
        super().write_metadata(metadata, zarr_format)
        if zarr_format == 2:  # noqa: PLR2004  # the format
            self.set(".zarray", json.dumps(dict(metadata)).encode())


@mutant("ZB-META-12", "A v3 document leaves those of v2 beside it, which other programs read.")
class LeavesTheOldFormat(Reference):
    """Writes and does not look back."""

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Write, and put the documents of v2 back."""
        old = {key: self.get(key) for key in (".zarray", ".zattrs")}
        super().write_metadata(metadata, zarr_format)
        if zarr_format == 3:  # noqa: PLR2004  # the format
            self.set_many({key: value for key, value in old.items() if value is not None})


@mutant("ZB-META-13", "A document that is no JSON is found out after the old one was deleted.")
class TruncatesFirst(BareFiles):
    """Opens the file for writing, then serialises."""

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Write a document."""
        self._document.unlink(missing_ok=True)
        super().write_metadata(metadata, zarr_format)
