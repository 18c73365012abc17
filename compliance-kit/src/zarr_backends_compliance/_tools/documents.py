"""Metadata documents: the layouts of chunk keys, values that are hard to keep, comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from zarr_backends_compliance._kernel.expect import shown
from zarr_backends_compliance._kernel.verdicts import violated

__all__ = ["HARD_TEXTS", "HARD_VALUES", "LAYOUTS", "same_document"]


def _encoding(name: str, separator: str) -> dict[str, Any]:
    """Return the member of a v3 document that names chunks."""
    return {
        "zarr_format": 3,
        "chunk_key_encoding": {"name": name, "configuration": {"separator": separator}},
    }


LAYOUTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "v3, c/0/0": _encoding("default", "/"),
        "v3, c.0.0": _encoding("default", "."),
        "v3, 0.0": _encoding("v2", "."),
        "v3, 0/0": _encoding("v2", "/"),
        "v2, 0.0": {"zarr_format": 2, "dimension_separator": "."},
        "v2, 0/0": {"zarr_format": 2, "dimension_separator": "/"},
    }
)
"""Arguments of `Trial.array` for every way to name chunks, by the format and one such name."""

HARD_TEXTS = (
    "",
    "grün, Ωμέγα, 数据, עברית, \u0e44\u0e17\u0e22",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \U00010348",
    "\u00e9 is not e\u0301, \u212b is not \u00c5, \ufb01 is not fi",
    "\u0000 \u0001 \u001f \u007f \u0085 \u2028 \u2029 \ufeff \ufffd \uffff",
    "quotes \" ' ` and \\ \\u0041 \\n /",
    "\t\n\r  blanks at both ends \n ",
    "<script>&amp;%00%2F{name}$1{{0}}",
)
"""Texts that go wrong where they are encoded, normalised or escaped by halves."""

HARD_VALUES: Mapping[str, Any] = MappingProxyType(
    {
        "words": ["NaN", "Infinity", "-Infinity", "null", "true", "None", "1", "1.0", "0x10", ""],
        "dates": ["2024-01-31", "2024-01-31T12:00:00Z", "12:30"],
        "integers": [
            0,
            -1,
            255,
            2**31,
            -(2**31) - 1,
            2**53 + 1,
            2**63 - 1,
            -(2**63),
            2**64,
            10**30,
        ],
        "floats": [0.1, 1.0, -0.0, 1e-7, 1e22, 1.7976931348623157e308, 5e-324, 2.0**53, 1 / 3],
        "booleans": [True, False, 1, 0, 1.0, 0.0],
        "nothing": [None, {}, [], "", {"none": None, "empty": {}}, [[]], [None]],
        "nested": {"a": [{"b": [{"c": {"d": [1, [2, [3]]]}}]}]},
        "odd names": {"": 1, " ": 2, "a.b": 3, "$set": 4, "_id": 5, "a/b": 6, "0": 7, "None": 8},
        "names alike": {"A": 1, "a": 2, "a ": 3, "aa": 4},
    }
)
"""Values that JSON tells apart and many stores do not."""


def same_document(seen: object, expected: Mapping[str, Any], *, ordered: bool = False) -> None:
    """Fail unless a backend returned this document: 1, 1.0 and true are three values.

    Args:
        seen: What ``read_metadata`` returned.
        expected: What was written. For v2, empty attributes may be left out.
        ordered: Whether the order of members counts as well.
    """
    if type(seen) is not dict:
        violated(f"read_metadata returned {type(seen).__name__}: {shown(seen)}, not a dict")
    document = dict(seen)
    if expected.get("attributes", {}) == {}:
        document.setdefault("attributes", {})
        expected = {**expected, "attributes": {}}
    for name in {*document, *expected}:
        if _text(document.get(name, ...)) != _text(expected.get(name, ...)):
            violated(
                f"member {name!r:.60} of the metadata is {_seen(document, name, expected)}, "
                f"not {_seen(expected, name, document)}"
            )
    if ordered and _text(seen, sort_keys=False) != _text(expected, sort_keys=False):
        violated(f"the members came back in another order: {list(document)}, not {list(expected)}")


def _seen(document: Mapping[str, Any], name: str, other: Mapping[str, Any]) -> str:
    """Return a member for a message, from a little before where it differs."""
    if name not in document:
        return "absent"
    text, reference = _text(document[name]), _text(other.get(name, ...))
    same = next((i for i, (a, b) in enumerate(zip(text, reference, strict=False)) if a != b), 0)
    start, stop = max(0, same - 12), max(0, same - 12) + 60
    return ("..." if start else "") + text[start:stop] + ("..." if len(text) > stop else "")


def _text(value: object, *, sort_keys: bool = True) -> str:
    """Return a value as a text that differs wherever values differ, in type as well."""
    try:
        return json.dumps(value, sort_keys=sort_keys)
    except (TypeError, ValueError):
        return f"{type(value).__name__} {value!r}"
