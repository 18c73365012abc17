"""The metadata document: a JSON object that comes back as it was written."""

from __future__ import annotations

import copy
import json
from types import MappingProxyType
from typing import Any

from zarr_backends import MetadataNotFoundError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import (
    content,
    equal,
    indices,
    is_true,
    raises,
    same_bytes,
)
from zarr_backends_compliance._kernel.samples import V2, V3, v2_metadata, v3_metadata
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.documents import (
    HARD_TEXTS,
    HARD_VALUES,
    LAYOUTS,
    same_document,
)
from zarr_backends_compliance._tools.existence import is_there
from zarr_backends_compliance._tools.places import empty_place, instances
from zarr_backends_compliance._tools.refusals import accepted

__all__: list[str] = []

DOCUMENTS = MappingProxyType({V2: v2_metadata, V3: v3_metadata})
"""What makes a document, by format."""

ATTRIBUTES: tuple[dict[str, Any], ...] = (
    {},
    {"units": "K", "nested": {"zarr_format": 1, "attributes": [1]}},
)
"""Attributes, none and some."""

REPLACEMENTS: tuple[dict[str, Any], ...] = (
    *({"a": 1}, {"b": "x" * 5000}, {"c": {"d": 1}}, {"c": {}}, {}, {"a": 1}),
)
"""Attributes that follow each other; none is a part of the one before."""


@check(
    "ZB-META-01",
    "read_metadata returns the JSON object last written, of either format, the attributes of v2 "
    "as its member `attributes`.",
    hint="Store the whole document, members that you do not know among them.",
)
def metadata_comes_back_as_it_was_written(t: Trial) -> None:
    """Every way to name chunks; no, some and nested attributes; members of other libraries."""
    for zarr_format, document_of in DOCUMENTS.items():
        for attributes in ATTRIBUTES:
            for shape in ((), (8,), (3, 4, 5)):
                place = f"v{zarr_format}-{len(attributes)}-{len(shape)}"
                backend = t.create(place)
                document = document_of(shape, attributes=attributes, extra={"must": [1, None]})
                backend.write_metadata(document, zarr_format)
                for instance in instances(t, backend, place):
                    same_document(instance.read_metadata(), document)


@check(
    "ZB-META-02",
    "read_metadata raises MetadataNotFoundError where no metadata was written.",
    hint="Raise zarr_backends.MetadataNotFoundError: never return None or an empty dict.",
)
def missing_metadata_is_an_error(t: Trial) -> None:
    """At a place that nobody wrote to, asked twice, and with a chunk."""
    backend = empty_place(t)
    raises(MetadataNotFoundError, backend.read_metadata)
    raises(MetadataNotFoundError, backend.read_metadata)
    if accepted(backend.write_chunk, (0,), b"x"):
        raises(MetadataNotFoundError, backend.read_metadata)
        backend.delete_chunk((0,))
        raises(MetadataNotFoundError, backend.read_metadata)


@check(
    "ZB-META-03",
    "write_metadata replaces the whole document: no member of an earlier one is left.",
    hint="Replace, do not merge; look for files that are not truncated.",
)
def metadata_is_replaced_as_a_whole(t: Trial) -> None:
    """By longer, shorter and equal ones, with other members and attributes."""
    for zarr_format, document_of in DOCUMENTS.items():
        backend = t.array(f"v{zarr_format}", (8,), zarr_format, old="member")
        for attributes in REPLACEMENTS:
            document = document_of((9,), attributes=attributes, **{f"x{len(attributes)}": 1})
            backend.write_metadata(document, zarr_format)
            for instance in instances(t, backend, f"v{zarr_format}"):
                same_document(instance.read_metadata(), document)


@check(
    "ZB-META-04",
    "Metadata holds every text of Unicode, in names and in values, as it is.",
    hint="Encode as UTF-8, without normalising, escaping by hand or ignoring errors.",
)
def metadata_holds_every_text(t: Trial) -> None:
    """Astral and combining characters, controls, NUL, quotes."""
    for zarr_format, document_of in DOCUMENTS.items():
        backend = t.create(f"v{zarr_format}")
        for text in HARD_TEXTS:
            document = document_of(attributes={"text": text, text: [text], "in": {text: {}}})
            backend.write_metadata(document, zarr_format)
            for instance in instances(t, backend, f"v{zarr_format}"):
                same_document(instance.read_metadata(), document)


