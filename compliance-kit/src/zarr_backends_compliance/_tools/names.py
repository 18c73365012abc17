"""Names of places that mean something to somebody: patterns, paths, encodings, statements."""

from __future__ import annotations

__all__ = ["ALIKE_NAMES", "ODD_NAMES"]

ALIKE_NAMES: tuple[tuple[str, ...], ...] = (
    ("a_b", "axb"),
    ("a%", "ax", "a%/x"),
    ("a*", "ax", "a*/x"),
    ("a?", "ax"),
    ("a.b", "axb"),
    ("[ab]", "a", "b"),
    ("a{b,c}", "ab", "ac"),
    ("a+b", "a b", "a%20b", "aab"),
    ("a%2fb", "a%2Fb", "a/b"),
    ("a#b", "a", "a?b=1"),
    ("a:b", "a;b", "a,b", "a|b", "a=b"),
    ("a\u00e9", "ae\u0301", "ae", "a\u00c3\u00a9"),
    ("a\U0001f600", "a?", "a\ufffd"),
    ("a'b", 'a"b', "a`b", "a''b"),
    ("a\\b", "a/b", "a\\\\b"),
    ("a$b", "a", "a${b}", "$a"),
    ("x" * 100 + "1", "x" * 100 + "2", "x" * 100),
    ("x" * 240 + "1", "x" * 240 + "2"),
    ("0", "00", "0.0", "0e0"),
    ("c", "c.0", "zarr.json", ".zarray"),
)
"""Groups of names that are one to whoever takes them for a pattern, decodes or cuts them."""

ODD_NAMES: tuple[str, ...] = (
    "p/a/b/../c",
    "p/b/../a/c",
    "p/a/b/../../a/c",
    "p/a\\b\\..\\c",
    "p/a/b/%2e%2e/c",
    "p/a/b/..%2fc",
    "p/a%2fc",
    "p/a/c\0",
    "p/a/c\0x",
    "p/a/c ",
    "p/a/ c",
    "p/a/c\n",
    "p/a/C",
    "p/a/c?x=1",
    "p/a/c#x",
    "p/a/'; DROP TABLE entries; --",
    "p/a/' OR '1'='1",
    "p/a/" + "long/" * 40 + "c",
    "p/a/" + "c" * 5000,
)
"""Names that are refused or are places of their own, whatever stands at ``p/a/c``. None of them
leads out of ``p``, not even where ``..`` is followed."""
