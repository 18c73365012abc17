"""Expectations: each looks at what a backend gave and says what was seen where it is wrong.

What a backend returns is looked at through these alone, so that a wrong type is a finding
about the backend and not an accident of the check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from zarr_backends import ZarrBackendsError
from zarr_backends_compliance._kernel.verdicts import violated

__all__ = ["content", "equal", "indices", "is_true", "raises", "same_bytes", "shown"]

_E = TypeVar("_E", bound=BaseException)

_SHOWN = 60
"""Characters of a value that a message shows."""


def shown(value: object) -> str:
    """Return a value as a message shows it: short, and long bytes by their length."""
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
        return repr(data) if len(data) <= 24 else f"{len(data):,} bytes {data[:12]!r}..."  # noqa: PLR2004
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def is_true(fact: object, otherwise: str) -> None:
    """Fail with a sentence unless something holds.

    Args:
        fact: What must be true.
        otherwise: What was seen where it is not.
    """
    if not fact:
        violated(otherwise)


def equal(seen: object, expected: object, what: str) -> None:
    """Fail unless two values are equal, in type as well.

    Args:
        seen: What the backend gave.
        expected: What it should have given.
        what: What it is, to begin the sentence with.
    """
    if type(seen) is not type(expected) or seen != expected:
        violated(f"{what} is {shown(seen)}, not {shown(expected)}")


def content(value: object, what: str = "the chunk") -> bytes:
    """Return what a backend returned as bytes; fail where it is no flat buffer of bytes."""
    if not isinstance(value, bytes | bytearray | memoryview):
        violated(f"{what} came back as {type(value).__name__}: {shown(value)}, not as bytes")
    if isinstance(value, memoryview) and (value.format != "B" or not value.c_contiguous):
        violated(f"{what} came back as a memoryview that is not of plain contiguous bytes")
    return bytes(value)


def same_bytes(seen: object, expected: bytes, what: str = "the chunk") -> None:
    """Fail unless a backend returned exactly these bytes; says where they differ."""
    data = content(seen, what)
    if data == expected:
        return
    if len(data) != len(expected):
        violated(f"{what} has {len(data):,} bytes, {len(expected):,} were written")
    at = next(i for i, (a, b) in enumerate(zip(data, expected, strict=True)) if a != b)
    violated(f"{what} differs from what was written, first at byte {at:,} of {len(data):,}")


def indices(listing: Iterable[object], what: str = "list_chunks") -> list[tuple[int, ...]]:
    """Return a listing of chunks, sorted; fail on anything but tuples of int, each once."""
    if isinstance(listing, str | bytes) or not isinstance(listing, Iterable):
        violated(f"{what} gave {shown(listing)}, not an iterator of chunk indices")
    listed: list[Any] = list(listing)
    for index in listed:
        if type(index) is not tuple or any(type(i) is not int for i in index):
            violated(f"{what} yielded {shown(index)}, which is no tuple of int")
    if len(set(listed)) != len(listed):
        twice = next(index for index in listed if listed.count(index) > 1)
        violated(f"{what} yielded {twice} {listed.count(twice)} times")
    return sorted(listed)


def raises(expected: type[_E], call: Callable[..., object], *arguments: Any, **options: Any) -> _E:
    """Call something that must raise; fail where it does not, or raises something else.

    Args:
        expected: Class of the error.
        call: What is called.
        *arguments: With what.
        **options: With which options.

    Returns:
        The error.
    """
    name = getattr(call, "__name__", repr(call))
    text = ", ".join([*map(shown, arguments), *(f"{k}={shown(v)}" for k, v in options.items())])
    try:
        outcome = f"returned {shown(call(*arguments, **options))}"
    except expected as error:
        return error
    except Exception as error:
        ours = "" if isinstance(error, ZarrBackendsError) else ", which is no error of ours"
        outcome = f"raised {type(error).__name__}{ours}: {error}"
    return violated(f"{name}({text}) {outcome}; it had to raise {expected.__name__}")