@check(
    "ZB-META-05",
    "Metadata is of any size.",
    hint="Look for a column type, a document or a header with a limit; never cut.",
)
def metadata_is_of_any_size(t: Trial) -> None:
    """One megabyte in one text; many members; a long list; just over 64 KB; and short again."""
    members = {f"m{i}": i for i in range(5_000)}
    for zarr_format, document_of in DOCUMENTS.items():
        backend = t.create(f"v{zarr_format}")
        for value in ("long " * 200_000, members, [0.5] * 5_000, "x" * 70_000, "short"):
            document = document_of(attributes={"large": value, "after": 1})
            backend.write_metadata(document, zarr_format)
            for instance in instances(t, backend, f"v{zarr_format}"):
                same_document(instance.read_metadata(), document)


@check(
    "ZB-META-06",
    'Values of JSON keep their type and their exact value: 1, 1.0, true and "1" are four.',
    hint="Store the text of the document, not its members in columns or fields of their own.",
)
def values_keep_type_and_value(t: Trial) -> None:
    """Large integers, floats, -0.0, booleans, null, empty and nested ones, texts like NaN."""
    for zarr_format, document_of in DOCUMENTS.items():
        backend = t.create(f"v{zarr_format}")
        document = document_of(attributes=dict(HARD_VALUES), fill_value="NaN")
        backend.write_metadata(document, zarr_format)
        for instance in instances(t, backend, f"v{zarr_format}"):
            same_document(instance.read_metadata(), document)


@check(
    "ZB-META-07",
    "Members keep their order, at every level.",
    hint="Look for sort_keys=True, or a store that sorts the fields of a document.",
)
def members_keep_their_order(t: Trial) -> None:
    """Neither sorted nor turned round."""
    backend = t.create()
    attributes = {"z": 1, "a": {"y": 1, "b": [{"x": 1, "c": 1, "m": 1}], "n": 1}, "k": 1}
    document = v3_metadata(attributes=attributes)
    for ordered in (document, dict(reversed(document.items()))):
        backend.write_metadata(ordered, V3)
        for instance in instances(t, backend):
            same_document(instance.read_metadata(), ordered, ordered=True)
    backend = t.array("v2", zarr_format=V2, attributes=attributes)
    seen = backend.read_metadata()["attributes"]
    same_document({"attributes": seen}, {"attributes": attributes}, ordered=True)


@check(
    "ZB-META-08",
    "The dict that read_metadata returns is the caller's own.",
    hint="Return a new dict each time, nested ones too (parse it, or copy.deepcopy).",
)
def the_returned_dict_is_the_callers(t: Trial) -> None:
    """It is changed at every level; the next one that is read is as written."""
    for zarr_format, document_of in DOCUMENTS.items():
        document = document_of(attributes={"list": [1], "dict": {"a": 1}})
        backend = t.create(f"v{zarr_format}")
        backend.write_metadata(copy.deepcopy(document), zarr_format)
        for _ in range(2):
            seen = backend.read_metadata()
            seen["attributes"]["list"].append(2)
            seen["attributes"]["dict"]["a"] = 2
            seen["shape"][0] = 99
            seen.clear()
            for instance in instances(t, backend, f"v{zarr_format}"):
                same_document(instance.read_metadata(), document)


@check(
    "ZB-META-09",
    "write_metadata neither keeps nor changes what it is given.",
    hint="Copy before you pop or add members; store the text, not the dict.",
)
def the_given_dict_stays_the_callers(t: Trial) -> None:
    """It is as before after the call, and changing it then changes nothing stored."""
    for zarr_format, document_of in DOCUMENTS.items():
        backend = t.create(f"v{zarr_format}")
        given = document_of(attributes={"list": [1], "dict": {"a": 1}})
        written = copy.deepcopy(given)
        backend.write_metadata(given, zarr_format)
        equal(json.dumps(given), json.dumps(written), "the argument of write_metadata, afterwards,")
        given["attributes"]["list"].append(2)
        given["attributes"]["dict"].clear()
        given["shape"][0] = 99
        given["new"] = 1
        for instance in instances(t, backend, f"v{zarr_format}"):
            same_document(instance.read_metadata(), written)


@check(
    "ZB-META-10",
    "A document of the other format replaces the one that is there.",
    hint="Delete the documents of the other format (zarr.json; .zarray and .zattrs) as well.",
)
def the_other_format_replaces_the_document(t: Trial) -> None:
    """To and fro, with attributes that the next one has not."""
    backend = t.create()
    for turn, zarr_format in enumerate((V3, V2, V3, V2, V2, V3)):
        document = DOCUMENTS[zarr_format](attributes={f"turn{turn}": turn} if turn % 3 else {})
        backend.write_metadata(document, zarr_format)
        for instance in instances(t, backend):
            same_document(instance.read_metadata(), document)
            is_there(instance, f"exists() after {turn} changes of the format")


@check(
    "ZB-META-11",
    "Metadata and chunks are independent: writing one leaves the other as it is.",
    hint="Keep them under keys of their own; do not clear a place in write_metadata.",
)
def metadata_and_chunks_are_independent(t: Trial) -> None:
    """Attributes and shape are changed, chunks written and deleted in turn."""
    for place, members in enumerate(LAYOUTS.values()):
        backend = t.array(f"p{place}", (8, 8), **members)
        document = backend.read_metadata()
        for i in range(3):
            backend.write_chunk((i, i), b"%d" % i)
            same_document(backend.read_metadata(), document)
            document |= {"shape": [8 + i, 8], "attributes": {"i": i}}
            backend.write_metadata(document, members["zarr_format"])
            equal(indices(backend.list_chunks()), [(j, j) for j in range(i + 1)], "the listing")
        same_bytes(backend.read_chunk((0, 0)), b"0", "a chunk after new metadata")
        backend.delete_chunk((0, 0))
        same_document(backend.read_metadata(), document)


@check(
    "ZB-META-12",
    "Under keys, metadata is plain Zarr: zarr.json; or .zarray with the attributes in .zattrs; "
    "of one format alone.",
    hint="Store JSON objects under the keys of the specification, and delete those of the other.",
    needs=("keys",),
)
def metadata_is_plain_zarr_under_keys(t: Trial) -> None:
    """What other implementations find, after each change of the format."""
    backend = t.create()
    attributes = {"text": "grün \U0001f600", "n": 1}
    wanted = v2_metadata(attributes=attributes)
    for _ in range(2):
        backend.write_metadata(v3_metadata(attributes=attributes), V3)
        stored = json.loads(content(backend.get("zarr.json"), "zarr.json"))
        same_document(stored, v3_metadata(attributes=attributes))
        equal([backend.get(".zarray"), backend.get(".zattrs")], [None, None], "v2 keys beside v3")
        backend.write_metadata(wanted, V2)
        stored = json.loads(content(backend.get(".zarray"), ".zarray"))
        is_true("attributes" not in stored, "the attributes stand in .zarray")
        stored["attributes"] = json.loads(content(backend.get(".zattrs"), ".zattrs"))
        same_document(stored, wanted)
        equal(backend.get("zarr.json"), None, "zarr.json beside v2")


@check(
    "ZB-META-13",
    "A document that cannot be stored is refused, and the one before stays.",
    hint="Serialise the document before you open, truncate or delete anything.",
)
def a_document_that_cannot_be_stored_changes_nothing(t: Trial) -> None:
    """Values that JSON has no word for, early and late in the document."""
    for zarr_format, document_of in DOCUMENTS.items():
        before = document_of(attributes={"kept": 1})
        for thing in (object(), {1, 2}, 1j, b"bytes"):
            for members in ({"attributes": {"a": 1, "thing": thing}}, {"thing": thing}):
                backend = t.array(f"v{zarr_format}", (8,), zarr_format, attributes={"kept": 1})
                backend.write_chunk((0,), b"kept")
                if not accepted(backend.write_metadata, document_of(**members), zarr_format):
                    for instance in instances(t, backend, f"v{zarr_format}"):
                        same_document(instance.read_metadata(), before)
                        same_bytes(instance.read_chunk((0,)), b"kept", "a chunk afterwards")
